"""What Transform writes and the model reads: two tensors, the truth and the weight."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from huberflow.components.contracts.date_formats import DATE_FORMATS
from huberflow.custom_objects.json_record import JsonRecord

NUMBERS = "numbers"
"""float32 ``[batch, numbers]``: the value of each numeric column, then whether it is missing; the
sine of each cyclic column, then its cosine. The days since 1970 of a date are a numeric column,
its weekday, day of the year and hour cyclic ones."""

TRUTH = "truth"
"""float32 ``[batch]``, or ``[batch, labels]`` of several: what a prediction is held against, NaN
where the row has none. The label as it is, or the place of the class among all."""

INDICES = "indices"
"""int64 ``[batch, categories]``: rows of one embedding table, see ``VOCABULARY``."""

PREDICTION_LAYER = "prediction"
"""The name of the model's last layer with weights."""

VOCABULARY = "categories"
"""One vocabulary for all categorical columns, of entries such as ``company=Flash Cab``. A missing
value is ``company=``; what is not in the vocabulary shares the row after its last."""


@dataclass(frozen=True, kw_only=True)
class FeaturesConfig(JsonRecord):
    """How each raw column is used."""

    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    cyclic: Mapping[str, float] = field(default_factory=dict)
    """Periodic columns and their period."""
    dates: Mapping[str, str] = field(default_factory=dict)
    """Columns of dates written as text, and their format, one of ``DATE_FORMATS``."""
    vocabulary_size: int = 1000
    """The number of most frequent values that are kept, over all categorical columns."""

    @property
    def columns(self) -> list[str]:
        """All raw columns that the model reads."""
        return [*self.numeric, *self.categorical, *self.cyclic, *self.dates]

    @property
    def numbers(self) -> int:
        """Width of ``NUMBERS``."""
        dates = sum(4 if DATE_FORMATS[name].has_time else 3 for name in self.dates.values())
        return 2 * (len(self.numeric) + len(self.cyclic) + dates)
