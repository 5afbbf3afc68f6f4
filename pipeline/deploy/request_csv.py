"""The CSV of MLflow's scoring server, for requests, read strictly."""

import csv
import io
from collections.abc import Mapping, Sequence

import pandas as pd

from huberflow.components.contracts.missing import is_mark
from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.deploy.column_names import check_names, refuse_twice
from huberflow.pipeline.deploy.protocol import check_count


def parse_csv(body: bytes, kinds: Mapping[str, str], most_rows: int) -> pd.DataFrame:
    """The rows of a request in CSV, with a header; an empty field is a missing value.

    So is a mark such as ``NA`` in place of a number.

    Args:
      body: in UTF-8.
      kinds: those of the model's columns; a column that is not "text" is parsed.
      most_rows: how many it may have.

    Raises:
      TooLargeError: it has more rows.
      InputError: it is no CSV, or a name is unknown or there twice.
    """
    try:
        reader = csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
        names = next(reader, [])
        _check_header(names, kinds)
        rows: list[list[str]] = []
        for row in reader:
            if row:  # no empty line
                _check_width(len(rows) + 1, row, names)
                rows.append(row)
            check_count("rows", len(rows), most_rows)
    except (csv.Error, UnicodeDecodeError) as error:
        received = f"something else: {error}"
        raise InputError("body", expected="CSV in UTF-8", received=received) from error
    return pd.DataFrame(
        {
            name: _values([row[place] for row in rows], kinds[name])
            for place, name in enumerate(names)
        },
        dtype=object,
        index=range(len(rows)),
    )


def parsed_number(value: object) -> float | str | None:
    """The number of a text, None where a mark such as ``NA`` stands for a missing one.

    Text that is no number stays, for the scorer to name.
    """
    text = "" if value is None else str(value)
    if is_mark(text):
        return None
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text


def _check_header(names: Sequence[str], kinds: Mapping[str, str]) -> None:
    if not names:
        raise InputError("line 1", expected="the names of columns", received="none")
    if names[0] == "":
        hint = "pandas writes one for its index; write: table.to_csv(index=False)"
        raise InputError("line 1", expected="names", received="an empty one", hint=hint)
    check_names(names, kinds)
    refuse_twice(names)


def _check_width(number: int, row: Sequence[str], names: Sequence[str]) -> None:
    if len(row) != len(names):
        expected = f"{len(names)} values, one for each column"
        raise InputError(f"row {number}", expected=expected, received=str(len(row)))


def _values(texts: Sequence[str], kind: str) -> list[object]:
    return [text or None if kind == "text" else parsed_number(text) for text in texts]
