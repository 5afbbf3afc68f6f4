"""What MLflow's scoring server takes and answers, as JSON, read strictly.

MLflow's own reading would not do: it drops columns that it does not know, puts ``instances`` that
lack a column into the wrong rows, makes text of a number beside text, takes NaN for JSON, and puts
tracebacks into its answers.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import numpy as np
import pandas as pd

MOST_ROWS = 100_000
"""Of one request; each of them costs memory, however short its JSON is."""

_EXAMPLE = '{"dataframe_records": [{"column": value, ...}, ...]}'
_FORMATS = ("dataframe_split", "dataframe_records", "instances", "inputs")


class RequestError(Exception):
    """A request that is not served; the message says why.

    Args:
      message: for the client.
      status: of HTTP, 400 or above.
    """

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def table(body: bytes) -> pd.DataFrame:
    """The rows of a request, every value as JSON had it; null where a row lacks a column.

    Args:
      body: an object with one key. ``dataframe_split`` has ``columns`` and ``data``, and an
        ``index`` that is not looked at. ``dataframe_records``, ``instances`` and ``inputs`` have
        objects, one for each row; the last two may have lists by column instead.

    Raises:
      RequestError: it is something else.
    """
    request = _parsed(body)
    if not isinstance(request, dict) or len(request) != 1 or not request.keys() <= {*_FORMATS}:
        keys = f"the keys {_named(request)}" if isinstance(request, dict) else _kind(request)
        raise RequestError(
            f"expected an object with one key of {', '.join(_FORMATS)}, received {keys}; "
            f"write: {_EXAMPLE}"
        )
    [(key, rows)] = request.items()
    if key == "dataframe_split":
        return _of_split(rows)
    if key in ("instances", "inputs") and isinstance(rows, dict):
        return _of_columns(key, rows)
    return _of_records(key, rows)


def answer(outputs: pd.DataFrame) -> bytes:
    """``{"predictions": [{"prediction": 9.5}, ...]}``, as of the model that MLflow registers.

    Raises:
      RequestError: an output is no number that JSON has.
    """
    for name, column in outputs.select_dtypes("number").items():
        wrong = np.flatnonzero(~np.isfinite(column))
        if wrong.size:
            raise RequestError(
                f"row {wrong[0] + 1} of {len(column)}: the model gives {column[wrong[0]]} as "
                f"{name}; expected values like those that it was trained on"
            )
    rows = outputs.to_dict("records")
    return json.dumps({"predictions": rows}, allow_nan=False).encode()


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body, parse_constant=_no_json)
    except RecursionError as error:
        raise RequestError("expected JSON of a few levels, received a deeper one") from error
    except ValueError as error:  # Bytes that are no text, and numbers too long to be read, too.
        raise RequestError(f"expected JSON, received something else: {error}") from error


def _no_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is none of its numbers; write: null")


def _of_split(split: Any) -> pd.DataFrame:
    if not isinstance(split, dict) or not {"columns", "data"} <= split.keys() <= _SPLIT:
        raise RequestError(
            f"dataframe_split: expected an object with columns and data, received {_kind(split)}; "
            'write: {"columns": ["column"], "data": [[value], ...]}'
        )
    columns, data = split["columns"], split["data"]
    if not _is_list_of(columns, str):
        raise RequestError("dataframe_split: columns: expected a list of names")
    _check_rows("dataframe_split: data", data, list)
    for number, row in enumerate(data, start=1):
        if len(row) != len(columns):
            raise RequestError(
                f"row {number} of {len(data)}: expected {len(columns)} values, one for each "
                f"column, received {len(row)}"
            )
    return pd.DataFrame(data, columns=columns, dtype=object, index=range(len(data)))


_SPLIT = {"columns", "data", "index"}


def _of_records(key: str, rows: Any) -> pd.DataFrame:
    _check_rows(key, rows, dict)
    names = dict.fromkeys(name for row in rows for name in row)
    # By column: a table of rows would lose those without a single value.
    return _frame({name: [row.get(name) for row in rows] for name in names}, len(rows))


def _of_columns(key: str, columns: Mapping[str, Any]) -> pd.DataFrame:
    for name, values in columns.items():
        _check_rows(f"{key}: {name}", values, object)
    lengths = {len(values) for values in columns.values()}
    if len(lengths) > 1:
        raise RequestError(
            f"{key}: expected as many values in each column, received between {min(lengths)} and "
            f"{max(lengths)}"
        )
    return _frame(columns, max(lengths, default=0))


def _frame(columns: Mapping[str, Sequence[Any]], rows: int) -> pd.DataFrame:
    return pd.DataFrame(columns, dtype=object, index=range(rows))


def _check_rows(name: str, rows: Any, kind: type) -> None:
    if not _is_list_of(rows, kind):
        expected = f"a list{_OF.get(kind, '')}"
        raise RequestError(f"{name}: expected {expected}; write: {_EXAMPLE}")
    if len(rows) > MOST_ROWS:
        raise RequestError(
            f"expected at most {MOST_ROWS:,} rows in a request, received {len(rows):,}", 413
        )


_OF: Mapping[type, str] = {dict: " of objects", list: " of lists"}


def _is_list_of(values: Any, kind: type) -> bool:
    return isinstance(values, list) and all(isinstance(value, kind) for value in values)


def _named(request: Mapping[str, Any]) -> str:
    names = ", ".join(name[:60] for name in list(request)[:5])
    return f"{names}, ..." if len(request) > 5 else names or "of an empty one"


def _kind(value: Any) -> str:
    kinds = {dict: "an object with others", list: "a list", str: "text", type(None): "null"}
    return kinds.get(type(value), repr(value)[:60])
