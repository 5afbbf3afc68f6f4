"""The base class of all sections of the config."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

from huberflow.components.contracts.amount_formats import is_amount_format
from huberflow.components.contracts.date_formats import DATE_FORMATS
from huberflow.custom_objects.input_error import InputError
from huberflow.custom_objects.json_record import JSON


class Strict(BaseModel):
    """A frozen section; unknown keys and values of another type are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    def plain(self) -> dict[str, JSON]:
        """The section as JSON, by the keys that users write."""
        return self.model_dump(mode="json", by_alias=True)


def refuse_if(
    wrong: object, key: str, expected: str, received: str, write: str | None = None
) -> None:
    """Refuses the value of a key, below the section that is validated, if it breaks a rule.

    Raises:
      InputError: it does.
    """
    if wrong:
        raise InputError(key, expected=expected, received=received, write=write)


def _check_date_format(written: str) -> str:
    refuse_if(written not in DATE_FORMATS, "", f"one of {', '.join(DATE_FORMATS)}", repr(written))
    return written


DateFormatName = Annotated[str, AfterValidator(_check_date_format)]


def _check_amount_format(written: str) -> str:
    expected = "how 1234.56 is written, such as $1,234.56 or 1.234,56 €"
    refuse_if(not is_amount_format(written), "", expected, repr(written))
    return written


AmountFormatName = Annotated[str, AfterValidator(_check_amount_format)]
