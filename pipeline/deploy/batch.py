"""Applies an exported model to a file of rows, which may be larger than memory."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import types

from huberflow.pipeline.deploy import reading, writing
from huberflow.pipeline.deploy.reading import BadRow, Batch, TableError
from huberflow.pipeline.deploy.scorer import Scorer

_BAD = pa.schema([("line", pa.int64()), ("reason", pa.string()), ("text", pa.string())])


@dataclass(frozen=True)
class Outcome:
    """What became of the rows of a file."""

    rows: int
    """With a prediction."""
    bad: int
    """Without one."""
    first_bad: BadRow | None
    absent: Sequence[str]
    """Columns that the model reads and the file lacks: missing in every row."""

    def after(self, scored: pa.Table, left_out: Sequence[BadRow]) -> "Outcome":
        """The same after a further batch."""
        return replace(
            self,
            rows=self.rows + len(scored),
            bad=self.bad + len(left_out),
            first_bad=self.first_bad or next(iter(left_out), None),
        )


def predict(
    scorer: Scorer,
    data: Path,
    output: Path,
    bad: Path,
    *,
    rows: int = reading.ROWS,
    on_batch: Callable[[float], None] = lambda done: None,
) -> Outcome:
    """Writes every row of ``data``, in order and as it is, with the model's outputs.

    In CSV all is text, so the columns that the model reads as numbers are parsed, and those that it
    reads as text are not: 007 stays 007. An empty field is a missing value. In a Parquet file
    written from CSV, the model's numbers are float64, and all other columns text.

    Args:
      scorer: of the model.
      data: CSV or Parquet, see ``reading``.
      output: likewise; appears whole, in place of what was there.
      bad: likewise: line, reason and content of each row that the model cannot read; not there
        where every row is fine.
      rows: to predict at a time; the last bit of a prediction may depend on how many there are.
      on_batch: told how much of the file is done, from 0 to 1.

    Raises:
      TableError: a file cannot be read or written, or its columns are none of the model's; nothing
        was written.
    """
    _check_apart(data, output, bad)
    with reading.opened(data, rows) as table:
        columns = _read_by_the_model(scorer, table.schema, data)
        schema = _output_schema(
            table.schema,
            columns,
            scorer.outputs,
            parsed=reading.is_parquet(output) and not reading.is_parquet(data),
        )
        absent = [name for name in scorer.columns if name not in columns]
        outcome = Outcome(0, 0, None, absent)
        with writing.written(bad, _BAD) as write_bad, writing.written(output, schema) as write:
            for batch in table.batches:
                scored, left_out = _scored(scorer, batch, columns, schema)
                write(scored)
                write_bad(pa.Table.from_pylist([*map(asdict, left_out)], _BAD))
                outcome = outcome.after(scored, left_out)
                on_batch(batch.done)
    if not outcome.bad:
        bad.unlink()
    return outcome


def _check_apart(*files: Path) -> None:
    for one, other in combinations(files, 2):
        if one.resolve() == other.resolve():
            raise TableError(f"expected another file to write than {one}")


def _read_by_the_model(scorer: Scorer, schema: pa.Schema, data: Path) -> Mapping[str, str]:
    """The columns of the file that the model reads, with their kinds."""
    known = {name: kind for name, kind in scorer.columns.items() if name in schema.names}
    if not known:
        raise TableError(
            f"{data}: expected columns such as {', '.join(scorer.columns)}, received "
            f"{', '.join(schema.names)}"
        )
    for name in scorer.outputs:
        if name in schema.names:
            raise TableError(f"{data}: has a column {name} already; rename it, or leave it out")
    for name, kind in known.items():
        found = schema.field(name).type
        if not _fits(found, kind):
            raise TableError(
                f"{data}: column {name}: expected {kind}, received {found}; write the file anew, "
                f"with {name} as {kind}"
            )
    return known


def _fits(found: pa.DataType, kind: str) -> bool:
    """A number has more than one text, such as 8 and 8.0; a text is one number, or none."""
    if types.is_dictionary(found):
        found = found.value_type
    accepted = [types.is_string, types.is_large_string, types.is_null]
    if kind == "number":
        accepted += [types.is_integer, types.is_floating, types.is_decimal]
    return any(accepts(found) for accepts in accepted)


def _output_schema(
    schema: pa.Schema, columns: Mapping[str, str], outputs: Mapping[str, str], *, parsed: bool
) -> pa.Schema:
    """All columns, and the outputs; the model's numbers as such where they are ``parsed``."""
    for name, kind in columns.items() if parsed else ():
        if kind == "number":
            schema = schema.set(schema.get_field_index(name), pa.field(name, pa.float64()))
    for name, kind in outputs.items():
        schema = schema.append(pa.field(name, pa.string() if kind == "text" else pa.float32()))
    return schema


def _scored(
    scorer: Scorer, batch: Batch, columns: Mapping[str, str], schema: pa.Schema
) -> tuple[pa.Table, list[BadRow]]:
    """The good rows with their predictions, and the bad ones in the order of the file."""
    inputs = pd.DataFrame({name: _values(batch.rows[name], columns[name]) for name in columns})
    problems = scorer.problems(inputs)
    fine = np.full(len(inputs), True)
    fine[[*problems]] = False
    inputs, rows = inputs[fine], batch.rows.filter(pa.array(fine))
    shown = {name: rows[name] for name in rows.column_names}
    for name in shown:
        if schema.field(name).type != rows.schema.field(name).type:
            shown[name] = pa.array(inputs[name], pa.float64(), from_pandas=True)
    outputs = scorer.predict(inputs)
    scored = pa.table({**shown, **{name: pa.array(outputs[name]) for name in outputs}}, schema)
    texts = {position: writing.as_csv(batch.rows.slice(position, 1)) for position in problems}
    refused = [
        BadRow(batch.lines[position], reason, texts[position].removesuffix("\n"))
        for position, reason in problems.items()
    ]
    return scored, sorted([*refused, *batch.unreadable], key=lambda row: row.line)


def _values(column: pa.ChunkedArray, kind: str) -> Any:
    """As the scorer takes them."""
    if kind == "text":
        return column.cast(pa.string()).to_pylist()
    if types.is_integer(column.type) or types.is_floating(column.type):
        return column.to_numpy()
    return [_parsed(value) for value in column.to_pylist()]


def _parsed(value: Any) -> float | str | None:
    """A text that is no number stays, for the scorer to name."""
    try:
        return None if value in (None, "") else float(value)
    except ValueError:
        return str(value)
