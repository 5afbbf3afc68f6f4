"""What a label's values say of the task, and which classes they are."""

import json
import re
from collections.abc import Iterable

from huberflow.components.data.files import DataError
from huberflow.custom_objects.catalogue import Task
from huberflow.pipeline.data.profile import ColumnProfile

ROWS_PER_CLASS = 5
"""On average; with fewer, there is nothing to learn a class from."""


_AMOUNT = re.compile(r"[$€£]? ?-?\d[\d.,]* ?[%$€£]?")


def infer_task(column: ColumnProfile) -> Task:
    """Numbers are numbers, but for whole ones of which there are two; text is a class."""
    if _is_number(column):
        two = column.distinct == 2 and column.whole and not column.non_finite
        return "binary" if two and _has_rows(column) else "regression"
    if column.kind == "date" or column.suggestion:  # numbers were meant, perhaps: it is told there
        return "regression"
    return "binary" if column.distinct == 2 else "multiclass"


def class_names(column: ColumnProfile) -> tuple[str, ...]:
    """The classes as text, in order: numbers by their size, texts by the alphabet.

    Raises:
      DataError: the values are no classes.
    """
    if column.suggestion:
        raise _refused(column, column.suggestion)
    if _is_number(column) and not column.whole:
        raise _refused(column, "numbers with fractions; write: --set model.task=regression")
    many = f"{column.distinct:,} values in {column.present:,} rows"
    if column.few is None or not _has_rows(column):
        raise _refused(column, f"{many}, such as {column.examples[0]!r}")
    return tuple(_text(value) for value in sorted(column.few))  # type: ignore[type-var]


def check_chosen_classes(column: ColumnProfile, asked: Iterable[str]) -> None:
    """Whether the label has each of the classes that are asked for.

    Raises:
      DataError: no row has one of them.
    """
    found = class_names(column)
    for name in asked:
        if name not in found:
            raise DataError(
                f"data.classes: expected values of {column.name!r}, received {name!r}; "
                f"write, for example: --set 'data.classes={json.dumps(found)}'"
            )


def remark_on_label(column: ColumnProfile, task: Task) -> str | None:
    """That few whole numbers may be meant as classes, or texts such as ``1.5%`` as numbers."""
    if column.few is None:
        return None
    if task == "regression" and _is_number(column) and column.whole:
        return (
            f"{column.name} is predicted as a number; if its {column.distinct} values are classes, "
            "write: --set model.task=multiclass"
        )
    if column.kind == "text" and all(_AMOUNT.fullmatch(str(text)) for text in column.few):
        return (
            f"{column.name} is predicted as one of {column.distinct} classes, such as "
            f"{column.examples[0]!r}; if numbers are meant, write them without signs: 1234.5"
        )
    return None


def _has_rows(column: ColumnProfile) -> bool:
    return column.present >= ROWS_PER_CLASS * column.distinct


def _is_number(column: ColumnProfile) -> bool:
    return column.kind in ("integer", "number")


def _text(value: object) -> str:
    return str(int(value)) if isinstance(value, float) else str(value)


def _refused(column: ColumnProfile, received: str) -> DataError:
    return DataError(
        f"data.label: expected numbers or a few classes in {column.name!r}, received {received}"
    )
