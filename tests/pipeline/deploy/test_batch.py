"""A file of rows: every row is predicted or named as bad, and nothing else changes."""

import csv
import datetime
import gzip
import io
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huberflow.components.bundle import reload
from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.deploy import batch

PLAIN = "trip,miles,company,fare\n1,1.5,Blue,3\n2,,Red,4\n3,2e0,,\n"


@pytest.fixture(scope="module")
def expected(bundle):
    """The model's own answers, to columns as its signature takes them."""
    predict = reload.predictor(bundle, "columns")
    return lambda miles, company: predict(miles=miles, company=company)["prediction"]


class Folder:
    """Files to predict, and the files that were written."""

    def __init__(self, path, scorer):
        self.path, self._scorer = path, scorer
        self.bad = path / "bad.csv"

    def predict(self, content, name="data.csv", to="out.csv", **options):
        data = self.path / name
        if isinstance(content, pa.Table):
            pq.write_table(content, data)
        else:
            data.write_bytes(content.encode() if isinstance(content, str) else content)
        return batch.predict_file(self._scorer, data, self.path / to, self.bad, **options)

    def predict_path(self, data):
        """Predicts what is there already."""
        return batch.predict_file(self._scorer, data, self.path / "out.csv", self.bad)

    def out(self, name="out.csv"):
        return rows_of((self.path / name).read_bytes())

    def table(self, name="out.parquet"):
        return pq.read_table(self.path / name)

    def bad_rows(self):
        return rows_of(self.bad.read_bytes())

    def names(self):
        return {path.name for path in self.path.iterdir()}


@pytest.fixture
def folder(tmp_path, scorer):
    return Folder(tmp_path, scorer)


def rows_of(content: bytes):
    return list(csv.DictReader(io.StringIO(content.decode(), newline=""), strict=True))


def predictions(folder):
    return np.array([row["prediction"] for row in folder.out()], np.float32)


def carried(folder):
    return [{**row, "prediction": None} for row in folder.out()]


def as_csv(rows, end="\n"):
    lines = io.StringIO(newline="")
    csv.writer(lines, lineterminator=end, quoting=csv.QUOTE_ALL).writerows(rows)
    return lines.getvalue()


class TestPredictions:
    def test_are_the_models_bit_for_bit(self, folder, expected):
        outcome = folder.predict(PLAIN)
        wanted = expected([1.5, np.nan, 2.0], ["Blue", "Red", ""])
        found = predictions(folder)
        np.testing.assert_array_equal(found, wanted)
        assert (outcome.rows, outcome.bad, outcome.first_bad, outcome.absent) == (3, 0, None, [])

    def test_stand_beside_the_rows_as_they_were(self, folder):
        folder.predict(PLAIN)
        assert [[*row.values()][:-1] for row in folder.out()] == [
            ["1", "1.5", "Blue", "3"],
            ["2", "", "Red", "4"],
            ["3", "2e0", "", ""],
        ]

    def test_take_text_of_digits_for_text(self, folder, expected):
        folder.predict("miles,company\n1,007\n1,7\n1,7.0\n")
        found = predictions(folder)
        np.testing.assert_array_equal(found, expected([1.0] * 3, ["007", "7", "7.0"]))
        assert len(set(found)) > 1

    def test_take_an_absent_column_for_missing_and_say_so(self, folder, expected):
        outcome = folder.predict("miles\n1.5\n")
        assert outcome.absent == ["company"]
        assert predictions(folder) == expected([1.5], [""])

    def test_leave_columns_of_the_same_name_alone(self, folder, expected):
        outcome = folder.predict("miles,prediction,model_prediction\n1.5,a,b\n")
        assert outcome.outputs == {"prediction": "model_model_prediction"}
        (row,) = folder.out()
        wanted = expected([1.5], [""])
        assert np.float32(row.pop("model_model_prediction")) == wanted
        assert row == {"miles": "1.5", "prediction": "a", "model_prediction": "b"}

    def test_of_no_rows_are_none(self, folder):
        assert folder.predict("miles,company\n").rows == 0
        assert (folder.path / "out.csv").read_text() == "miles,company,prediction\n"

    def test_are_reported_as_the_file_is_read(self, folder):
        shares = []
        lines = "".join(f"{number},Blue\n" for number in range(20_000))
        folder.predict("miles,company\n" + lines, rows=1000, on_batch=shares.append)
        assert len(shares) == 20
        assert shares == sorted(shares)
        assert 0 < shares[0] < 0.8
        assert shares[-1] == 1

    @settings(deadline=None, derandomize=True, max_examples=30)
    @given(
        rows=st.lists(
            st.tuples(
                st.one_of(st.none(), st.floats(-1e6, 1e6, width=32), st.just("far")),
                st.text(alphabet="aé,\"\r\n 0'", max_size=4),
            ),
            min_size=1,
            max_size=40,
        ),
        size=st.integers(1, 41),
        end=st.sampled_from(["\n", "\r\n"]),
    )
    def test_are_the_same_in_one_batch_and_in_many(self, tmp_path_factory, scorer, rows, size, end):
        named = [(number, *row, "x") for number, row in enumerate(rows)]
        content = as_csv([("id", "miles", "company", "note"), *named], end)
        one = Folder(tmp_path_factory.mktemp("one"), scorer)
        many = Folder(tmp_path_factory.mktemp("many"), scorer)
        outcome = one.predict(content)
        assert many.predict(content, rows=size) == outcome
        # TensorFlow multiplies one row by other instructions than many: the last bit may differ.
        np.testing.assert_allclose(predictions(one), predictions(many), rtol=1e-5)
        assert carried(one) == carried(many)
        good = [row for row in named if row[1] != "far"]
        assert (outcome.rows, outcome.bad) == (len(good), len(rows) - len(good))
        assert [(row["id"], row["company"]) for row in one.out()] == [
            (str(number), company) for number, _, company, _ in good
        ]
        assert not outcome.bad or one.bad_rows() == many.bad_rows()


class TestBadRows:
    LINES = (
        "miles,company,note\n"
        '1,Blue,"over\ntwo lines"\n'
        "far,Blue,a\n"
        "1,Blue\n"
        "\n"
        "1,Blue,a,b\n"
        '"1"0,Blue,a\n'
        "1e39,Red,a\n"
        "2,Red,a\n"
    )

    def test_are_named_by_line_and_reason_and_kept(self, folder):
        outcome = folder.predict(self.LINES)
        assert [(row["line"], row["reason"], row["text"]) for row in folder.bad_rows()] == [
            ("4", "miles: expected a number, received 'far'", "far,Blue,a"),
            ("5", "expected 3 fields, received 2", "1,Blue"),
            ("7", "expected 3 fields, received 4", "1,Blue,a,b"),
            ("8", "expected CSV, received: ',' expected after '\"'", '"1"0,Blue,a'),
            ("9", "miles: expected a number within ±3.4e+38, received 1e+39", "1e39,Red,a"),
        ]
        assert [row["miles"] for row in folder.out()] == ["1", "2"]
        assert (outcome.rows, outcome.bad, outcome.first_bad.line) == (2, 5, 4)

    def test_that_are_not_utf_8_do_not_spoil_others(self, folder):
        folder.predict("miles,company\n1,Größe\n".encode() + b"2,Gr\xf6\xdfe\n3,Red\n")
        assert [row["company"] for row in folder.out()] == ["Größe", "Red"]
        assert [(row["line"], row["text"]) for row in folder.bad_rows()] == [
            ("3", r"2,Gr\xf6\xdfe")
        ]

    def test_an_open_quote_loses_no_row(self, folder):
        lines = [f"{number},Blue" for number in range(1000)]
        lines[500] = '500,"Blue'
        outcome = folder.predict("miles,company\n" + "\n".join(lines))
        (bad,) = folder.bad_rows()
        assert bad["line"] == "502"
        assert outcome.rows == 500
        assert bad["text"].splitlines() == lines[500:]

    def test_may_be_all_there_are(self, folder):
        assert folder.predict("miles,company\nfar,Blue\n").rows == 0
        assert folder.out() == []
        assert len(folder.bad_rows()) == 1

    def test_of_an_earlier_prediction_are_not_left(self, folder):
        folder.predict(self.LINES)
        assert "bad.csv" in folder.names()
        folder.predict(PLAIN)
        assert folder.names() == {"data.csv", "out.csv"}

    def test_of_parquet_are_named_by_row(self, folder):
        table = pa.table({"miles": [1.0, np.inf, None], "tags": [["a"], ["b"], None]})
        outcome = folder.predict(table, "data.parquet")
        assert [(row["line"], row["text"]) for row in folder.bad_rows()] == [("2", 'inf,"[""b""]"')]
        assert [row["tags"] for row in folder.out()] == ['["a"]', ""]
        assert (outcome.rows, outcome.bad) == (2, 1)


class TestFormats:
    def test_parquet_stays_what_it_was(self, folder, expected):
        day = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
        table = pa.table(
            {
                "day": [day, None],
                "miles": pa.array([1, None], pa.int32()),
                "company": pa.array(["Blue", None]).dictionary_encode(),
                "tags": [["a", "b"], []],
            }
        )
        folder.predict(table, "data.parquet", "out.parquet")
        found = folder.table()
        assert found.drop_columns("prediction").equals(table)
        assert found.schema.field("prediction").type == pa.float32()
        wanted = expected([1.0, np.nan], ["Blue", ""])
        np.testing.assert_array_equal(found["prediction"].to_numpy(), wanted)

    @pytest.mark.parametrize(
        "miles", [pa.array([2], pa.uint64()), pa.array([Decimal("2.00")]), pa.array(["2"])]
    )
    def test_parquet_has_numbers_of_many_types(self, folder, expected, miles):
        folder.predict(pa.table({"miles": miles}), "data.parquet", "out.parquet")
        assert folder.table()["prediction"].to_numpy() == expected([2.0], [""])

    @pytest.mark.parametrize(
        "company", [[True], [datetime.date(2024, 1, 1)], [datetime.datetime(2024, 1, 1)]]
    )
    def test_parquet_has_booleans_and_dates_as_the_text_that_was_trained_on(
        self, folder, expected, company
    ):
        folder.predict(pa.table({"miles": [2.0], "company": company}), "a.parquet", "out.parquet")
        text = str(pa.array(company).cast(pa.string())[0])
        assert folder.table()["prediction"].to_numpy() == expected([2.0], [text])
        assert folder.table()["company"].to_pylist() == company

    def test_csv_has_any_delimiter_and_row_names(self, folder):
        folder.predict('"";"miles";"company"\n"1";1.5;"Blue, too"\n')
        (row,) = folder.out()
        assert (row["Unnamed: 0"], row["miles"], row["company"]) == ("1", "1.5", "Blue, too")

    def test_folders_name_columns(self, folder):
        (folder.path / "company=Blue").mkdir()
        folder.predict(pa.table({"miles": [1.5]}), "company=Blue/a.parquet")
        (row,) = folder.out()
        assert row["company"] == "Blue"

    def test_a_folder_is_one_table_of_all_its_files(self, folder):
        data = folder.path / "data"
        for year, miles in ((2023, [1, 2]), (2024, [2.5, None])):
            part = data / f"year={year}" / "part-0.parquet"
            part.parent.mkdir(parents=True)
            pq.write_table(pa.table({"miles": miles, "company": ["Blue", "Red"]}), part)
        (data / "_SUCCESS").touch()
        found = folder.predict_path(data)
        assert found.rows == 4
        assert [row["year"] for row in folder.out()] == ["2023", "2023", "2024", "2024"]
        assert [row["miles"] for row in folder.out()] == ["1", "2", "2.5", ""]

    def test_a_bad_row_of_a_folder_is_named_by_its_file(self, folder):
        for name, miles in (("a", "1"), ("b", "far")):
            (folder.path / f"{name}.csv").write_text(f"miles,company\n{miles},Blue\n")
        found = folder.predict_path(folder.path / "?.csv")
        assert (found.rows, found.bad) == (1, 1)
        assert found.first_bad.line == 2
        assert found.first_bad.reason.startswith(f"{folder.path}/b.csv: miles")

    def test_files_of_a_folder_with_other_columns_are_refused(self, folder):
        for name, columns in (("a", "miles,company"), ("b", "miles,firm")):
            (folder.path / f"{name}.csv").write_text(f"{columns}\n1,Blue\n")
        with pytest.raises(InputError) as refused:
            folder.predict_path(folder.path / "?.csv")
        assert refused.value.key == f"{folder.path}/b.csv"

    def test_an_output_among_the_files_that_are_read_is_refused(self, folder):
        (folder.path / "a.csv").write_text("miles\n1\n")
        with pytest.raises(InputError) as refused:
            folder.predict_path(folder.path)
        assert refused.value.received == str(folder.path / "out.csv")

    def test_csv_to_parquet_has_the_models_numbers_as_numbers(self, folder):
        folder.predict(PLAIN, to="out.parquet")
        found = folder.table().drop_columns("prediction").to_pylist()
        assert found == [
            {"trip": "1", "miles": 1.5, "company": "Blue", "fare": "3"},
            {"trip": "2", "miles": None, "company": "Red", "fare": "4"},
            {"trip": "3", "miles": 2.0, "company": "", "fare": ""},
        ]

    def test_compressed_csv_is_csv(self, folder):
        folder.predict(PLAIN)
        folder.predict(gzip.compress(PLAIN.encode()), "data.csv.gz", "out.csv.gz")
        unpacked = gzip.decompress((folder.path / "out.csv.gz").read_bytes())
        assert unpacked == (folder.path / "out.csv").read_bytes()

    def test_csv_may_begin_with_the_mark_that_excel_writes(self, folder):
        assert folder.predict("\ufeffmiles,company\n1,Blue\n").absent == []


class TestRefused:
    @pytest.mark.parametrize(
        ("content", "key", "received"),
        [
            ("mile;firm\n1;Blue\n", "data.csv", "mile, firm"),
            ("", "data.csv", "an empty file"),
            ("miles,fare,fare\n1,2,3\n", "data.csv, line 1", "two of 'fare'"),
            (b"miles,Gr\xf6\xdfe\n1,2\n", "data.csv, line 1", "other bytes"),
        ],
    )
    def test_a_header_that_does_not_fit(self, folder, content, key, received):
        with pytest.raises(InputError) as refused:
            folder.predict(content)
        assert refused.value.key == f"{folder.path}/{key}"
        assert refused.value.received.startswith(received)
        assert folder.names() == {"data.csv"}

    @pytest.mark.parametrize(
        ("name", "values", "facts"),
        [
            ("company", [8, 9], ("text", "int64")),
            ("miles", [True, False], ("number", "bool")),
            ("miles", [datetime.date(2024, 1, 1)], ("number", "date32[day]")),
        ],
    )
    def test_a_column_of_another_type(self, folder, name, values, facts):
        with pytest.raises(InputError) as refused:
            folder.predict(pa.table({name: values}), "data.parquet")
        assert refused.value.key.endswith(f"data.parquet: column {name}")
        assert (refused.value.expected, refused.value.received) == facts

    @pytest.mark.parametrize(
        ("content", "name"),
        [
            (b"no parquet", "data.parquet"),
            (gzip.compress(PLAIN.encode(), mtime=0)[:-9], "data.csv.gz"),
        ],
    )
    def test_a_damaged_file_and_what_was_written_before_stays(self, folder, content, name):
        (folder.path / "out.csv").write_text("earlier")
        with pytest.raises(InputError) as refused:
            folder.predict(content, name)
        assert refused.value.key == f"{folder.path}/{name}"
        assert (folder.path / "out.csv").read_text() == "earlier"
        assert folder.names() == {name, "out.csv"}

    def test_what_is_interrupted_leaves_nothing(self, folder):
        def interrupt(done):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            folder.predict(PLAIN, on_batch=interrupt)
        assert folder.names() == {"data.csv"}

    def test_a_file_that_is_not_there(self, folder, scorer):
        missing = folder.path / "no.csv"
        with pytest.raises(InputError) as refused:
            batch.predict_file(scorer, missing, folder.path / "o.csv", folder.bad)
        assert refused.value.key == str(missing)
        assert "No such file" in refused.value.received

    @pytest.mark.parametrize(
        "to", ["data.csv", "bad.csv", "../{}/data.csv", "out.xlsx", "no/out.csv"]
    )
    def test_an_output_that_cannot_be(self, folder, to):
        with pytest.raises(InputError) as refused:
            folder.predict(PLAIN, to=to.format(folder.path.name))
        assert refused.value.key == "file"
        assert refused.value.received.endswith(to.rpartition("/")[2])
        assert folder.names() == {"data.csv"}
        assert (folder.path / "data.csv").read_text() == PLAIN
