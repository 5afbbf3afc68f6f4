"""The Evaluator's report as a table."""

import csv
import io
import json
import math

import pytest
from evaluation_reports import report
from evaluation_reports import slice_row as row

from huberflow.pipeline.report import slices

COLUMNS = ["slice", "example_count", "calibration", "huber"]


class TestTable:
    def test_has_a_row_per_slice_with_its_metrics_and_the_baselines(self):
        table = slices.slice_table(report(row(1.5, 100, before=1.25), row(2.0, 40, pay="Cash")))
        assert table.columns == [*COLUMNS, "baseline_calibration", "baseline_huber"]
        assert table.data == [
            ["all rows", 100, 1.0, 1.5, 1.0, 1.25],
            ["pay=Cash", 40, 1.0, 2.0, None, None],
        ]

    def test_is_in_order_hour_two_before_hour_ten_and_numbers_before_text(self):
        rows = [row(hour="?"), row(hour=10), row(hour=2), row(), row(company="A")]
        names = [row[0] for row in slices.slice_table(report(*rows)).data]
        assert names == ["all rows", "company=A", "hour=2", "hour=10", "hour=?"]

    def test_csv_keeps_commas_and_quotes_in_a_name(self):
        text = slices.slice_table(report(row(a='x, "y"', b="z"))).to_csv()
        header, _, second = csv.reader(io.StringIO(text))
        assert header[:4] == COLUMNS
        assert second[0] == 'a=x, "y", b=z'

    def test_json_has_no_nan(self):
        text = slices.slice_table(report(row(math.nan, 100))).to_json()
        assert json.loads(text, parse_constant=pytest.fail) == {
            "columns": [*COLUMNS, "baseline_calibration", "baseline_huber"],
            "data": [["all rows", 100, 1.0, None, None, None]],
        }


class TestWorst:
    def test_small_slices_come_in_where_there_is_room(self):
        found = report(row(9.0, 3, hour=1), row(2.0, hour=2), row(3.0, hour=3))
        two, three = (slices.worst(found, "huber", "lower", most) for most in (2, 3))
        assert [each.slice for each in two] == [{"hour": 3}, {"hour": 2}]
        assert three[0].slice == {"hour": 1}

    def test_slices_without_a_finite_value_are_left_out(self):
        found = report(row(math.nan, hour=1), row(1.0, hour=2))
        assert [each.slice for each in slices.worst(found, "huber", "lower", 2)] == [{"hour": 2}]
