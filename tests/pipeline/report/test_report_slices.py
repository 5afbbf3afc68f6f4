"""The Evaluator's report as a table."""

import csv
import io
import json
import math

import pytest

from huberflow.pipeline.report import slices, words


def row(huber=1.0, rows=100, before=None, **key):
    return {
        "slice": key,
        "candidate": {"example_count": float(rows), "huber": huber},
        "baseline": None if before is None else {"example_count": float(rows), "huber": before},
    }


def report(*rows):
    return {"metrics": ["example_count", "huber"], "slices": list(rows)}


class TestTable:
    def test_has_a_row_per_slice_with_its_metrics_and_the_baselines(self):
        table = slices.table(report(row(1.5, 100, before=1.25), row(2.0, 40, payment="Cash")))
        assert table.columns == ["slice", "example_count", "huber", "baseline_huber"]
        assert table.data == [["all rows", 100, 1.5, 1.25], ["payment=Cash", 40, 2.0, None]]

    def test_hour_two_stands_before_hour_ten(self):
        table = slices.table(report(row(hour=10), row(hour=2), row(), row(company="A")))
        assert [row[0] for row in table.data] == ["all rows", "company=A", "hour=2", "hour=10"]

    def test_of_text_and_numbers_in_one_column_is_in_order(self):
        table = slices.table(report(row(hour="?"), row(hour=2)))
        assert [row[0] for row in table.data] == ["hour=2", "hour=?"]

    def test_csv_keeps_commas_and_quotes_in_a_name(self):
        text = slices.table(report(row(a='x, "y"', b="z"))).to_csv()
        header, first = csv.reader(io.StringIO(text))
        assert header[0] == "slice"
        assert first[0] == 'a=x, "y", b=z'

    def test_json_is_split_into_columns_and_data(self):
        text = slices.table(report(row(1.5))).to_json()
        assert json.loads(text) == {
            "columns": ["slice", "example_count", "huber", "baseline_huber"],
            "data": [["all rows", 100, 1.5, None]],
        }

    def test_json_has_no_nan(self):
        text = slices.table(report(row(math.nan))).to_json()
        assert json.loads(text, parse_constant=pytest.fail)["data"] == [
            ["all rows", 100, None, None]
        ]


class TestWorst:
    def test_small_slices_come_in_where_there_is_room(self):
        found = report(row(9.0, 3, hour=1), row(2.0, hour=2), row(3.0, hour=3), row())
        assert [r["slice"] for r in slices.worst(found, "huber", "lower", 2)] == [
            {"hour": 3},
            {"hour": 2},
        ]
        assert slices.worst(found, "huber", "lower", 3)[0]["slice"] == {"hour": 1}

    def test_slices_without_a_finite_value_are_left_out(self):
        found = report(row(math.nan, hour=1), row(1.0, hour=2))
        assert [r["slice"] for r in slices.worst(found, "huber", "lower", 2)] == [{"hour": 2}]


class TestWords:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (None, "-"),
            (0.123456, "0.1235"),
            (1234.5, "1234"),
            (31234.5, "31,234"),
            (1e20, "1e+20"),
            (math.nan, "-"),
        ],
    )
    def test_number(self, value, text):
        assert words.number(value) == text

    @pytest.mark.parametrize(
        ("part", "whole", "text"),
        [(1, 3, "33.3%"), (0, 3, "0.0%"), (1, 90_000, "<0.1%"), (0, 0, "-")],
    )
    def test_share(self, part, whole, text):
        assert words.share(part, whole) == text

    @pytest.mark.parametrize(
        ("value", "before", "text"), [(2.2, 2.0, "+10.0%"), (1.0, 0.0, ""), (1.0, None, "")]
    )
    def test_change(self, value, before, text):
        assert words.change(value, before) == text

    @pytest.mark.parametrize(
        ("seconds", "text"), [(None, "-"), (8.21, "8.2 s"), (59.99, "60.0 s"), (200, "3 min 20 s")]
    )
    def test_duration(self, seconds, text):
        assert words.duration(seconds) == text
