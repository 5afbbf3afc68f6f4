"""What sections of the config have in common."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

from huberflow.components.contracts.date_formats import DATE_FORMATS
from huberflow.custom_objects.input_error import InputError


class Strict(BaseModel):
    """Frozen; keys that it does not know, and values of another type, are mistakes."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def _known_format(written: str) -> str:
    if written not in DATE_FORMATS:
        raise InputError("", expected=f"one of {', '.join(DATE_FORMATS)}", received=repr(written))
    return written


DateFormatName = Annotated[str, AfterValidator(_known_format)]
