"""Permutation importance: how much worse a model is without what a column tells."""

from dataclasses import dataclass

from huberflow.custom_objects.json_record import JsonRecord


@dataclass(frozen=True)
class ColumnImportance(JsonRecord):
    """What happens to the loss when the values of a column are shuffled among the rows."""

    column: str
    increase: float
    """Of the mean loss; the mean over the shuffles."""
    spread: float
    """The standard deviation over the shuffles."""


@dataclass(frozen=True)
class Importance(JsonRecord):
    """The columns, the one that matters most first; ``importance.json`` has the same fields."""

    rows: int
    """Validation rows, a sample."""
    shuffles: int
    loss: float
    """The mean loss of these rows as they are; each row counts the same."""
    columns: tuple[ColumnImportance, ...]
