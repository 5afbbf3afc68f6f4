"""Files in artifacts are read as they were written, and are strict JSON."""

import json
import math

import pytest

from huberflow.components.contracts.evaluation_report import EvaluationReport, SliceMetrics
from huberflow.components.contracts.predictions import (
    PredictedRow,
    read_predictions,
    write_predictions,
)
from huberflow.components.contracts.validation_findings import Anomaly, Shift, ValidationFindings


@pytest.mark.parametrize(
    "record",
    [
        EvaluationReport(
            metrics=("example_count", "mae"),
            blessed=False,
            reasons=("mae of all rows is 2, above the upper bound 1",),
            slices=(
                SliceMetrics({}, {"example_count": 40.0, "mae": 2.0}, {"mae": 1.5}),
                SliceMetrics({"pay": "Cash", "hour": 7}, {"example_count": 1.0}),
            ),
            baseline_dropped="it has different outputs",
        ),
        ValidationFindings(
            (Anomaly(None, "expected rows, received none", ("train", "eval")),),
            (Shift("drift", "pay", "infinity_norm", 0.31, threshold=0.1, largest="Card"),),
        ),
    ],
    ids=lambda record: type(record).__name__,
)
def test_a_record_is_read_as_it_was_written(record, tmp_path):
    record.write(tmp_path / "record.json")
    assert type(record).read(tmp_path / "record.json") == record


@pytest.mark.parametrize(
    ("value", "text"), [(math.nan, "NaN"), (math.inf, "Infinity"), (-math.inf, "-Infinity")]
)
def test_a_metric_that_is_not_finite_is_text_in_the_file_and_a_number_in_the_report(
    value, text, tmp_path
):
    file = tmp_path / "report.json"
    metrics = SliceMetrics({}, {"mae": value}, {"mae": 1.0})
    EvaluationReport(("mae",), True, (), (metrics,)).write(file)
    written = json.loads(file.read_text(), parse_constant=pytest.fail)
    assert written["slices"][0]["candidate"] == {"mae": text}
    overall = EvaluationReport.read(file).overall
    assert repr(overall.candidate["mae"]) == repr(value)
    assert overall.baseline == {"mae": 1.0}


def test_predicted_rows_are_read_as_they_were_written(tmp_path):
    rows = [
        PredictedRow(5.25, {"prediction": 5.0}, {"company": None, "miles": 1.5}),
        PredictedRow("a", {"prediction": "b", "probability_a": 0.25}, {}),
        PredictedRow({"a": 1.0, "b": 2.0}, {"prediction_a": 3.0, "prediction_b": None}, {}),
    ]
    write_predictions(rows, tmp_path / "predictions.jsonl")
    assert list(read_predictions(tmp_path / "predictions.jsonl")) == rows


@pytest.mark.parametrize(
    ("key", "name"),
    [({}, "all rows"), ({"payment_type": "Cash", "hour": 7}, "payment_type=Cash, hour=7")],
)
def test_a_slice_has_a_name(key, name):
    assert SliceMetrics(key, {}).name == name
