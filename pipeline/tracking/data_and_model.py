"""The data and the model of a run, read from its artifacts for a tracking server."""

import gzip
import hashlib
import json
import struct
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from huberflow.components.contracts import artifact_files
from huberflow.components.contracts.features import FeaturesConfig
from huberflow.components.contracts.predictions import read_predictions
from huberflow.components.contracts.target import PREDICTION, Target
from huberflow.pipeline.history.run_history import Run
from huberflow.pipeline.tracking.tracker import Column, Dataset, ExportedModel

EXAMPLE_ROWS = 5

_TYPES = {schema_pb2.INT: "long", schema_pb2.FLOAT: "double", schema_pb2.BYTES: "string"}
_HEADER, _FOOTER = struct.Struct("<QI"), struct.Struct("<I")
"""Around each record of a TFRecord file: the length with its checksum, and the record's own."""


def dataset(run: Run) -> Dataset | None:
    """The rows that a run's ExampleGen read; None before it has finished, and if it read no files.

    The digest is one of the set of rows: it stays the same in another order, split or number of
    files, and changes when one row changes.

    Raises:
      FileNotFoundError: the examples of a run of huberflow's pipeline are gone.
      ValueError: a file of examples ends within a record.
    """
    generator = run.writer("examples")
    if generator is None or generator.execution is None:
        return None
    examples, properties = generator.execution.output("examples"), generator.execution.properties
    if not run.config and ("input_base" not in properties or not examples.uri.is_dir()):
        return None
    source = str(properties["input_base"])
    columns = _data_schema(run)
    total, rows = 0, {}
    for split in json.loads(str(examples.properties["split_names"])):
        folder = examples.uri / artifact_files.split_folder(split)
        files = sorted(folder.glob("*.gz"))  # ExampleGen writes at least one, even without rows
        if not files:
            raise FileNotFoundError(f"expected files of examples (*.gz) in {folder}, received none")
        hashes = [_sum_of_hashes(file) for file in files]
        total += sum(digest for digest, _ in hashes)
        rows[split] = sum(count for _, count in hashes)
    return Dataset(
        name=Path(source).name or source,
        digest=f"{total % 2**128:032x}",
        source=source,
        rows=rows,
        columns={
            feature.name: _TYPES[feature.type]
            for feature in (columns.feature if columns else ())
            if feature.type in _TYPES
        },
    )


def exported_model(run: Run, workspace_id: str) -> ExportedModel | None:
    """The run's bundle, ready to register; None where the run has none, or is another pipeline's.

    A trial of a sweep exports nothing; its model is the one that the Trainer saved.
    """
    exported = run.artifact("exported_model")
    model = exported if run.sweep is None else run.artifact("model")
    schema = _data_schema(run)
    if model is None or schema is None or not run.config:
        return None
    types = {feature.name: feature.type for feature in schema.feature}
    # As the signature ``columns`` expects them.
    inputs = [
        Column(name, "string" if types[name] == schema_pb2.BYTES else "double")
        for name in FeaturesConfig.from_json(run.config["features"]).columns
        if name in types
    ]
    target = Target.of(run.config["data"]["label"], run.config["data"]["classes"])
    outputs = [Column(PREDICTION, "string")] if target.classes else []
    outputs += [Column(name, "double") for name in target.number_outputs]
    predictions = run.predictions()
    rows = islice(read_predictions(predictions), EXAMPLE_ROWS) if predictions else ()
    return ExportedModel(
        key=f"{workspace_id}/{model.id}",
        name=str(run.config["name"]),
        folder=model.uri / artifact_files.SERVING_MODEL,
        inputs=inputs,
        outputs=outputs,
        example=[{each.name: row.features.get(each.name) for each in inputs} for row in rows],
        tags={
            "huberflow.run": run.id,
            "huberflow.metadata.artifact": str(model.id),
            "huberflow.certificate": str(model.properties.get("certificate", "none")),
            "huberflow.weights": str(model.properties.get("weights", "not known")),
        },
    )


def _data_schema(run: Run) -> schema_pb2.Schema | None:
    artifact = run.artifact("schema")
    if artifact is None or not (run.config or artifact.uri.is_dir()):
        return None
    text = (artifact.uri / artifact_files.SCHEMA).read_text(encoding="utf-8")
    return text_format.Parse(text, schema_pb2.Schema())


def _sum_of_hashes(path: Path) -> tuple[int, int]:
    """The sum of the rows' hashes, and the number of rows.

    Equal rows are equal bytes, because ExampleGen sorts their columns by name. A sum does not
    depend on the order of the rows; in an exclusive or, two equal rows would cancel out.
    """
    total = count = 0
    with gzip.open(path) as file:
        for record in _records(file, path):
            total += int.from_bytes(hashlib.sha256(record).digest())
            count += 1
    return total, count


def _records(file: gzip.GzipFile, path: Path) -> Iterator[bytes]:
    """The records of a TFRecord file; gzip's own checksum protects them."""
    while header := file.read(_HEADER.size):
        length = _HEADER.unpack(header)[0] if len(header) == _HEADER.size else 0
        record, footer = file.read(length), file.read(_FOOTER.size)
        if len(header) < _HEADER.size or len(footer) < _FOOTER.size:
            raise ValueError(f"{path}: expected whole records, received a file that ends in one")
        yield record
