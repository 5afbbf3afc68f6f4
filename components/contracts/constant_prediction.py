"""The constant prediction: the best answer of a model that reads no column."""

from dataclasses import dataclass

from huberflow.custom_objects.json_record import JsonRecord


@dataclass(frozen=True)
class ConstantPrediction(JsonRecord):
    """What is predicted for every row; ``constant.json`` has the same fields.

    The shares of the classes predict the majority class, with the best constant probabilities.
    """

    values: tuple[float, ...]
    """The median of each label, or the share of each class (of two classes, of the second), over
    the train rows; as wide as ``Target.width``."""
