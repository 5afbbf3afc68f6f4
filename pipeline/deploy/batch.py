"""Applies an exported model to a file of rows, which may be larger than memory."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import types

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.deploy import table_files, tables
from huberflow.pipeline.deploy.request_columns import Kind
from huberflow.pipeline.deploy.request_csv import parsed_number
from huberflow.pipeline.deploy.scorer import Scorer
from huberflow.pipeline.deploy.tables import BadRow, RowBatch

_BAD = pa.schema([("line", pa.int64()), ("reason", pa.string()), ("text", pa.string())])


@dataclass(frozen=True)
class BatchResult:
    """How many rows of a file have a prediction."""

    rows: int
    """Rows with a prediction."""
    bad: int
    """Rows without one."""
    first_bad: BadRow | None
    absent: Sequence[str]
    """Columns that the model reads and the file lacks: missing values in every row."""
    outputs: Mapping[str, str]
    """The column of each of the model's outputs, see ``output_columns``."""


def predict_file(
    scorer: Scorer,
    data: Path,
    output: Path,
    bad: Path,
    *,
    rows: int = tables.ROWS,
    on_batch: Callable[[float], None] = lambda done: None,
) -> BatchResult:
    """Writes every row of ``data``, in order and as it is, with the model's outputs.

    In CSV all is text, so the columns that the model reads as numbers are parsed, and those that it
    reads as text are not: 007 stays 007. An empty field is a missing value, and so
    is a mark such as ``NA`` in place of a number. In a Parquet file written from CSV, the model's
    numbers are float64, its whole numbers have its dtype, and all other columns are text.

    Args:
      scorer: of the model.
      data: CSV or Parquet: a file, a folder or a pattern; see ``table_files``.
      output: CSV or Parquet; appears whole, and replaces an earlier file.
      bad: CSV or Parquet: line, reason and content of each row that the model cannot read; removed
        if every row is good.
      rows: to predict at a time; the last bit of a prediction may depend on their number.
      on_batch: gets the share of the file that is done, from 0 to 1.

    Raises:
      InputError: a file cannot be read or written, or none of its columns is one of the model's;
        nothing was written.
    """
    for one, other in combinations((data, output, bad), 2):
        if one.resolve() == other.resolve():
            raise InputError("file", expected=f"another file than {one}", received=str(other))
    for written in (output, bad):
        if data.is_dir() and data.resolve() in written.resolve().parents:
            expected = f"a file outside {data}, which is read"
            raise InputError("file", expected=expected, received=str(written))
    with table_files.open_files(data, rows) as table:
        columns = _read_by_the_model(scorer, table.schema, data)
        parsed = tables.is_parquet(output) and not table.has_types
        outputs = output_columns(scorer.outputs, table.schema.names)
        schema = _output_schema(table.schema, columns if parsed else {}, scorer, outputs)
        absent = [name for name in scorer.columns if name not in columns]
        predicted = refused = 0
        first_bad: BadRow | None = None
        with (
            tables.table_writer(bad, _BAD) as write_bad,
            tables.table_writer(output, schema) as write,
        ):
            for batch in table.batches:
                scored, bad_rows = _scored(scorer, batch, columns, schema, outputs)
                write(scored)
                write_bad(pa.Table.from_pylist([*map(asdict, bad_rows)], _BAD))
                predicted, refused = predicted + len(scored), refused + len(bad_rows)
                first_bad = first_bad or next(iter(bad_rows), None)
                on_batch(batch.done)
    if not refused:
        bad.unlink()
    return BatchResult(predicted, refused, first_bad, absent, outputs)


def output_columns(outputs: Iterable[str], columns: Collection[str]) -> dict[str, str]:
    """The column for each output: its own name, or ``model_`` before all of them.

    The latter where the file has a column of such a name, which stays as it is.
    """
    names = list(outputs)
    prefix = ""
    while any(prefix + name in columns for name in names):
        prefix += "model_"
    return {name: prefix + name for name in names}


def _read_by_the_model(scorer: Scorer, schema: pa.Schema, data: Path) -> dict[str, Kind]:
    """The kinds of the file's columns that the model reads."""
    columns = {name: kind for name, kind in scorer.columns.items() if name in schema.names}
    if not columns:
        raise InputError(
            str(data),
            expected=f"columns such as {', '.join(scorer.columns)}",
            received=", ".join(schema.names),
        )
    for name in scorer.required:
        if name not in columns:
            expected = f"the column {name}, which the model needs in every row"
            raise InputError(str(data), expected=expected, received=", ".join(schema.names))
    for name, kind in columns.items():
        stored = schema.field(name).type
        if not _fits(stored, kind):
            where, hint = f"{data}: column {name}", f"write the file again, with {name} as {kind}"
            raise InputError(where, expected=kind, received=str(stored), hint=hint)
    return columns


def _fits(stored: pa.DataType, kind: Kind) -> bool:
    """Whether a column can be read; text may be a number, but 8 and 8.0 are two texts.

    Booleans and dates are the texts that training made of them, see ``arrow_types``.
    """
    if types.is_dictionary(stored):
        stored = stored.value_type
    accepted = [types.is_string, types.is_large_string, types.is_string_view, types.is_null]
    if kind == "text":
        accepted += [types.is_boolean, types.is_date, types.is_timestamp]
    else:
        accepted += [types.is_integer, types.is_floating, types.is_decimal]
    return any(accepts(stored) for accepts in accepted)


def _output_schema(
    schema: pa.Schema, parsed: Mapping[str, Kind], scorer: Scorer, outputs: Mapping[str, str]
) -> pa.Schema:
    """All columns and the outputs; the numbers among ``parsed`` columns are stored as numbers."""
    for name, kind in parsed.items():
        if kind != "text":
            stored = pa.float64() if kind == "number" else _stored(scorer.dtypes[name])
            schema = schema.set(schema.get_field_index(name), pa.field(name, stored))
    for name, dtype in scorer.outputs.items():
        schema = schema.append(pa.field(outputs[name], _stored(dtype)))
    return schema


def _stored(dtype: str) -> pa.DataType:
    return pa.string() if dtype == "string" else pa.from_numpy_dtype(np.dtype(dtype))


def _scored(
    scorer: Scorer,
    batch: RowBatch,
    columns: Mapping[str, Kind],
    schema: pa.Schema,
    outputs: Mapping[str, str],
) -> tuple[pa.Table, list[BadRow]]:
    """The good rows with their predictions, and the bad rows, both in the order of the file."""
    inputs = pd.DataFrame({name: _values(batch.rows[name], columns[name]) for name in columns})
    inputs = scorer.without_missing_texts(inputs)
    errors = scorer.bad_rows(inputs)
    good = np.full(len(inputs), True)
    good[[*errors]] = False
    inputs, rows = inputs[good], batch.rows.filter(pa.array(good))
    carried = {name: rows[name] for name in rows.column_names}
    for name in carried:
        if schema.field(name).type != rows.schema.field(name).type:
            values = inputs[name].astype(np.float64) if columns[name] == "number" else inputs[name]
            carried[name] = pa.array(values, schema.field(name).type, from_pandas=True)
    predicted = scorer.predict(inputs)
    added = {outputs[name]: pa.array(predicted[name]) for name in predicted}
    scored = pa.table({**carried, **added}, schema)
    texts = {position: tables.csv_lines(batch.rows.slice(position, 1)) for position in errors}
    refused = [
        BadRow(batch.lines[position], f"{batch.where}{error}", texts[position].removesuffix("\n"))
        for position, error in errors.items()
    ]
    return scored, sorted([*refused, *batch.unreadable], key=lambda row: row.line)


def _values(column: pa.ChunkedArray, kind: Kind) -> Sequence[object] | np.ndarray | pd.Series:
    """The values as the scorer takes them."""
    if kind == "text":
        return column.cast(pa.string()).to_pylist()
    if types.is_floating(column.type) or (types.is_integer(column.type) and not column.null_count):
        return column.to_numpy()
    # By way of objects: whole numbers beside a missing value would become floats.
    return pd.Series([parsed_number(value) for value in column.to_pylist()], dtype=object)
