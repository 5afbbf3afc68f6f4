"""The JSON of MLflow's scoring server, for requests and answers, read strictly.

MLflow's own reader would not do: it drops columns that it does not know, puts ``instances`` that
lack a column into the wrong rows, makes text of a number beside text, takes NaN for JSON, and puts
tracebacks into its answers.
"""

import json
from collections.abc import Mapping, Sequence
from typing import NoReturn, TypeVar

import numpy as np
import pandas as pd

from huberflow.custom_objects.input_error import InputError
from huberflow.custom_objects.json_record import JSON

MOST_ROWS = 100_000
"""Of one request; each of them costs memory, however short its JSON is."""

_EXAMPLE = '{"dataframe_records": [{"column": value, ...}, ...]}'
_FORMATS = ("dataframe_split", "dataframe_records", "instances", "inputs")
_SPLIT = {"columns", "data", "index"}


class TooManyRowsError(InputError):
    """A request of more than ``MOST_ROWS`` rows, which has an HTTP status of its own."""


def parse_request(body: bytes) -> pd.DataFrame:
    """The rows of a request, with the values of the JSON; null where a row lacks a column.

    Args:
      body: an object with one key. ``dataframe_split`` has ``columns`` and ``data``, and an
        ``index`` that is ignored. ``dataframe_records``, ``instances`` and ``inputs`` have a list
        of objects, one for each row; the last two may have lists by column instead.

    Raises:
      InputError: the body is something else.
    """
    request = _parsed(body)
    if not isinstance(request, dict) or len(request) != 1 or not request.keys() <= {*_FORMATS}:
        received = _list_keys(request) if isinstance(request, dict) else _describe(request)
        expected = f"an object with one key of {', '.join(_FORMATS)}"
        raise InputError("body", expected=expected, received=received, write=_EXAMPLE)
    [(key, rows)] = request.items()
    if key == "dataframe_split":
        return _from_split(rows)
    if key in ("instances", "inputs") and isinstance(rows, dict):
        return _from_columns(key, rows)
    return _from_records(key, rows)


def encode_predictions(outputs: pd.DataFrame) -> bytes:
    """``{"predictions": [{"prediction": 9.5}, ...]}``, as the model in MLflow's registry answers.

    Raises:
      InputError: an output is no number of JSON.
    """
    for name, column in outputs.select_dtypes("number").items():
        wrong = np.flatnonzero(~np.isfinite(column))
        if wrong.size:
            raise InputError(
                f"row {wrong[0] + 1} of {len(column)}",
                expected="values like those that the model was trained on",
                received=f"values for which it gives {column[wrong[0]]} as {name}",
            )
    rows = outputs.to_dict("records")
    return json.dumps({"predictions": rows}, allow_nan=False).encode()


def _parsed(body: bytes) -> JSON:
    try:
        return json.loads(body, parse_constant=_refuse_constant)
    except RecursionError as error:
        expected = "JSON of a few levels"
        raise InputError("body", expected=expected, received="a deeper one") from error
    except ValueError as error:  # bytes that are no text, and numbers too long to be read, too
        received = f"something else: {error}"
        raise InputError("body", expected="JSON", received=received) from error


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is none of its numbers; write: null")


def _from_split(split: JSON) -> pd.DataFrame:
    if not isinstance(split, dict) or not {"columns", "data"} <= split.keys() <= _SPLIT:
        raise InputError(
            "dataframe_split",
            expected="an object with columns and data",
            received=_describe(split),
            write='{"columns": ["column"], "data": [[value], ...]}',
        )
    columns = _list("dataframe_split.columns", split["columns"], str, "a list of names")
    data = _list("dataframe_split.data", split["data"], list, "a list of lists")
    for number, row in enumerate(data, start=1):
        if len(row) != len(columns):
            raise InputError(
                f"row {number} of {len(data)}",
                expected=f"{len(columns)} values, one for each column",
                received=str(len(row)),
            )
    return pd.DataFrame(data, columns=columns, dtype=object, index=range(len(data)))


def _from_records(key: str, rows: JSON) -> pd.DataFrame:
    records = _list(key, rows, dict, "a list of objects")
    names = dict.fromkeys(name for row in records for name in row)
    # By column: a table of rows would lose those without a single value.
    return _frame({name: [row.get(name) for row in records] for name in names}, len(records))


def _from_columns(key: str, columns: Mapping[str, JSON]) -> pd.DataFrame:
    lists = {name: _list(f"{key}.{name}", each, object, "a list") for name, each in columns.items()}
    lengths = {len(values) for values in lists.values()}
    if len(lengths) > 1:
        received = f"between {min(lengths)} and {max(lengths)}"
        raise InputError(key, expected="as many values in each column", received=received)
    return _frame(lists, max(lengths, default=0))


def _frame(columns: Mapping[str, Sequence[object]], rows: int) -> pd.DataFrame:
    return pd.DataFrame(columns, dtype=object, index=range(rows))


_Item = TypeVar("_Item")


def _list(key: str, values: JSON, kind: type[_Item], expected: str) -> list[_Item]:
    if not isinstance(values, list) or not all(isinstance(value, kind) for value in values):
        raise InputError(key, expected=expected, received=_describe(values), write=_EXAMPLE)
    if len(values) > MOST_ROWS:
        expected, received = f"at most {MOST_ROWS:,} rows in a request", f"{len(values):,}"
        raise TooManyRowsError("body", expected=expected, received=received)
    return values


def _list_keys(request: Mapping[str, JSON]) -> str:
    names = ", ".join(name[:60] for name in list(request)[:5])
    return (
        f"the keys {names}, ..." if len(request) > 5 else f"the keys {names or 'of an empty one'}"
    )


def _describe(value: JSON) -> str:
    kinds = {dict: "another object", list: "another list", str: "text", type(None): "null"}
    return kinds.get(type(value), repr(value)[:60])
