"""What Transform writes and the model reads: two tensors, the truth and the weight.

A ``features`` mapping, plain JSON, says how each raw column is used::

    {"numeric": ["trip_miles"], "categorical": ["company"], "cyclic": {"hour": 24},
     "dates": {"picked_up": "YYYY-MM-DD hh:mm"}, "vocabulary_size": 1000}
"""

from collections.abc import Mapping
from typing import Any

from huberflow.components.contracts.target import Target

NUMBERS = "numbers"
"""float32 ``[batch, numbers]``: the value of each numeric column, then whether it is missing; the
sine of each cyclic column, then its cosine. The days since 1970 of a date are a numeric column,
its weekday, day of the year and hour cyclic ones."""

TRUTH = "truth"
"""float32 ``[batch]``, or ``[batch, labels]`` of several: what a prediction is held against, NaN
where the row has none. The label as it is, or the place of the class among all."""

INDICES = "indices"
"""int64 ``[batch, categories]``: rows of one embedding table, see ``VOCABULARY``."""

VOCABULARY = "categories"
"""One vocabulary for all categorical columns, of entries such as ``company=Flash Cab``. A missing
value is ``company=``; what is not in the vocabulary shares the row after its last."""


DATE_FORMATS = (
    "YYYY-MM-DD",
    "YYYY-MM-DD hh:mm",
    "YYYY-MM-DDThh:mm",
    "YYYY-MM-DD hh:mm+zone",
    "YYYY-MM-DDThh:mm+zone",
    "YYYY/MM/DD",
    "DD/MM/YYYY",
    "DD/MM/YYYY hh:mm",
    "DD/MM/YYYY hh:mm AM",
    "MM/DD/YYYY",
    "MM/DD/YYYY hh:mm",
    "MM/DD/YYYY hh:mm AM",
    "DD.MM.YYYY",
    "DD.MM.YYYY hh:mm",
)
"""How a column of dates may be written. Seconds may follow the minutes; a zone is ``Z``, ``+02:00``
or ``+0200``; after hours that go to 12 stands ``AM`` or ``PM``."""


def columns(features: Mapping[str, Any]) -> list[str]:
    """All raw columns that the model reads."""
    return [
        *features["numeric"],
        *features["categorical"],
        *features["cyclic"],
        *features["dates"],
    ]


def label_and_weight(config: Mapping[str, Any]) -> list[str]:
    """The raw columns that a node's config names as such; ``weight`` may be null.

    The model learns from both, and reads neither.
    """
    weight = config["weight"]
    return [*Target.of(config).labels, *([] if weight is None else [weight])]


def count_numbers(features: Mapping[str, Any]) -> int:
    """Width of ``NUMBERS``."""
    dates = sum(4 if "hh" in written else 3 for written in features["dates"].values())
    return 2 * (len(features["numeric"]) + len(features["cyclic"]) + dates)
