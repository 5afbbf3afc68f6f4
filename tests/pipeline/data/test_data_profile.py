"""The profile of a data set: the same, however the rows are divided and in any format."""

import gzip
import importlib.util
import math
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huberflow.components.data import csv_reading
from huberflow.pipeline.data import column_summary, reading
from huberflow.pipeline.data.profile import profile_rows
from huberflow.pipeline.data.source import find_source


@pytest.fixture(scope="module")
def taxi():
    tfx = Path(importlib.util.find_spec("tfx").origin).parent
    return profile_rows(find_source(tfx / "examples" / "chicago_taxi_pipeline" / "data" / "simple"))


class TestTaxi:
    """The trips that the tfx wheel ships; counted with pandas 2.3, by hand."""

    KINDS = (
        ("pickup_community_area", "integer", 2, 62),
        ("fare", "number", 0, 423),
        ("trip_start_month", "integer", 0, 12),
        ("trip_start_hour", "integer", 0, 24),
        ("trip_start_day", "integer", 0, 7),
        ("trip_start_timestamp", "integer", 0, 13_767),
        ("pickup_latitude", "number", 2, 236),
        ("pickup_longitude", "number", 2, 236),
        ("dropoff_latitude", "number", 483, 291),
        ("dropoff_longitude", "number", 483, 291),
        ("trip_miles", "number", 0, 530),
        ("pickup_census_tract", "integer", 15_001, 1),
        ("dropoff_census_tract", "integer", 4_241, 229),
        ("payment_type", "text", 0, 7),
        ("company", "text", 5_140, 61),
        ("trip_seconds", "integer", 6, 110),
        ("dropoff_community_area", "integer", 507, 69),
        ("tips", "number", 0, 462),
    )

    def test_columns(self, taxi):
        assert taxi.rows == 15_002
        found = [(c.name, c.kind, c.missing, c.distinct) for c in taxi.columns.values()]
        exact = [row for row in self.KINDS if row[3] <= column_summary.EXACT]
        assert [row for row in found if row[3] <= column_summary.EXACT] == exact
        assert [row[:3] for row in found] == [row[:3] for row in self.KINDS]

    def test_many_values_are_estimated(self, taxi):
        assert taxi.columns["trip_start_timestamp"].distinct == pytest.approx(13_767, rel=0.05)

    def test_numbers(self, taxi):
        fare = taxi.columns["fare"]
        assert (fare.least, fare.most, fare.whole) == (0.0, 700.07, False)
        assert fare.examples == (12.45, 0.0, 27.05, 5.85, 16.65)
        seconds = taxi.columns["trip_seconds"]
        assert (seconds.least, seconds.most, seconds.whole) == (0, 72_120, True)

    def test_texts(self, taxi):
        payment = taxi.columns["payment_type"]
        assert payment.words == pytest.approx(1.337, abs=1e-3)


def csv_of(folder, name="a.csv", **columns):
    header = ",".join(columns)
    rows = (",".join(row) for row in zip(*columns.values(), strict=True))
    file = folder / name
    file.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return file


def column(file, name="x"):
    return profile_rows(find_source(file)).columns[name]


WRITTEN = {
    "integer": (["1", "-2", "", "+3", "004"], "integer"),
    "integers with blanks and underscores": ([" 1", "2 ", "1_000"], "integer"),
    "fractions": (["1", "2.5", ".5", "3.", "1e3"], "number"),
    "numbers except NaN": (["1.5", "nan", "NaN"], "number"),
    "whole numbers except NaN": (["1", "nan", "NaN"], "integer"),
    "infinity": (["1", "inf", "-Infinity"], "number"),
    "hexadecimal": (["0x10", "0x20"], "text"),
    "too large for 64 bits": (["9223372036854775808", "99999999999999999999"], "text"),
    "the largest of 64 bits": (["9223372036854775807", "-9223372036854775808"], "integer"),
    "booleans": (["true", "False", "", "TRUE"], "boolean"),
    "booleans of pandas with a gap": (["True", "False", "NA"], "boolean"),
    "booleans and numbers": (["true", "1"], "mixed"),
    "words that may be booleans": (["yes", "no"], "text"),
    "codes": (["A1", "17", "B2"], "mixed"),
    "the word nan among words": (["nan", "naan"], "text"),
    "nothing": (["", ""], "empty"),
    "NaN alone": (["nan", ""], "empty"),
    "a mark among words": (["NA", "ZA", "-"], "text"),
    "a mark among codes": (["NA", "A1", "17"], "mixed"),
    "marks alone": (["NA", "?", " "], "empty"),
}


@pytest.mark.parametrize(("values", "kind"), WRITTEN.values(), ids=WRITTEN)
def test_kinds_are_those_that_tfx_reads(tmp_path, values, kind):
    assert column(csv_of(tmp_path, x=values, y=["1"] * len(values))).kind == kind


DATES = {
    "YYYY-MM-DD": (["2024-02-29", "1999-12-31"], "1999-12-31", "2024-02-29"),
    "YYYY/MM/DD": (["2024/02/29", "1999/12/31"], "1999-12-31", "2024-02-29"),
    "DD.MM.YYYY": (["29.02.2024", "31.12.1999"], "1999-12-31", "2024-02-29"),
    "YYYY-MM-DD hh:mm": (
        ["2024-01-01 10:00", "2024-01-01 09:59:59", "2024-01-01 09:59:59.25"],
        "2024-01-01 09:59:59",
        "2024-01-01 10:00:00",
    ),
    "YYYY-MM-DDThh:mm": (["2024-01-01T10:00"], "2024-01-01 10:00:00", "2024-01-01 10:00:00"),
    "YYYY-MM-DD hh:mm+zone": (
        ["2024-01-01 10:00+02:00", "2024-01-01 09:00:00Z"],
        "2024-01-01 08:00:00+00:00",
        "2024-01-01 09:00:00+00:00",
    ),
    "YYYY-MM-DDThh:mm+zone": (
        ["2024-01-01T10:00:00Z", "2024-01-01T10:00:00-0130"],
        "2024-01-01 10:00:00+00:00",
        "2024-01-01 11:30:00+00:00",
    ),
    "DD/MM/YYYY": (["01/02/2024", "31/01/2024"], "2024-01-31", "2024-02-01"),
    "DD/MM/YYYY hh:mm": (
        ["01/02/2024 00:00", "31/01/2024 23:59:59"],
        "2024-01-31 23:59:59",
        "2024-02-01 00:00:00",
    ),
    "DD/MM/YYYY hh:mm AM": (
        ["31/01/2024 11:59 PM", "31/01/2024 12:01 PM"],
        "2024-01-31 12:01:00",
        "2024-01-31 23:59:00",
    ),
    "MM/DD/YYYY": (["02/01/2024", "01/31/2024"], "2024-01-31", "2024-02-01"),
    "MM/DD/YYYY hh:mm": (
        ["02/01/2024 10:00", "01/31/2024 09:00"],
        "2024-01-31 09:00:00",
        "2024-02-01 10:00:00",
    ),
    "MM/DD/YYYY hh:mm AM": (
        ["01/31/2024 12:00:00 AM", "01/31/2024 12:30 PM", "01/31/2024 01:00 AM"],
        "2024-01-31 00:00:00",
        "2024-01-31 12:30:00",
    ),
    "DD.MM.YYYY hh:mm": (
        ["29.02.2024 06:30", "31.12.1999 06:30"],
        "1999-12-31 06:30:00",
        "2024-02-29 06:30:00",
    ),
}


@pytest.mark.parametrize("name", DATES)
def test_dates_are_known_by_their_format(tmp_path, name):
    values, first, last = DATES[name]
    found = column(csv_of(tmp_path, x=[*values, ""], y=["1"] * (len(values) + 1)))
    assert (found.kind, found.date_format, found.least, found.most) == ("date", name, first, last)


@pytest.mark.parametrize(
    "values",
    [
        ["2024-02-30"],
        ["2024-02-03", "soon"],
        ["2024-02-03", "2024-02-03 10:00"],
        ["2024-02-03 10:00", "2024-02-03 10:00Z"],
        ["31/01/2024", "01/31/2024"],
        ["01/31/2024 13:00 PM"],
        ["01/31/2024 00:00 AM"],
        ["01/31/2024 10:00", "01/31/2024 10:00 AM"],
    ],
)
def test_dates_that_are_none_are_text(tmp_path, values):
    assert column(csv_of(tmp_path, x=values, y=["1"] * len(values))).kind == "text"


@pytest.mark.parametrize(
    ("values", "kind", "suggestion"),
    [
        (
            ["01/02/2024", "03/04/2024"],
            "text",
            "dates in which day and month look alike; write: --set data.day_first=true, or =false",
        ),
        (
            ["1", "unknown", "2", "unknown", "n.a."],
            "mixed",
            "numbers except 2 x 'unknown', 1 x 'n.a.'; if they mean a missing value, write: "
            "--set 'data.missing=[unknown, n.a.]'",
        ),
        (["1", "2", "3", "some"], "mixed", "numbers except text in 1 of 4 rows"),
    ],
)
def test_what_values_seem_to_be_is_suggested(tmp_path, values, kind, suggestion):
    found = column(csv_of(tmp_path, x=values, y=["1"] * len(values)))
    assert (found.kind, found.suggestion) == (kind, suggestion)


# pandas._libs.parsers.STR_NA_VALUES of pandas 2.3, without the empty text; and four signs.
MARKS = [
    "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>",
    "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null", "?", "-", "--", ".",
]  # fmt: skip


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize(
    ("values", "kind"),
    [(["3", "1", "2"], "integer"), (["0.5", "7"], "number"), (["2024-02-29"], "date")],
)
def test_marks_among_numbers_and_dates_are_missing_values(tmp_path, mark, values, kind):
    plain = column(csv_of(tmp_path, x=[*values, "", ""], y=["1"] * (len(values) + 2)))
    found = column(csv_of(tmp_path, x=[*values, mark, f" {mark}"], y=["1"] * (len(values) + 2)))
    assert found.kind == kind
    assert found.marks == {mark: 1, f" {mark}": 1}
    assert replace(found, marks={}) == plain


def test_dates_in_parquet_may_have_marks_too(tmp_path):
    pq.write_table(pa.table({"x": ["2024-02-29", "NA", None]}), tmp_path / "a.parquet")
    found = column(tmp_path / "a.parquet")
    assert (found.kind, found.missing, found.marks) == ("date", 2, {"NA": 1})


def test_booleans_have_one_spelling_in_csv(tmp_path):
    found = column(csv_of(tmp_path, x=["TRUE", "true", "False", " false"], y=["1"] * 4))
    assert (found.values, found.distinct) == (("true", "false"), 2)


def test_a_mark_among_words_is_a_word(tmp_path):
    found = column(csv_of(tmp_path, x=["Namibia", "NA", "NA", ""], y=["1"] * 4))
    assert (found.missing, found.marks) == (1, {})
    assert set(found.values) == {"Namibia", "NA"}


def test_csv_as_tfx_reads_it_is_accepted(tmp_path):
    """Quoted commas and newlines, doubled quotes, quotes inside a field, CRLF, empty lines."""
    file = tmp_path / "a.csv"
    file.write_bytes(b'x,y\r\n"a,\nb",1\r\n\r\n"c""d",2\r\n5" pipe 6",3\r\n"",4')
    table = profile_rows(find_source(file))
    found = table.columns["x"]
    assert (table.rows, found.missing) == (4, 1)
    assert found.examples == ("a,\nb", 'c"d', '5" pipe 6"')


def test_compressed_csv_is_the_same(tmp_path):
    plain = csv_of(tmp_path, x=["1", "2"], y=["a", ""])
    packed = tmp_path / "b.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert profile_rows(find_source(packed)) == profile_rows(find_source(plain))


DAY = date(2024, 1, 31)
PARQUET = {
    "integer": (pa.array([1, None], pa.int8()), "integer"),
    "decimal": (pa.array([Decimal("1.50")]), "number"),
    "float": (pa.array([1.0, math.nan], pa.float32()), "number"),
    "boolean": (pa.array([True, False, None]), "boolean"),
    "date": (pa.array([DAY, None]), "date"),
    "time": (pa.array([datetime(2024, 1, 1, 10, tzinfo=UTC)]), "date"),
    "time of pandas": (pa.array([1704103200123456789], pa.timestamp("ns")), "date"),
    "time of pandas with a zone": (
        pa.array([170410320012345678], pa.timestamp("ns", "UTC")),
        "date",
    ),
    "text": (pa.array(["a", ""]), "text"),
    "numbers as text": (pa.array(["1", "2"]), "text"),
    "dictionary": (pa.array(["a", "b"]).dictionary_encode(), "text"),
    "list": (pa.array([[1], None]), "list"),
    "structure": (pa.array([{"a": 1}]), "list"),
    "bytes": (pa.array([b"\xff"]), "list"),
    "nothing": (pa.nulls(2), "empty"),
}


@pytest.mark.parametrize(("values", "kind"), PARQUET.values(), ids=PARQUET)
def test_parquet_has_the_kinds_of_its_types(tmp_path, values, kind):
    pq.write_table(pa.table({"x": values}), tmp_path / "a.parquet")
    assert column(tmp_path / "a.parquet").kind == kind


def test_distinct_values_beyond_what_is_counted_are_estimated(tmp_path):
    count = 3 * column_summary.EXACT
    numbers = pa.array(range(count))
    table = pa.table({"x": pa.concat_arrays([numbers, numbers])})
    pq.write_table(table, tmp_path / "a.parquet")
    found = column(tmp_path / "a.parquet")
    assert found.distinct == pytest.approx(count, rel=0.05)


# -- Whatever the values, however they are cut -----------------------------------------------------

words = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=5)
moments = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1))
VALUES = {
    "integer": st.integers(-(2**63), 2**63 - 1).map(str),
    "number": st.floats(-1e6, 1e6).map(lambda value: f"{value:.6f}"),
    "date": moments.map(lambda moment: moment.date().isoformat()),
    "boolean": st.sampled_from(["true", "false"]),
    "text": words.map(lambda word: f"w{word}"),
}


@st.composite
def tables(draw):
    """Columns by kind, some values missing, at least one there."""
    rows = draw(st.integers(1, 8))
    return {
        kind: [
            draw(values),
            *draw(st.lists(st.just("") | values, min_size=rows - 1, max_size=rows - 1)),
        ]
        for kind, values in VALUES.items()
    }


def quoted(columns):
    return {
        name: ['"{}"'.format(value.replace('"', '""')) for value in values]
        for name, values in columns.items()
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tables")


def assert_same(found, expected):
    """All but the last digits of the deviations, whose sums are taken in another order."""
    deviations = {name: column.deviation for name, column in found.columns.items()}
    assert deviations == pytest.approx(
        {name: column.deviation for name, column in expected.columns.items()}
    )
    columns = {
        name: replace(column, deviation=deviations[name])
        for name, column in expected.columns.items()
    }
    assert found == replace(expected, columns=columns)


class TestAnyTable:
    @settings(max_examples=40, deadline=None)
    @given(columns=tables())
    def test_kinds_are_found_again(self, folder, columns):
        table = profile_rows(find_source(csv_of(folder, **quoted(columns))))
        for kind, values in columns.items():
            assert table.columns[kind].kind == kind
            assert table.columns[kind].missing == values.count("")

    @settings(max_examples=20, deadline=None)
    @given(columns=tables(), data=st.data())
    def test_cuts_do_not_matter(self, folder, columns, data):
        """Into blocks of some bytes, and into two files."""
        file = csv_of(folder, **quoted(columns))
        whole = profile_rows(find_source(file))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(csv_reading, "BLOCK", data.draw(st.integers(30, 200)))
            blocks = profile_rows(find_source(file))
        cut = data.draw(st.integers(0, whole.rows))
        halves = folder / "halves"
        halves.mkdir(exist_ok=True)
        for name, part in (("a.csv", slice(cut)), ("b.csv", slice(cut, None))):
            csv_of(halves, name, **{key: rows[part] for key, rows in quoted(columns).items()})
        files = profile_rows(find_source(halves))
        assert_same(blocks, whole)
        assert_same(files, whole)

    @settings(max_examples=20, deadline=None)
    @given(
        numbers=st.lists(
            st.none() | st.sampled_from([math.nan, math.inf, 0.1, 2.0, -3.5]),
            min_size=1,
            max_size=50,
        )
    )
    def test_batches_of_parquet_do_not_matter(self, folder, numbers):
        file = folder / "a.parquet"
        pq.write_table(pa.table({"x": pa.array(numbers, pa.float64())}), file)
        whole = profile_rows(find_source(file))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(reading, "PARQUET_ROWS", 3)
            batches = profile_rows(find_source(file))
        assert_same(batches, whole)

    @settings(max_examples=20, deadline=None)
    @given(step=st.integers(1, 7))
    def test_many_values_are_estimated_alike(self, folder, step):
        numbers = [str(number * step) for number in range(column_summary.EXACT + 2)]
        file = csv_of(folder, x=numbers)
        whole = profile_rows(find_source(file))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(csv_reading, "BLOCK", 10_000)
            assert (
                profile_rows(find_source(file)).columns["x"].distinct == whole.columns["x"].distinct
            )
