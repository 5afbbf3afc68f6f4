"""The JSON of MLflow's scoring server, for requests and answers, read strictly.

MLflow's own reader would not do: it drops columns that it does not know, puts ``instances`` that
lack a column into the wrong rows, makes text of a number beside text, takes NaN for JSON, and puts
tracebacks into its answers.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NoReturn, TypeVar

import numpy as np
import pandas as pd

from huberflow.custom_objects.input_error import InputError
from huberflow.custom_objects.json_record import JSON
from huberflow.pipeline.deploy.column_names import check_names, refuse_twice

MOST_ROWS = 100_000
"""Of one request; each of them costs memory, however short its JSON is."""

MOST_VALUES = 5_000_000
"""Of one request, in its JSON or in the model's columns and outputs; each takes 50 to 250 bytes."""

_EXAMPLE = '{"dataframe_records": [{"column": value, ...}, ...]}'
_FORMATS = ("dataframe_split", "dataframe_records", "instances", "inputs")
_SPLIT = {"columns", "data", "index"}


_TEXTS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
"""The texts of a JSON; possessive, for otherwise an open quote would take quadratic time."""


class TooLargeError(InputError):
    """A request of too many rows or values, which has an HTTP status of its own."""


def most_rows(width: int) -> int:
    """The rows that a request may have.

    Args:
      width: values of a row: the model's columns and outputs, for each has a value in every row.
    """
    return min(MOST_ROWS, MOST_VALUES // max(width, 1))


def parse_request(
    body: bytes, columns: Collection[str], most_rows: int = MOST_ROWS
) -> pd.DataFrame:
    """The rows of a request, with the values of the JSON; null where a row lacks a column.

    The work and the memory are linear in the size of the body: names are checked as they are read,
    and columns are built only of those that the model has.

    Args:
      body: an object with one key. ``dataframe_split`` has ``columns`` and ``data``, and an
        ``index`` that is ignored. ``dataframe_records``, ``instances`` and ``inputs`` have a list
        of objects, one for each row; the last two may have lists by column instead. ``params``
        beside it may be empty.
      columns: the names that may be in it.
      most_rows: how many it may have.

    Raises:
      TooLargeError: it has more rows, or more than ``MOST_VALUES`` values.
      InputError: the body is something else, or a name is unknown or there twice.
    """
    request = parsed(body)
    if isinstance(request, dict) and request.pop("params", None):
        expected, hint = "none, for the model takes none", "leave params out"
        raise InputError("params", expected=expected, received="some", hint=hint)
    if not isinstance(request, dict) or len(request) != 1 or not request.keys() <= {*_FORMATS}:
        received = _list_keys(request) if isinstance(request, dict) else _describe(request)
        expected = f"an object with one key of {', '.join(_FORMATS)}"
        raise InputError("body", expected=expected, received=received, write=_EXAMPLE)
    [(key, rows)] = request.items()
    if key == "dataframe_split":
        return _from_split(rows, columns, most_rows)
    if key in ("instances", "inputs") and isinstance(rows, dict):
        return from_columns(key, rows, columns, most_rows)
    return from_records(key, rows, columns, most_rows)


def encode_predictions(outputs: pd.DataFrame) -> bytes:
    """``{"predictions": [{"prediction": 9.5}, ...]}``, as the model in MLflow's registry answers.

    Raises:
      InputError: an output is no number of JSON.
    """
    for name, column in outputs.select_dtypes("number").items():
        check_finite(name, column)
    rows = outputs.to_dict("records")
    return json.dumps({"predictions": rows}, allow_nan=False).encode()


def check_finite(name: object, values: np.ndarray | pd.Series) -> None:
    """Checks that an output, with a value or several for each row, is of numbers of JSON.

    Raises:
      InputError: it is not.
    """
    found = np.asarray(values)
    wrong = np.argwhere(~np.isfinite(found))
    if wrong.size:
        raise InputError(
            f"row {wrong[0][0] + 1} of {len(found)}",
            expected="values like those that the model was trained on",
            received=f"values for which it gives {found[tuple(wrong[0])]} as {name}",
        )


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is none of its numbers; write: null")


def parsed(body: bytes, constant: Callable[[str], JSON] = _refuse_constant) -> JSON:
    """A body's JSON.

    Args:
      body: in UTF-8.
      constant: the value of NaN, Infinity and -Infinity; they are no JSON.

    Raises:
      TooLargeError: it has more than ``MOST_VALUES`` values.
      InputError: it is no JSON, or a key of an object is there twice.
    """
    try:
        text = body.decode(json.detect_encoding(body))
        check_count("values", _count_values(text), MOST_VALUES)
        return json.loads(text, parse_constant=constant, object_pairs_hook=_each_once)
    except RecursionError as error:
        expected = "JSON of a few levels"
        raise InputError("body", expected=expected, received="a deeper one") from error
    except InputError:
        raise
    except ValueError as error:  # bytes that are no text, and numbers too long to be read, too
        received = f"something else: {error}"
        raise InputError("body", expected="JSON", received=received) from error


def _count_values(text: str) -> int:
    """The most values that the JSON can have, objects and lists among them."""
    if _count_marks(text) > MOST_VALUES:  # which may be in texts
        text = _TEXTS.sub("", text)
    return _count_marks(text)


def _count_marks(text: str) -> int:
    return sum(map(text.count, ",[{"))


def check_count(what: str, count: int, most: int) -> None:
    """Checks that a request has at most so many rows or values.

    Raises:
      TooLargeError: it has more.
    """
    if count > most:
        expected = f"at most {most:,} {what} in a request"
        raise TooLargeError("body", expected=expected, received=f"{count:,}")


def _each_once(pairs: Sequence[tuple[str, JSON]]) -> dict[str, JSON]:
    """The object of these pairs, where Python would take the last of those with one key."""
    found = dict(pairs)
    if len(found) < len(pairs):
        refuse_twice((key for key, _ in pairs), "body", "each key of an object once")
    return found


def _from_split(split: JSON, known: Collection[str], most_rows: int) -> pd.DataFrame:
    if not isinstance(split, dict) or not {"columns", "data"} <= split.keys() <= _SPLIT:
        raise InputError(
            "dataframe_split",
            expected="an object with columns and data",
            received=_describe(split),
            write='{"columns": ["column"], "data": [[value], ...]}',
        )
    columns = _list("dataframe_split.columns", split["columns"], str, "a list of names")
    check_names(columns, known)
    refuse_twice(columns)
    data = _list("dataframe_split.data", split["data"], list, "a list of lists")
    check_count("rows", len(data), most_rows)
    for number, row in enumerate(data, start=1):
        if len(row) != len(columns):
            raise InputError(
                f"row {number} of {len(data)}",
                expected=f"{len(columns)} values, one for each column",
                received=str(len(row)),
            )
    return pd.DataFrame(data, columns=columns, dtype=object, index=range(len(data)))


def from_records(key: str, rows: JSON, known: Collection[str], most_rows: int) -> pd.DataFrame:
    """The table of a list of objects, one for each row.

    Raises:
      TooLargeError: it has more rows.
      InputError: it is something else, or a name is unknown.
    """
    records = _list(key, rows, dict, "a list of objects")
    check_count("rows", len(records), most_rows)
    names: dict[str, None] = {}
    for row in records:
        check_names(row, known)
        names |= dict.fromkeys(row)
    # By column: a table of rows would lose those without a single value.
    return _frame({name: [row.get(name) for row in records] for name in names}, len(records))


def from_columns(
    key: str, columns: Mapping[str, JSON], known: Collection[str], most_rows: int
) -> pd.DataFrame:
    """The table of lists by column.

    Raises:
      TooLargeError: it has more rows.
      InputError: it is something else, or a name is unknown.
    """
    check_names(columns, known)
    lists = {name: _list(f"{key}.{name}", each, object, "a list") for name, each in columns.items()}
    lengths = {len(values) for values in lists.values()}
    if len(lengths) > 1:
        received = f"between {min(lengths)} and {max(lengths)}"
        raise InputError(key, expected="as many values in each column", received=received)
    check_count("rows", count := max(lengths, default=0), most_rows)
    return _frame(lists, count)


def _frame(columns: Mapping[str, Sequence[object]], rows: int) -> pd.DataFrame:
    return pd.DataFrame(columns, dtype=object, index=range(rows))


_Item = TypeVar("_Item")


def _list(key: str, values: JSON, kind: type[_Item], expected: str) -> list[_Item]:
    if not isinstance(values, list) or not all(isinstance(value, kind) for value in values):
        raise InputError(key, expected=expected, received=_describe(values), write=_EXAMPLE)
    return values


def _list_keys(request: Mapping[str, JSON]) -> str:
    names = ", ".join(name[:60] for name in list(request)[:5])
    return (
        f"the keys {names}, ..." if len(request) > 5 else f"the keys {names or 'of an empty one'}"
    )


def _describe(value: JSON) -> str:
    kinds = {dict: "another object", list: "a bare list", str: "text", type(None): "null"}
    return kinds.get(type(value), repr(value)[:60])
