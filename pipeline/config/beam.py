"""Section ``beam``: where rows are processed."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.config.base import Strict, refuse_if


def _check_option(value: object) -> object:
    """Refuses other types with one message for all types of the union."""
    if value is False:
        raise InputError(
            "",
            expected="a value, or true for an option that has none",
            received="false",
            hint="leave it out, or write its opposite, such as no_use_public_ips: true",
        )
    items = value if isinstance(value, list | tuple) else [value]
    fits = items and all(isinstance(item, str | int | float | dict) for item in items)
    refuse_if(not fits, "", "text, a number, true, a list or a mapping", repr(value))
    return value


_OptionName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class Beam(Strict):
    """Where rows are read, analysed and evaluated; training runs on this machine."""

    runner: Literal["local", "flink", "spark", "dataflow"] = Field(
        "local",
        description="local: on this machine, in several processes where there are many rows; "
        "flink, spark, dataflow: on a cluster.",
    )
    options: dict[_OptionName, Annotated[Any, BeforeValidator(_check_option)]] = Field(
        {}, description="Options for Beam, such as {flink_master: 127.0.0.1:8081, parallelism: 8}."
    )
