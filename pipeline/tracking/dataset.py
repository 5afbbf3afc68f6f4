"""What a run was trained on: its identity, rows and columns, read from the run's own artifacts."""

import gzip
import hashlib
import json
import struct
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from huberflow.components.contracts import artifact_files, node_ids
from huberflow.pipeline.history import run_history
from huberflow.pipeline.tracking import port

_TYPES = {schema_pb2.INT: "long", schema_pb2.FLOAT: "double", schema_pb2.BYTES: "string"}
_HEADER, _FOOTER = struct.Struct("<QI"), struct.Struct("<I")
"""Around each record of a TFRecord file: its length and that one's checksum; its own checksum."""


def dataset(run: run_history.Run) -> port.Dataset | None:
    """The rows that a run's ExampleGen read; None before it has finished.

    The digest is that of the set of rows: in another order, split or number of files they have the
    same one, and with one row changed, another.

    Raises:
      FileNotFoundError: the examples are gone.
      ValueError: a file of examples ends within a record.
    """
    examples = run.artifact(node_ids.EXAMPLE_GEN, "examples")
    execution = run.nodes[node_ids.EXAMPLE_GEN].execution if examples else None
    if examples is None or execution is None:
        return None
    source = str(execution.properties["input_base"])
    total, rows = 0, {}
    for split in json.loads(examples.properties["split_names"]):
        files = _files(examples.uri / artifact_files.split_folder(split))
        hashes = [_sum_of_hashes(file) for file in files]
        total += sum(digest for digest, _ in hashes)
        rows[split] = sum(count for _, count in hashes)
    return port.Dataset(
        name=Path(source).name or source,
        digest=f"{total % 2**128:032x}",
        source=source,
        rows=rows,
        columns=_columns(run),
    )


def example_rows(run: run_history.Run, count: int = 5) -> list[dict[str, Any]]:
    """Raw columns of the first rows that the model was asked about; empty without any."""
    path = run.predictions()
    if path is None:
        return []
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line)["features"] for line in islice(lines, count)]


def _columns(run: run_history.Run) -> dict[str, str]:
    """Type by name; empty before SchemaGen has finished."""
    artifact = run.artifact(node_ids.SCHEMA_GEN, "schema")
    if artifact is None:
        return {}
    text = (artifact.uri / artifact_files.SCHEMA).read_text(encoding="utf-8")
    schema = text_format.Parse(text, schema_pb2.Schema())
    return {
        feature.name: _TYPES[feature.type] for feature in schema.feature if feature.type in _TYPES
    }


def _files(split: Path) -> list[Path]:
    """Those of one split; ExampleGen writes at least one, even without rows."""
    files = sorted(split.glob("*.gz"))
    if not files:
        raise FileNotFoundError(f"expected files of examples (*.gz) in {split}, received none")
    return files


def _sum_of_hashes(path: Path) -> tuple[int, int]:
    """Sum of the rows' hashes, and the number of rows.

    Equal rows are equal bytes: ExampleGen writes their columns by name. A sum, for it does not
    know the order; not an exclusive or, where a row twice would vanish.
    """
    total = count = 0
    with gzip.open(path) as file:
        for record in _records(file, path):
            total += int.from_bytes(hashlib.sha256(record).digest())
            count += 1
    return total, count


def _records(file: gzip.GzipFile, path: Path) -> Iterator[bytes]:
    """Records of a TFRecord file; gzip's own checksum guards them."""
    while header := file.read(_HEADER.size):
        length = _HEADER.unpack(header)[0] if len(header) == _HEADER.size else 0
        record, footer = file.read(length), file.read(_FOOTER.size)
        if len(header) < _HEADER.size or len(footer) < _FOOTER.size:
            raise ValueError(f"{path}: expected whole records, received a file that ends in one")
        yield record
