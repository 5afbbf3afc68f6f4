"""Profiling agrees with TFX's own readers; TFRecords are read as TFX writes them.

But for marks such as ``NA`` among numbers, which TFX takes for text, and we for missing values; and
for booleans, which we store in one spelling.
"""

import csv

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tfx.components.example_gen.csv_example_gen import executor
from tfx_bsl.coders import csv_decoder

from huberflow.components.contracts.missing import is_mark
from huberflow.components.data import csv_columns
from huberflow.components.data.encoding import serialize_rows
from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.data.infer import infer_uses
from huberflow.pipeline.data.profile import profile_rows
from huberflow.pipeline.data.source import find_source

COLUMNS = ["x", "y"]

STRING = csv_decoder.ColumnType.STRING

KINDS = {
    csv_decoder.ColumnType.UNKNOWN: {"empty"},
    csv_decoder.ColumnType.INT: {"integer"},
    csv_decoder.ColumnType.FLOAT: {"number", "empty"},  # empty: nothing but NaN
    STRING: {"text", "mixed", "date", "boolean", "amount"},
}


class EndlessReadError(Exception):
    """TFX's reader would not end: it takes a line again until its quotes are closed."""


def as_tfx_reads(file):
    """Types, fields and examples of all rows, through TFX's own code but for Beam.

    Its reader of one record is ``csv.reader`` over that record for ever; here it may take it once.
    """
    rows = []
    for record in executor._ReadCsvRecordsFromTextFile().process(str(file)):
        reader = csv.reader([record, ""])
        cells = [cell.encode() for cell in next(reader)]
        if reader.line_num > 1:
            raise EndlessReadError
        rows += [cells] if cells else []
    with_gaps = [[b"" if is_mark(cell.decode()) else cell for cell in cells] for cells in rows]
    words = {info.name for info in types_of(with_gaps) if info.type == STRING}
    rows = [
        [cell if name in words else gap for name, cell, gap in zip(COLUMNS, *both, strict=True)]
        for both in zip(rows, with_gaps, strict=True)
    ]
    stored = map(in_one_spelling, zip(*rows, strict=True))
    rows = [list(cells) for cells in zip(*stored, strict=True)]
    columns = types_of(rows)
    encoder = executor._ParsedCsvToTfExample()
    examples = [example for cells in rows for example in encoder.process(cells, columns)]
    return {info.name: info.type for info in columns}, rows, examples


def in_one_spelling(cells):
    """Where all cells of a column but marks are true or false, the words for it."""
    words = [b"" if is_mark(cell.decode()) else cell.strip().lower() for cell in cells]
    return words if {b""} < {b"", *words} <= {b"", b"true", b"false"} else cells


def types_of(rows):
    """The types that TFX infers."""
    inferrer = csv_decoder.ColumnTypeInferrer(COLUMNS, skip_blank_lines=True)
    types = inferrer.create_accumulator()
    for cells in rows:
        types = inferrer.add_input(types, cells)
    return inferrer.extract_output(types)


def as_we_read(file):
    """What ExampleGen takes from a file, as TFX takes it for the hash that splits rows."""
    types = csv_columns.common_types([csv_columns.infer_types(file)])
    batches = csv_columns.read_typed(file, types)
    return [row for columns in batches for row in serialize_rows(columns)]


NUMBERS = ["1", "-2", "+3", " 4", "1_0", "0x1", "9" * 19, "1.5", "1e3", "nan", "inf", ".", "-"]
OTHERS = ["", " ", "a", '"', '""', "ü", "\n", "\r", "\r\n", ",", "2024-01-02", "true", "False"]

fields = st.lists(st.sampled_from([*NUMBERS, *OTHERS]), max_size=3).map("".join)
quoted = fields.map(lambda text: '"{}"'.format(text.replace('"', '""')))
lines = st.lists(fields | quoted, min_size=1, max_size=3).map(",".join)
bodies = st.lists(lines | st.tuples(quoted, quoted).map(",".join), min_size=1, max_size=5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("csv")


@settings(max_examples=500, deadline=None)
@given(body=bodies, end=st.sampled_from(["\n", "\r\n"]))
def test_csv_is_refused_where_tfx_fails_and_else_read_as_by_tfx(folder, body, end):
    file = folder / "a.csv"
    file.write_bytes((end.join(["x,y", *body]) + end).encode())
    try:
        types, rows, examples = as_tfx_reads(file)
    except (ValueError, csv.Error, EndlessReadError):
        with pytest.raises(InputError):
            profile_rows(find_source(file))
        return
    if not rows:
        with pytest.raises(InputError) as refused:
            profile_rows(find_source(file))
        assert (refused.value.expected, refused.value.received) == ("rows", "none")
        return
    table = profile_rows(find_source(file))
    assert table.rows == len(rows)
    for place, name in enumerate(COLUMNS):
        column = table.columns[name]
        assert column.kind in KINDS[types[name]]
        if column.kind in ("text", "mixed"):
            assert column.missing == sum(not row[place] for row in rows)
    assert as_we_read(file) == [row.SerializeToString(deterministic=True) for row in examples]


# -- TFRecord --------------------------------------------------------------------------------------


def example(**values):
    kinds = {int: "int64_list", float: "float_list", bytes: "bytes_list"}
    features = {
        name: tf.train.Feature(**{kinds[type(some[0])]: {"value": some}} if some else {})
        for name, some in values.items()
    }
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def records(file, *examples):
    options = "GZIP" if file.suffix == ".gz" else ""
    with tf.io.TFRecordWriter(str(file), options) as writer:
        for record in examples:
            writer.write(record)
    return file


ROWS = [
    example(price=[1.5], rooms=[2], town=[b"Oslo"], built=[b"2001-02-03"], tags=[1, 2]),
    example(price=[2.5], rooms=[], town=[b""], built=[b"2004-05-06"], tags=[]),
    example(price=[0.0], rooms=[0], image=[b"\xff\x00"]),
]


@pytest.mark.parametrize("name", ["a.tfrecord", "data_tfrecord-00000-of-00001.gz"])
def test_examples_have_the_kinds_of_their_features(tmp_path, name):
    table = profile_rows(find_source(records(tmp_path / name, *ROWS)))
    assert table.rows == 3
    assert {c.name: (c.kind, c.missing) for c in table.columns.values()} == {
        "price": ("number", 0),
        "rooms": ("integer", 1),
        "town": ("text", 2),
        "built": ("date", 1),
        "tags": ("list", 2),
        "image": ("list", 2),
    }
    assert table.columns["price"].least == 0.0
    assert infer_uses(table, ["price"], keep=["rooms"]).dates == {"built": "YYYY-MM-DD"}


TYPES = "tf.Examples, each feature of one type"
BAD = {
    "no records": (
        lambda file: file.write_bytes(b"x,y\n1,2\n" * 9),
        "corrupted record at 0 (Is this even a TFRecord file?)",
    ),
    "cut short": (
        lambda file: file.write_bytes(records(file, *ROWS).read_bytes()[:-5]),
        "truncated record at ",
    ),
    "changed": (
        lambda file: file.write_bytes(records(file, *ROWS).read_bytes().replace(b"Oslo", b"Bern")),
        "corrupted record at 12",
    ),
    "not of examples": (lambda file: records(file, b"\xff\xff"), TYPES),
    "of two types": (lambda file: records(file, example(x=[1]), example(x=[1.5])), TYPES),
    "of nothing": (records, "rows"),
}


@pytest.mark.parametrize(("write", "fact"), BAD.values(), ids=BAD)
def test_records_are_refused(tmp_path, write, fact):
    file = tmp_path / "a.tfrecord"
    write(file)
    with pytest.raises(InputError) as refused:
        profile_rows(find_source(file))
    assert refused.value.key.startswith(str(file))
    assert fact in (refused.value.expected, refused.value.received) or (
        refused.value.received.startswith(f"an error: {fact}")
    )
    assert "\n" not in str(refused.value)


def test_a_feature_of_another_type_in_another_file_is_refused(tmp_path):
    records(tmp_path / "a.tfrecord", example(x=[1]))
    records(tmp_path / "b.tfrecord", example(x=[1.5]))
    with pytest.raises(InputError) as refused:
        profile_rows(find_source(tmp_path))
    assert refused.value.key == f"{tmp_path}/b.tfrecord, from record 1"
    assert refused.value.received == "int64 and float"


def test_gzip_that_is_none_is_refused(tmp_path):
    (tmp_path / "a.tfrecord.gz").write_bytes(records(tmp_path / "b.tfrecord", *ROWS).read_bytes())
    with pytest.raises(InputError) as refused:
        profile_rows(find_source(tmp_path / "a.tfrecord.gz"))
    assert refused.value.key == f"{tmp_path}/a.tfrecord.gz"
