"""What Transform writes and the model reads: two tensors, the label and the weight."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from huberflow.components.contracts.date_formats import DATE_FORMATS
from huberflow.custom_objects.json_record import JsonRecord

NUMBERS = "numbers"
"""float32 ``[batch, numbers]``: the value of each numeric column, then whether it is missing; the
sine of each cyclic column, then its cosine; the bins of each numeric column, see ``bins``. The days
since 1970 of a date are a numeric column, its weekday, day of the year and hour cyclic ones."""

TRUTH = "truth"
"""The label, which predictions are compared with: float32 ``[batch]``, or ``[batch, labels]`` for
several labels; NaN where a row has no label. A class is its index in the list of classes."""

WEIGHT = "weight"
"""The weight of a row, where the config names a column of them: float32 ``[batch]``, NaN where
missing."""

INDICES = "indices"
"""int64 ``[batch, embedded]``: indices of rows of one embedding table, see ``VOCABULARY``."""

PREDICTION_LAYER = "prediction"
"""The name of the model's last layer with weights."""

VOCABULARY = "categories"
"""One vocabulary for all embedded columns, of entries such as ``company=Flash Cab``, see
``entry_prefix``. A missing value is ``company=``. All values that are not in the vocabulary share
one more row of the embedding table, after the last entry."""


def entry_prefix(column: str) -> str:
    """The start of a vocabulary entry: the column's name, which ends at the first ``=``.

    Without the escapes, the value ``b=c`` of ``a`` would be the value ``c`` of ``a=b``; and TFT
    leaves out entries with a line break.
    """
    return column.translate({ord(sign): f"%{ord(sign):02X}" for sign in "%=\r\n"}) + "="


@dataclass(frozen=True, kw_only=True)
class FeaturesConfig(JsonRecord):
    """How each column of the data is used."""

    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    cyclic: Mapping[str, float] = field(default_factory=dict)
    """Periodic columns and their period."""
    dates: Mapping[str, str] = field(default_factory=dict)
    """Columns of dates, and their format, one of ``DATE_FORMATS``."""
    amounts: Mapping[str, str] = field(default_factory=dict)
    """Columns of numbers written as text, and their format, see ``contracts.amount_formats``."""
    boolean: tuple[str, ...] = ()
    """Columns of true and false, in any of the spellings of ``contracts.booleans``."""
    vocabulary_size: int = 1000
    """The number of most frequent values that are kept, over all categorical columns."""

    bins: int = 0
    """Intervals between quantiles, over which each numeric column is encoded piecewise linearly
    besides: 1 for an interval below the value, 0 for one above it, the share in between."""

    @property
    def columns(self) -> list[str]:
        """All columns of the data that the model reads."""
        return [*self.numeric, *self.embedded, *self.cyclic, *self.dates, *self.amounts]

    @property
    def embedded(self) -> list[str]:
        """The columns of ``INDICES``, whose values are entries of the vocabulary."""
        return [*self.categorical, *self.boolean]

    @property
    def numbers(self) -> int:
        """Width of ``NUMBERS``."""
        dates = sum(4 if DATE_FORMATS[name].has_time else 3 for name in self.dates.values())
        numeric = len(self.numeric) + len(self.amounts)
        linear = numeric + len(self.dates)
        return 2 * (numeric + len(self.cyclic) + dates) + self.bins * linear
