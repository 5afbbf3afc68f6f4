"""What sections of the config have in common."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

from huberflow.components.contracts.date_formats import DATE_FORMATS


class Strict(BaseModel):
    """Frozen; keys that it does not know, and values of another type, are mistakes."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def _known_format(written: str) -> str:
    if written not in DATE_FORMATS:
        raise ValueError(f"expected one of {', '.join(DATE_FORMATS)}, received {written!r}")
    return written


DateFormatName = Annotated[str, AfterValidator(_known_format)]
