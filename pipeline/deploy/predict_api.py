"""The REST of TensorFlow Serving, for requests and answers, through the scorer of the others."""

import base64
import binascii
import json
import reprlib
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd

from huberflow.custom_objects.input_error import InputError
from huberflow.custom_objects.json_record import JSON
from huberflow.pipeline.deploy import protocol
from huberflow.pipeline.deploy.column_names import check_names

if TYPE_CHECKING:  # it imports TensorFlow, which takes longer than all else
    from huberflow.pipeline.deploy.scorer import Scorer

_EXAMPLES = "serving_default"
_KEYS = {"signature_name", "instances", "inputs"}
_WRITE = '{"instances": [{"column": value, ...}, ...]}'


def predict(scorer: "Scorer", body: bytes, most_rows: int) -> tuple[bytes, int]:
    """The answer to ``:predict``, and its number of rows.

    ``instances`` has an object for each row, ``inputs`` a list for each argument; a single argument
    needs no name. The signature is that of ``/invocations``; ``serving_default`` takes serialized
    ``tf.Example``s too, as ``{"b64": ...}``, whose columns are then those of a request. A signature
    without a name is the one that the values fit.

    Args:
      scorer: answers.
      body: JSON, which may have NaN for a missing value, as TensorFlow Serving's.
      most_rows: how many it may have.

    Raises:
      TooLargeError: it has more rows or values.
      InputError: it is something else, or the model takes other values.
    """
    request = protocol.parsed(body, constant=float)
    if (
        not isinstance(request, dict)
        or not request.keys() <= _KEYS
        or ("instances" in request) == ("inputs" in request)
    ):
        expected = "an object with instances or inputs, and signature_name"
        received = "something else"
        raise InputError("body", expected=expected, received=received, write=_WRITE)
    by_row = "instances" in request
    table = _table(scorer, request, by_row, most_rows)
    answers = {name: _listed(name, values) for name, values in scorer.answers(table).items()}
    return _encoded(answers, by_row), len(table)


def model_status(version: str) -> JSON:
    """The answer to a question for the model's state, once it is served."""
    status = {"error_code": "OK", "error_message": ""}
    return {"model_version_status": [{"version": version, "state": "AVAILABLE", "status": status}]}


def _table(
    scorer: "Scorer", request: Mapping[str, JSON], by_row: bool, most_rows: int
) -> pd.DataFrame:
    signature = request.get("signature_name") or None
    key = "instances" if by_row else "inputs"
    values = request[key]
    if signature in (None, _EXAMPLES):
        examples = _examples(values)
        if examples is not None:
            protocol.check_count("rows", len(examples), most_rows)
            table = scorer.from_examples(examples)
            if table is not None:
                return table
    if signature not in (None, scorer.signature):
        expected = f"{scorer.signature}, or {_EXAMPLES} with tf.Examples as b64, or none"
        received = str(signature)[:60]
        raise InputError("signature_name", expected=expected, received=received)
    return _columns(scorer, key, values, most_rows)


def _examples(values: JSON) -> list[bytes] | None:
    """The values of one argument, if all are ``{"b64": ...}``."""
    if isinstance(values, dict) and len(values) == 1:  # {"examples": [...]}
        [values] = values.values()
    if not isinstance(values, list) or not values:
        return None
    rows = [_unnamed(row) for row in values]
    texts = [row["b64"] for row in rows if isinstance(row, dict) and row.keys() == {"b64"}]
    return [_decoded(text) for text in texts] if len(texts) == len(rows) else None


def _unnamed(row: JSON) -> JSON:
    """The value of a row that has one, with or without its name."""
    if isinstance(row, dict) and len(row) == 1 and "b64" not in row:
        [row] = row.values()
    return row


def _columns(scorer: "Scorer", key: str, values: JSON, most_rows: int) -> pd.DataFrame:
    fields = scorer.fields
    if key == "inputs":
        named = values if isinstance(values, dict) else _single(fields, values)
        check_names(named, fields)
        columns: dict[str, JSON] = {}
        for name, column in named.items():
            rows = [_spread(name, fields[name], value) for value in _listed_rows(name, column)]
            columns |= {each: [row[each] for row in rows] for each in fields[name]}
        return protocol.from_columns(key, columns, scorer.columns, most_rows)
    objects = []
    for row in _listed_rows(key, values):
        has_names = isinstance(row, dict) and row.keys() != {"b64"}
        named = cast(dict[str, JSON], row) if has_names else _single(fields, row)
        check_names(named, fields)
        spread = (_spread(name, fields[name], value) for name, value in named.items())
        objects.append({each: value for part in spread for each, value in part.items()})
    return protocol.from_records(key, objects, scorer.columns, most_rows)


def _single(fields: Mapping[str, Sequence[str]], value: JSON) -> dict[str, JSON]:
    if len(fields) != 1:
        expected = f"values by name: {', '.join(fields)}"
        raise InputError("body", expected=expected, received="some without", write=_WRITE)
    return dict.fromkeys(fields, value)


def _listed_rows(key: str, values: JSON) -> list[JSON]:
    if not isinstance(values, list):
        raise InputError(key, expected="a list of rows", received="something else", write=_WRITE)
    return values


def _spread(name: str, columns: Sequence[str], value: JSON) -> dict[str, JSON]:
    """The columns of a row's value."""
    values = value if isinstance(value, list) else [value]
    if len(values) != len(columns):
        expected, received = f"{len(columns)} values in a row", str(len(values))
        raise InputError(name, expected=expected, received=received)
    return {each: _text(one) for each, one in zip(columns, values, strict=True)}


def _text(value: JSON) -> JSON:
    if isinstance(value, dict) and value.keys() == {"b64"}:
        return _decoded(value["b64"]).decode(errors="surrogateescape")
    return value


def _decoded(text: JSON) -> bytes:
    try:
        return base64.b64decode(str(text), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputError("b64", expected="base64", received=str(text)[:60]) from error


def _listed(name: str, values: np.ndarray) -> list[JSON]:
    if values.dtype.kind == "f":
        protocol.check_finite(name, values)
    if values.dtype.kind == "O":
        values = np.frompyfunc(partial(_text_of, name), 1, 1)(values)
    listed: list[JSON] = values.tolist()
    return listed


def _text_of(name: str, value: bytes) -> JSON:
    """Text, or bytes as base64 where the output's name says so, as in TensorFlow Serving."""
    if name.endswith("_bytes"):
        return {"b64": base64.b64encode(value).decode()}
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        expected = "text in UTF-8, or a name that ends in _bytes"
        received = reprlib.repr(value)
        raise InputError(f"output {name}", expected=expected, received=received) from error


def _encoded(answers: Mapping[str, list[JSON]], by_row: bool) -> bytes:
    [first, *others] = answers.values()
    if by_row:
        rows = [dict(zip(answers, row, strict=True)) for row in zip(*answers.values(), strict=True)]
        return json.dumps({"predictions": rows if others else first}).encode()
    return json.dumps({"outputs": dict(answers) if others else first}).encode()
