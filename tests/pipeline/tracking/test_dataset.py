"""A run's data set: its digest, rows and columns.

The files of examples are written here as TFX writes them: gzipped TFRecord files of serialized
``tf.Example``s. Their bytes were made by protobuf's rules: a field is its number and type in one
byte, its length, its content.
"""

import gzip
import json
import struct
from pathlib import Path

import pytest

from huberflow.pipeline.history import run_history
from huberflow.pipeline.history.metadata_store import Artifact, Execution
from huberflow.pipeline.tracking.data_and_model import dataset

ROWS = {
    "train": [{"miles": b"1.5", "company": b"Flash Cab"}, {"miles": b"3.0", "company": b"Yellow"}],
    "eval": [{"miles": b"0.2", "company": b"Yellow"}],
}
SCHEMA = """
feature { name: "company" type: BYTES }
feature { name: "miles" type: FLOAT }
feature { name: "hour" type: INT }
feature { name: "unknown" }
"""


def field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2, len(content)]) + content


def example(row) -> bytes:
    """``Example(features=Features(feature={name: Feature(bytes_list=BytesList(value))}))``."""
    entries = [
        field(1, field(1, name.encode()) + field(2, field(1, field(1, value))))
        for name, value in row.items()
    ]
    return field(1, b"".join(entries))


def framed(record: bytes) -> bytes:
    return struct.pack("<QI", len(record), 0) + record + struct.pack("<I", 0)


@pytest.fixture
def run_with(tmp_path):
    """Makes the run whose ExampleGen wrote these files: rows by file name, by split."""

    def make(files, schema=None, source="/data/taxi"):
        root = tmp_path / str(len(list(tmp_path.iterdir())))
        examples, schema_folder = root / "e", root / "s"
        for split, by_name in files.items():
            (examples / f"Split-{split}").mkdir(parents=True)
            for name, rows in by_name.items():
                content = b"".join(framed(example(row)) for row in rows)
                (examples / f"Split-{split}" / name).write_bytes(gzip.compress(content))
        properties = {"split_names": json.dumps(list(files))}
        nodes = [node("ExampleGen", "examples", examples, properties, {"input_base": source})]
        if schema is not None:
            schema_folder.mkdir()
            (schema_folder / "schema.pbtxt").write_text(schema)
            nodes.append(node("SchemaGen", "schema", schema_folder))
        return run_history.Run(
            "run-1", "taxi", 0.0, experiment="taxi", nodes={n.name: n for n in nodes}
        )

    return make


def node(name, key, uri: Path, properties=None, of_execution=None) -> run_history.Node:
    artifact = Artifact(1, uri, properties or {})
    execution = Execution(1, name, "run-1", "ran", of_execution or {}, {}, {key: (artifact,)})
    return run_history.Node(name, "ran", 0.0, 1.0, execution)


def one_file(rows_by_split):
    return {split: {"data-0.gz": rows} for split, rows in rows_by_split.items()}


class TestDataset:
    def test_names_its_folder_and_counts_its_rows(self, run_with):
        found = dataset(run_with(one_file(ROWS), source="/data/taxi/"))
        assert (found.name, found.source) == ("taxi", "/data/taxi/")
        assert found.rows == {"train": 2, "eval": 1}
        assert len(found.digest) == 32, "MLflow takes 36 at most"

    def test_is_not_known_before_example_gen_has_finished(self):
        running = run_history.Node("ExampleGen", "running", 0.0)
        assert dataset(run_history.Run("run-1", "taxi", 0.0, experiment="taxi")) is None
        assert (
            dataset(
                run_history.Run(
                    "run-1", "taxi", 0.0, experiment="taxi", nodes={"ExampleGen": running}
                )
            )
            is None
        )

    def test_has_its_columns_once_there_is_a_schema(self, run_with):
        assert dataset(run_with(one_file(ROWS))).columns == {}
        columns = {"company": "string", "miles": "double", "hour": "long"}
        assert dataset(run_with(one_file(ROWS), SCHEMA)).columns == columns

    def test_refuses_a_file_that_ends_within_a_record(self, run_with):
        run = run_with(one_file(ROWS))
        (path,) = run.artifact("examples").uri.glob("Split-eval/*")
        path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:-1]))
        with pytest.raises(ValueError, match="expected whole records"):
            dataset(run)

    def test_refuses_examples_that_are_gone(self, run_with):
        run = run_with(one_file(ROWS))
        (path,) = run.artifact("examples").uri.glob("Split-eval/*")
        path.unlink()
        with pytest.raises(FileNotFoundError, match="Split-eval"):
            dataset(run)


class TestDigest:
    @pytest.fixture
    def digest(self, run_with):
        return lambda files: dataset(run_with(files)).digest

    @pytest.mark.parametrize(
        "files",
        [
            pytest.param(
                {"train": {"a.gz": ROWS["train"][::-1]}, "eval": {"b.gz": ROWS["eval"]}}, id="order"
            ),
            pytest.param(
                {
                    "train": {"a.gz": ROWS["train"][:1], "b.gz": ROWS["train"][1:]},
                    "eval": {"a.gz": ROWS["eval"]},
                },
                id="files",
            ),
            pytest.param(
                {"train": {"a.gz": ROWS["eval"]}, "eval": {"a.gz": ROWS["train"]}}, id="split"
            ),
        ],
    )
    def test_is_that_of_the_same_rows_in_another(self, digest, files):
        assert digest(files) == digest(one_file(ROWS))

    @pytest.mark.parametrize(
        "rows",
        [
            pytest.param([*ROWS["train"], ROWS["train"][0]], id="one twice"),
            pytest.param([*ROWS["train"], *[ROWS["train"][0]] * 2], id="one three times"),
            pytest.param(ROWS["train"][1:], id="one gone"),
            pytest.param([{**ROWS["train"][0], "miles": b"1.6"}, ROWS["train"][1]], id="a value"),
            pytest.param([{**ROWS["train"][0], "m": b"1.5"}, ROWS["train"][1]], id="a column"),
            pytest.param(
                [
                    {"miles": b"3.0", "company": b"Flash Cab"},
                    {"miles": b"1.5", "company": b"Yellow"},
                ],
                id="values swapped between rows",
            ),
        ],
    )
    def test_is_another_with_another_row(self, digest, rows):
        assert digest(one_file({**ROWS, "train": rows})) != digest(one_file(ROWS))
