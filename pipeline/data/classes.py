"""Infers the task of a label from its values, and the classes of a classification."""

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence

from huberflow.custom_objects.catalogue import Task
from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.data.profile import FEW as MOST_CLASSES
from huberflow.pipeline.data.profile import ColumnProfile

ROWS_PER_CLASS = 5
"""The rows that a class needs on average; with fewer, a model cannot learn it."""


def infer_task(column: ColumnProfile) -> Task:
    """Regression for numbers; classes for text, and for exactly two whole numbers."""
    if column.is_number:
        two = column.distinct == 2 and column.whole and not column.non_finite
        return "binary" if two and _has_rows(column) else "regression"
    if column.kind == "date" or column.suggestion:  # perhaps meant as numbers: refused later
        return "regression"
    return "binary" if column.distinct == 2 else "multiclass"


def class_names(column: ColumnProfile) -> tuple[str, ...]:
    """The classes as text: numbers in ascending order, texts in alphabetical order.

    Raises:
      InputError: the values cannot be classes.
    """
    if column.suggestion:
        raise _refused(column, column.suggestion)
    if column.is_number and not column.whole:
        raise _refused(column, "numbers with fractions", write="--set model.task=regression")
    many = f"{column.distinct:,} values in {column.present:,} rows"
    if column.values is None or not _has_rows(column):
        raise _refused(column, f"{many}, such as {column.examples[0]!r}")
    values = sorted(column.values)  # type: ignore[type-var]
    return tuple(str(int(each) if isinstance(each, float) else each) for each in values)


def check_chosen_classes(column: ColumnProfile, asked: Iterable[str]) -> None:
    """Checks that each class of the config occurs in the data.

    Raises:
      InputError: no row has one of the classes.
    """
    classes = class_names(column)
    if wrong := [name for name in asked if name not in classes]:
        raise InputError(
            "data.classes",
            expected=f"values of {column.name!r}",
            received=repr(wrong[0]),
            write=shlex.join(["--set", f"data.classes={json.dumps(classes)}"]),
        )


def check_trained_classes(
    classes: Sequence[str], counts: Mapping[str, int], label: str, split: str
) -> None:
    """Checks that the model can learn every class.

    Args:
      classes: of the config.
      counts: the number of train rows of each.
      label: the column.
      split: the key of the config that says which rows are for training.

    Raises:
      InputError: no train row has one of the classes, as where other rows spell it otherwise.
    """
    lacking = [name for name in classes if not counts[name]]
    if lacking:
        trained = [name for name in classes if counts[name]]
        raise InputError(
            split,
            expected=f"the classes of the train rows ({', '.join(trained)}) in {label!r}",
            received=f"{', '.join(map(repr, lacking))}, in other rows only",
            hint="spell them as the train rows do; or, to drop these rows",
            write=shlex.join(["--set", f"data.classes={json.dumps(trained)}"]),
        )


def remark_on_label(column: ColumnProfile, task: Task) -> str | None:
    """A warning that whole numbers may be meant as classes, or texts like ``1.5%`` as numbers."""
    if column.values is None:
        return None
    if task == "regression" and column.is_number and column.whole and _has_rows(column):
        return (
            f"{column.name} is predicted as a number; if its {column.distinct} values are classes, "
            "write: --set model.task=multiclass"
        )
    return None


def _has_rows(column: ColumnProfile) -> bool:
    return column.present >= ROWS_PER_CLASS * column.distinct


def _refused(column: ColumnProfile, received: str, write: str | None = None) -> InputError:
    expected = f"numbers, or at most {MOST_CLASSES} classes, in {column.name!r}"
    return InputError("data.label", expected=expected, received=received, write=write)
