"""The base class of all sections of the config."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

from huberflow.components.contracts.date_formats import DATE_FORMATS
from huberflow.components.contracts.json_record import JSON
from huberflow.custom_objects.input_error import InputError


class Strict(BaseModel):
    """A frozen section; unknown keys and values of another type are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    def plain(self) -> dict[str, JSON]:
        """The section as JSON, by the keys that users write."""
        return self.model_dump(mode="json", by_alias=True)


def _check_date_format(written: str) -> str:
    if written not in DATE_FORMATS:
        raise InputError("", expected=f"one of {', '.join(DATE_FORMATS)}", received=repr(written))
    return written


DateFormatName = Annotated[str, AfterValidator(_check_date_format)]
