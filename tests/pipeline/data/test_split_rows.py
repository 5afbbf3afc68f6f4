"""Where each row goes: rows through the real ExampleGen, for each kind of file."""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter
from datetime import date, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.types.standard_artifacts import Examples

from huberflow.components.contracts.date_formats import DATE_FORMATS
from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.beam.beam_target import in_process_arguments
from huberflow.pipeline.dag.example_gen import example_gen
from huberflow.pipeline.data.dates import parse_dates
from huberflow.pipeline.resolve.resolved_run import load, resolve_config

KINDS = ["csv", "csv.gz", "parquet", "tfrecord"]


def write(path, rows):
    """A table, as its name says; None is a missing value."""
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".tfrecord":
        with tf.io.TFRecordWriter(str(path)) as file:
            for row in rows:
                file.write(example(row).SerializeToString())
    else:
        with (gzip.open if path.suffix == ".gz" else open)(path, "wt", newline="") as file:
            table = csv.DictWriter(file, rows[0])
            table.writeheader()
            table.writerows(rows)


def example(row):
    kinds = {int: "int64_list", float: "float_list", str: "bytes_list"}
    stored = {name: v.encode() if isinstance(v, str) else v for name, v in row.items()}
    features = {
        name: tf.train.Feature(**{kinds[type(row[name])]: {"value": [value]}})
        for name, value in stored.items()
        if value is not None
    }
    return tf.train.Example(features=tf.train.Features(feature=features))


@pytest.fixture
def split(tmp_path):
    """Rows of each split, as ExampleGen leaves them."""

    def split(*settings):
        config = load(None, ["data.label=y", "data.keep=[id]", *settings])
        node = example_gen(config.data)
        executor = node.executor_spec.executor_class(
            BaseBeamExecutor.Context(
                beam_pipeline_args=list(in_process_arguments()),
                tmp_dir=str(tmp_path),
                unique_id="1",
            )
        )
        found = Examples()
        found.uri = str(tmp_path / "examples")
        executor.Do({}, {"examples": [found]}, dict(node.exec_properties))
        return {
            name: [values(record) for record in records(tmp_path / "examples" / f"Split-{name}")]
            for name in json.loads(found.split_names)
        }

    return split


def records(folder):
    files = [str(file) for file in folder.glob("*.gz")]
    return tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator()


def values(record):
    features = tf.train.Example.FromString(record).features.feature
    found = {}
    for name, feature in features.items():
        kind = feature.WhichOneof("kind")
        if kind and getattr(feature, kind).value:
            (value,) = getattr(feature, kind).value
            found[name] = value.decode() if kind == "bytes_list" else value
    return found


def ids(rows):
    return sorted(row["id"] for row in rows)


def everywhere(found):
    """Ids over all splits, one of a row in two of them twice."""
    return sorted(row["id"] for rows in found.values() for row in rows)


class TestInWords:
    WORDS = ("Train", "TEST", "train", "val", "Train")

    @pytest.mark.parametrize("kind", KINDS)
    def test_each_row_goes_where_its_column_says(self, tmp_path, split, kind):
        rows = [{"id": n, "part": self.WORDS[n % 5], "y": n / 2} for n in range(60)]
        write(tmp_path / f"rows.{kind}", rows)
        found = split(f"data.path={tmp_path}/rows.{kind}", "data.splits.column=part")
        assert {name: {row["part"] for row in found[name]} for name in found} == {
            "train": {"Train", "train"},
            "validation": {"val"},
            "eval": {"TEST"},
        }
        assert everywhere(found) == list(range(60))

    def test_a_boolean_is_one_word_in_any_spelling(self, tmp_path, split):
        spelled = ("True", "true", "FALSE")
        rows = [{"id": n, "part": spelled[n % 3], "y": n / 2} for n in range(60)]
        write(tmp_path / "rows.csv", rows)
        words = "data.splits.values={'true': train, 'false': eval}"
        found = split(f"data.path={tmp_path}/rows.csv", "data.splits.column=part", words)
        assert ids(found["eval"]) == [*range(2, 60, 3)]
        assert everywhere(found) == [*range(60)]

    def test_without_a_word_for_it_validation_is_drawn_from_the_rows_to_train_on(
        self, tmp_path, split
    ):
        rows = [{"id": n, "part": "test" if n < 100 else "train", "y": n} for n in range(400)]
        write(tmp_path / "rows.csv", rows)
        asked = [f"data.path={tmp_path}/rows.csv", "data.splits.column=part"]
        found = split(*asked, "data.splits.train=2")
        assert ids(found["eval"]) == list(range(100))
        assert sorted(ids(found["train"]) + ids(found["validation"])) == list(range(100, 400))
        assert len(found["validation"]) == pytest.approx(100, abs=30)

    def test_numbers_are_words_too(self, tmp_path, split):
        write(tmp_path / "rows.csv", [{"id": n, "held_out": n % 3 // 2, "y": n} for n in range(60)])
        asked = [f"data.path={tmp_path}/rows.csv", "data.splits.column=held_out"]
        found = split(*asked, "data.splits.values={0: train, 1: eval}")
        assert ids(found["eval"]) == list(range(2, 60, 3))


def users_of(rows):
    return {str(row["user"]) for row in rows}


class TestByGroup:
    @pytest.fixture(params=["u{}", 7.0, 7], ids=["text", "numbers", "whole numbers"])
    def rows(self, request):
        """Rows of 200 users, many of some, and a few of nobody."""
        user = request.param
        of = user.format if isinstance(user, str) else lambda number: user * number
        numbers = [n % 17 if n % 5 == 1 else n % 200 for n in range(600)]
        return [
            {"id": n, "user": of(each) if n % 50 else None, "x": n % 7, "y": n / 2}
            for n, each in enumerate(numbers)
        ]

    @pytest.mark.parametrize("kind", KINDS)
    def test_all_rows_of_a_group_go_to_one_split(self, tmp_path, split, rows, kind):
        write(tmp_path / f"rows.{kind}", rows)
        found = split(f"data.path={tmp_path}/rows.{kind}", "data.splits.group=user")
        groups = [users_of(each) for each in found.values()]
        assert all(groups)
        everyone = len({row["user"] for row in rows} - {None})
        assert sum(map(len, groups)) == len(set.union(*groups)) == everyone
        assert len(users_of(found["train"])) == pytest.approx(0.6 * everyone, rel=0.2)
        assert everywhere(found) == [row["id"] for row in rows if row["user"] is not None]

    def test_a_group_goes_where_it_went_in_other_rows_and_files(self, tmp_path, split, rows):
        found = {}
        for kind, some in (("csv", rows), ("parquet", rows[::3])):
            write(tmp_path / f"rows.{kind}", some)
            of = split(f"data.path={tmp_path}/rows.{kind}", "data.splits.group=user")
            found[kind] = {user: name for name, each in of.items() for user in users_of(each)}
        assert found["parquet"].items() <= found["csv"].items()

    def test_shares_are_those_of_the_groups(self, tmp_path, split, rows):
        write(tmp_path / "rows.csv", rows)
        shares = ["data.splits.train=1", "data.splits.validation=1", "data.splits.eval=6"]
        found = split(f"data.path={tmp_path}/rows.csv", "data.splits.group=user", *shares)
        everyone = sum(len(users_of(each)) for each in found.values())
        assert len(users_of(found["eval"])) == pytest.approx(0.75 * everyone, rel=0.2)

    def test_it_is_no_feature_and_rows_without_it_are_told(self, tmp_path, rows):
        write(tmp_path / "rows.csv", rows)
        asked = [f"data.path={tmp_path}/rows.csv", "data.label=y", "data.splits.group=user"]
        found = resolve_config(None, asked)
        assert "user" not in found.config.features.columns()
        told = found.warnings()
        assert "left out: user: groups of rows, each in one split" in told
        assert "dropped: 12 rows without user" in told


@pytest.mark.parametrize(
    ("settings", "key", "expected", "received"),
    [
        (["data.splits.column=part"], "data.splits.group", "null beside splits.column", "user"),
        (["data.label=user"], "data.splits.group", "not the label", "user"),
        (["data.splits.group=part"], "data.splits.group", "at least 3 values in 'part'", "2"),
        (["data.splits.group=usr"], "data.splits.group", "a column of the data", "usr"),
        (["data.keep=[user]"], "data.keep", "not data.splits.group too", "user"),
        (["features.categorical=[user]"], "data.splits.group", "no feature", "user"),
        (
            ["data.path=null", "data.splits.files={train: rows.csv, eval: more.csv}"],
            *("data.splits.group", "null beside splits.files", "user"),
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_group_that_cannot_be_is_refused(
    tmp_path, monkeypatch, settings, key, expected, received
):
    monkeypatch.chdir(tmp_path)
    parts = ("train", "test")
    rows = [{"user": f"u{n % 9}", "part": parts[n % 2], "x": n, "y": n} for n in range(60)]
    write(tmp_path / "rows.csv", rows)
    write(tmp_path / "more.csv", rows)
    asked = ["data.path=rows.csv", "data.label=y", "data.splits.group=user", *settings]
    with pytest.raises(InputError) as refused:
        load(None, asked)
    assert refused.value.key == key
    assert expected in refused.value.expected
    assert received in refused.value.received


class TestByDate:
    @pytest.mark.parametrize(
        ("kind", "written"),
        [
            *((kind, "%Y-%m-%d") for kind in KINDS),
            ("csv", "%d/%m/%Y"),
            ("csv", "%Y%m%d"),
            ("csv", "%B %d, %Y"),
            ("csv", "%Y-%m-%dT23:30:00.5-02:00"),
        ],
    )
    def test_no_row_is_newer_than_a_row_of_a_later_split(self, tmp_path, split, kind, written):
        days = [date(2024, 1, 20) + timedelta(days=n * n % 37) for n in range(90)]
        rows = [{"id": n, "sold": day.strftime(written), "y": n / 2} for n, day in enumerate(days)]
        write(tmp_path / f"rows.{kind}", rows)
        found = split(f"data.path={tmp_path}/rows.{kind}", "data.splits.column=sold")
        sold = {name: [days[n] for n in ids(rows)] for name, rows in found.items()}
        assert max(sold["train"]) < min(sold["validation"])
        assert max(sold["validation"]) < min(sold["eval"])
        assert everywhere(found) == list(range(90))
        assert len(found["train"]) == pytest.approx(54, abs=5)

    def test_stored_as_dates(self, tmp_path, split):
        rows = [{"id": n, "sold": date(2024, 1, 1 + n), "y": n} for n in range(30)]
        write(tmp_path / "rows.parquet", rows)
        found = split(f"data.path={tmp_path}/rows.parquet", "data.splits.column=sold")
        assert [len(found[name]) for name in ("train", "validation", "eval")] == [18, 3, 9]

    @pytest.mark.parametrize("kind", ["csv", "parquet"])
    @pytest.mark.parametrize("gap", [None, "NA"])
    def test_rows_without_a_date_are_dropped(self, tmp_path, split, kind, gap):
        rows = [
            {"id": n, "sold": f"2024-05-{1 + n % 30:02}" if n % 9 else gap, "y": n / 2}
            for n in range(90)
        ]
        write(tmp_path / f"rows.{kind}", rows)
        found = split(f"data.path={tmp_path}/rows.{kind}", "data.splits.column=sold")
        assert everywhere(found) == [n for n in range(90) if n % 9]

    def test_shares_are_of_the_rows_with_a_label(self, tmp_path, split):
        """The newest rows often have none yet."""
        rows = [
            {"id": n, "sold": f"2024-05-{n:02}", "y": n if n < 20 else None} for n in range(1, 31)
        ]
        write(tmp_path / "rows.csv", rows)
        found = split(f"data.path={tmp_path}/rows.csv", "data.splits.column=sold")
        labelled = Counter(name for name in found for row in found[name] if "y" in row)
        assert labelled == {"train": 11, "validation": 2, "eval": 6}

    def test_days_that_are_given_stay_when_newer_rows_come(self, tmp_path, split):
        rows = [{"id": n, "sold": f"2024-05-{n:02}", "y": n} for n in range(1, 31)]
        write(tmp_path / "rows.csv", rows)
        days = "data.splits.days={written: YYYY-MM-DD, validation: 2024-05-04, eval: 2024-05-06}"
        found = split(f"data.path={tmp_path}/rows.csv", "data.splits.column=sold", days)
        assert [ids(found[name]) for name in ("train", "validation")] == [[1, 2, 3], [4, 5]]


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("YYYY-MM-DD", "2024-02-29"),
        ("YYYY-MM-DD hh:mm", "2024-02-29 23:59:59.5"),
        ("YYYY-MM-DDThh:mm", "2024-02-29T00:00"),
        ("YYYY-MM-DD hh:mm", "2024-02-29 23:59:59.999999999"),
        ("YYYY-MM-DD hh:mm+zone", "2024-02-29 23:59:59.999999999Z"),
        ("YYYY-MM-DD hh:mm+zone", "2024-02-29 23:59+0200"),
        ("YYYY-MM-DDThh:mm+zone", "2024-02-29T23:59:01.000001Z"),
        ("YYYY/MM/DD", "2024/02/29"),
        ("DD/MM/YYYY", "29/02/2024"),
        ("DD/MM/YYYY hh:mm", "29/02/2024 23:59:59.5"),
        ("DD/MM/YYYY hh:mm AM", "29/02/2024 12:00 AM"),
        ("MM/DD/YYYY", "02/29/2024"),
        ("MM/DD/YYYY hh:mm", "02/29/2024 00:00"),
        ("MM/DD/YYYY hh:mm AM", "02/29/2024 11:59:59 PM"),
        ("MM/DD/YYYY hh:mm AM", "02/29/2024 12:00 AM"),
        ("DD.MM.YYYY", "29.02.2024"),
        ("DD.MM.YYYY hh:mm", "29.02.2024 23:59"),
    ],
)
def test_a_row_has_the_day_that_profiling_counts_it_for(written, text):
    points = parse_dates(pa.array([text]), DATE_FORMATS[written])
    (counted,) = points.cast(pa.date32()).to_pylist()
    assert DATE_FORMATS[written].day(text) == counted == date(2024, 2, 29)


class TestByFiles:
    def rows(self, first, last):
        return [{"id": n, "y": n / 2} for n in range(first, last)]

    @pytest.mark.parametrize("kind", KINDS)
    def test_each_file_is_its_split(self, tmp_path, split, kind):
        for name, first in (("train", 0), ("validation", 30), ("eval", 40)):
            (tmp_path / name).mkdir()
            write(tmp_path / name / f"rows.{kind}", self.rows(first, first + 10))
        files = [f"data.splits.files.{name}={tmp_path}/{name}" for name in ("train", "eval")]
        found = split(*files, f"data.splits.files.validation={tmp_path}/validation/rows.{kind}")
        assert {name: ids(rows) for name, rows in found.items()} == {
            "train": list(range(10)),
            "validation": list(range(30, 40)),
            "eval": list(range(40, 50)),
        }

    @pytest.mark.parametrize("kind", ["csv", "parquet"])
    def test_validation_is_drawn_where_it_has_no_files(self, tmp_path, split, kind):
        write(tmp_path / f"a.{kind}", self.rows(0, 280))
        write(tmp_path / f"b.{kind}", self.rows(280, 300))
        found = split(
            f"data.splits.files.train={tmp_path}/a.{kind}",
            f"data.splits.files.eval={tmp_path}/b.{kind}",
        )
        assert ids(found["eval"]) == list(range(280, 300))
        assert sorted(ids(found["train"]) + ids(found["validation"])) == list(range(280))
        assert len(found["validation"]) == pytest.approx(40, abs=20)

    def test_a_column_of_csv_has_one_type_in_all_files(self, tmp_path, split):
        write(tmp_path / "a.csv", [{"id": n / 2, "y": n} for n in range(40)])
        write(tmp_path / "b.csv", [{"id": 3, "y": 3}])
        found = split(
            f"data.splits.files.train={tmp_path}/a.csv", f"data.splits.files.eval={tmp_path}/b.csv"
        )
        assert found["eval"] == [{"id": 3.0, "y": 3}]
        assert isinstance(found["eval"][0]["id"], float)


@pytest.mark.parametrize("kind", KINDS)
def test_hashes_that_send_no_row_to_a_split_are_an_error_that_says_what_to_write(
    tmp_path, split, kind
):
    write(tmp_path / f"rows.{kind}", [{"id": n, "y": n / 2} for n in range(4)])
    with pytest.raises(
        ValueError, match=r"expected rows in validation, .*--set data\.splits\.validation=9"
    ):
        split(f"data.path={tmp_path}/rows.{kind}", "data.splits.train=100000")
