"""The gate and the report, by TFMA itself on a handful of rows.

Here two models "predict" a column of their own, so that each error can be read off the table.
"""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
from judging import CANDIDATE_ID, Bench, Judged, write_model

from huberflow.components.contracts.constant_prediction import ConstantPrediction
from huberflow.components.contracts.evaluation_config import (
    EvaluationConfig,
    GateBound,
    MetricConfig,
)
from huberflow.components.contracts.target import Target
from huberflow.components.evaluation import labels, measurement
from huberflow.components.evaluation.measurement import eval_config
from huberflow.components.evaluation.tfma_results import read_report
from huberflow.custom_objects.input_error import InputError

# fare, candidate's and baseline's prediction, payment_type (a company's number is text), hour,
# how many trips like it there were
ROWS = [
    (10.0, 12.0, 11.0, "Cash", 7, 3),
    (10.0, 12.0, 11.0, "Cash", 8, 0),
    (20.0, 20.0, 21.0, "Card", 7, 1),
    (20.0, 20.0, 21.0, "7", 8, 2),
    (20.0, 20.0, 21.0, None, 8, 1),
]
METRICS = [
    MetricConfig(name="MeanAbsoluteError", key="mae"),
    MetricConfig(name="HuberMetric", config={"threshold": 1.0}, key="huber"),
    MetricConfig(name="AbsoluteErrorQuantile", config={"quantile": 0.5}, key="median_error"),
]


def evaluation(*gate, metrics=METRICS, slices=(("payment_type",), ("hour",))) -> EvaluationConfig:
    return EvaluationConfig(metrics=tuple(metrics), slices=tuple(slices), gate=gate)


class TestEvalConfig:
    def metrics(self, *gate: GateBound) -> dict:
        specs = eval_config(evaluation(*gate), Target(("fare",))).metrics_specs
        return {json.loads(metric.config)["name"]: metric for s in specs for metric in s.metrics}

    def test_every_metric_names_its_module(self):
        found = {key: json.loads(metric.config)["metric"] for key, metric in self.metrics().items()}
        assert [(key, metric["name"], metric["module"]) for key, metric in found.items()] == [
            ("example_count", "ExampleCount", "huberflow.components.evaluation.batch_metrics"),
            ("calibration", "Calibration", "huberflow.components.evaluation.batch_metrics"),
            ("mae", "MeanAbsoluteError", "tf_keras.metrics"),
            ("huber", "HuberMetric", "huberflow.custom_objects.metrics"),
            ("median_error", "AbsoluteErrorQuantile", "huberflow.custom_objects.metrics"),
        ]

    def test_a_bound_of_zero_is_a_bound(self):
        metric = self.metrics(GateBound(metric="mae", upper_bound=0.0))["mae"]
        (threshold,) = metric.per_slice_thresholds
        assert threshold.threshold.value_threshold.HasField("upper_bound")


TYPES = {
    "fare": tf.float32,
    "candidate": tf.float32,
    "baseline": tf.float32,
    "payment_type": tf.string,
    "hour": tf.int64,
    "trips": tf.int64,
}


def column(name: str):
    """The answer of a model whose prediction is a column of the raw rows."""

    def answer(examples):
        spec = {name: tf.io.FixedLenFeature([], tf.float32)}
        return {"prediction": tf.io.parse_example(examples, spec)[name]}

    return answer


@pytest.fixture(scope="module")
def judge(tmp_path_factory):
    """Runs the Evaluator's executor as TFX would, with or without a baseline."""
    root = tmp_path_factory.mktemp("evaluator")
    candidate, before = (write_model(root / n, column(n)) for n in ("candidate", "baseline"))
    bench = Bench(root, TYPES, [dict(zip(TYPES, row, strict=True)) for row in ROWS])

    def judge(
        asked: EvaluationConfig,
        *,
        baseline: bool,
        empty: bool = False,
        weight: str | None = None,
        constant: float | None = None,
    ) -> Judged:
        out = tmp_path_factory.mktemp("out")
        told = {"label": "fare", "weight": weight}
        if constant is not None:
            told["constant"] = ConstantPrediction((constant,))
        place = out / "no model" if empty else before
        return bench.judged(out, asked, candidate, place if baseline else None, **told)

    return judge


@pytest.fixture(scope="module")
def refused(judge):
    """A candidate that misses every kind of bound, beside a baseline."""
    asked = evaluation(
        GateBound(metric="mae", upper_bound=0.5),
        GateBound(metric="example_count", lower_bound=100.0),
        GateBound(metric="mae", slice={"payment_type": "Cash"}, max_increase=0.1),
        GateBound(metric="mae", slice={"payment_type": "Cheque"}, upper_bound=1.0),
        GateBound(metric="huber", slice={"hour": 7}, upper_bound=0.25),
        GateBound(metric="median_error", slice={"payment_type": "7"}, lower_bound=0.5),
        GateBound(metric="calibration", upper_bound=2.0, lower_bound=0.5, max_increase=0.5),
    )
    return judge(asked, baseline=True)


@pytest.fixture(scope="module")
def blessed(judge):
    """A first candidate that meets its gate; there is nothing to compare it with."""
    asked = evaluation(
        GateBound(metric="mae", upper_bound=0.9, max_increase=0.0),
        GateBound(metric="mae", slice={"hour": 8}, upper_bound=0.7),
        metrics=METRICS[:1],
    )
    return judge(asked, baseline=False)


@pytest.fixture(scope="module")
def weighted(judge):
    """Judged by trips; by rows the candidate would meet the first bound, and miss the second."""
    asked = evaluation(
        GateBound(metric="mae", upper_bound=0.85),
        GateBound(metric="example_count", lower_bound=6.0),
    )
    return judge(asked, baseline=True, weight="trips")


class TestFirstModel:
    @pytest.mark.parametrize("empty", [False, True], ids=["no artifact", "one without a model"])
    def test_of_a_gate_that_only_compares_is_blessed(self, judge, empty):
        judged = judge(
            evaluation(GateBound(metric="mae", max_increase=0.1)), baseline=empty, empty=empty
        )
        assert (judged.report.blessed, judged.report.reasons) == (True, ())
        assert judged.is_blessed_on_disk

    def test_is_judged_where_a_bound_can_be(self, judge):
        asked = evaluation(
            GateBound(metric="mae", max_increase=0.1), GateBound(metric="mae", upper_bound=0.1)
        )
        assert not judge(asked, baseline=False).report.blessed


class TestConstant:
    """The candidate's mean error is 0.8; that of 20 for every row 4, of 19.5 it is 0.5 in cards."""

    @pytest.mark.parametrize("baseline", [False, True])
    def test_is_measured_in_every_slice_beside_the_models(self, judge, baseline):
        judged = judge(
            evaluation(GateBound(metric="mae", max_increase=0.1)), baseline=baseline, constant=20.0
        )
        fare = np.array([row[0] for row in ROWS])
        hour = np.array([row[4] for row in ROWS])
        for key, seen in (({}, fare > 0), ({"hour": 7}, hour == 7)):
            error = np.abs(fare[seen] - 20)
            huber = np.where(error < 1, error**2 / 2, error - 0.5).mean()
            found = judged.values(key, "constant")
            assert (found["mae"], found["huber"]) == pytest.approx((error.mean(), huber))
            assert found["calibration"] == pytest.approx(20 * seen.sum() / fare[seen].sum())
        assert judged.report.constant == "median"
        assert judged.report.blessed

    @pytest.mark.parametrize("gate", [{"max_increase": 9.0}, {"upper_bound": 9.0}])
    def test_that_a_model_does_not_beat_keeps_it_from_being_blessed(self, judge, gate):
        asked = evaluation(GateBound(metric="median_error", **gate))
        judged = judge(asked, baseline=False, constant=20.0)  # both medians are 0
        (reason,) = judged.report.reasons
        assert "median_error of all rows is 0, no better than 0 of the median" in reason
        assert "--set evaluation.must_beat_constant=false" in reason
        assert not judged.is_blessed_on_disk

    def test_is_no_bar_where_one_switch_turns_it_off(self, judge):
        asked = evaluation(GateBound(metric="median_error", upper_bound=9.0))
        judged = judge(replace(asked, must_beat_constant=False), baseline=False, constant=20.0)
        assert judged.is_blessed_on_disk

    def test_a_metric_where_more_is_better(self, judge):
        asked = evaluation(GateBound(metric="median_error", lower_bound=0.0, max_decrease=1.0))
        assert not judge(asked, baseline=False, constant=0.0).is_blessed_on_disk  # 0 against 20


class TestLabelled:
    @pytest.mark.parametrize("listed", [pa.list_, pa.large_list])
    @pytest.mark.parametrize(
        ("kind", "fares", "kept"),
        [
            (pa.float32(), [[1], None, [], [3]], [0, 3]),
            (pa.int64(), [[1], None, [], [3]], [0, 3]),
            (pa.float32(), [[1.0], [float("nan")], [float("inf")]], [0]),
        ],
    )
    def test_rows_without_a_finite_label_are_dropped(self, listed, kind, fares, kept):
        rows = {"fare": pa.array(fares, listed(kind)), "row": pa.array(range(len(fares)))}
        batch = pa.RecordBatch.from_pydict(rows)
        assert labels.labelled_rows(batch, Target(("fare",)))["row"].to_pylist() == kept


class TestWeights:
    """Each row counts as often as there were trips; the expected values are numpy's."""

    FARE, CANDIDATE, BASELINE, _, HOUR, TRIPS = map(np.array, zip(*ROWS, strict=True))

    @pytest.mark.parametrize("model", ["candidate", "baseline"])
    @pytest.mark.parametrize("hour", [None, 7, 8])
    def test_count_in_every_metric(self, weighted, model, hour):
        seen = (hour == self.HOUR) | (hour is None)
        prediction = {"candidate": self.CANDIDATE, "baseline": self.BASELINE}[model]
        fare, prediction, trips = (a[seen] for a in (self.FARE, prediction, self.TRIPS))
        error = np.repeat(np.abs(prediction - fare), trips)
        found = weighted.values({} if hour is None else {"hour": hour}, model)
        assert found == pytest.approx(
            {
                "example_count": len(fare),
                "calibration": (trips * prediction).sum() / (trips * fare).sum(),
                "mae": error.mean(),
                "huber": np.where(error < 1, error**2 / 2, error - 0.5).mean(),
                "median_error": np.quantile(error, 0.5, method="inverted_cdf"),
            },
            rel=0.011,
        )

    def test_count_in_the_gate_and_rows_are_counted_as_rows(self, weighted):
        assert list(weighted.report.reasons) == [
            "example_count of all rows is 5, below the lower bound 6",
            "mae of all rows is 0.8571, above the upper bound 0.85",
        ]

    @pytest.mark.parametrize("kind", [pa.float32(), pa.int64()])
    def test_are_floats_as_in_training(self, kind):
        batch = pa.RecordBatch.from_pydict({"trips": pa.array([[2], [0]], pa.large_list(kind))})
        assert measurement.checked_weights(batch, "trips")["trips"].to_pylist() == [[2.0], [0.0]]
        assert measurement.checked_weights(batch, "trips")["trips"].type.value_type == pa.float32()

    @pytest.mark.parametrize("weight", [None, [], [float("nan")], [float("inf")], [-1.0]])
    def test_that_cannot_be_used_are_refused(self, weight):
        trips = pa.array([[1.0], weight], pa.list_(pa.float32()))
        with pytest.raises(ValueError, match=r"data.weight: expected a finite number >= 0"):
            measurement.checked_weights(pa.RecordBatch.from_pydict({"trips": trips}), "trips")


def test_a_refused_model_has_a_reason_for_each_bound_that_is_missed_and_no_other(refused):
    assert set(refused.report.reasons) == {
        "mae of all rows is 0.8, above the upper bound 0.5",
        "example_count of all rows is 5, below the lower bound 100",
        "mae of payment_type=Cash is 2, +100.0% against the baseline's 1; the gate allows +10.0%",
        "no row of payment_type=Cheque, which the gate names",
        "huber of hour=7 is 0.75, above the upper bound 0.25",
        "median_error of payment_type=7 is 0, below the lower bound 0.5",
    }
    assert len(refused.report.reasons) == 6
    assert refused.report.blessed is False
    assert refused.blessing.get_int_custom_property("blessed") == 0
    assert not refused.is_blessed_on_disk


class TestUndefined:
    """Trips in cash at 8 there were none, so that their mean error is no number."""

    CASH_AT_8 = {"payment_type": "Cash", "hour": 8}  # noqa: RUF012

    @pytest.mark.parametrize("baseline", [False, True])
    def test_meets_no_bound(self, judge, baseline):
        asked = evaluation(
            GateBound(metric="mae", slice=self.CASH_AT_8, upper_bound=9.0),
            GateBound(metric="mae", slice=self.CASH_AT_8, max_increase=0.1),
            GateBound(metric="huber", slice=self.CASH_AT_8, max_increase=0.1),
            slices=[("payment_type", "hour")],
        )
        judged = judge(asked, baseline=baseline, weight="trips")
        assert np.isnan(judged.values(self.CASH_AT_8)["mae"])
        assert judged.values(self.CASH_AT_8)["example_count"] == 1
        where = "hour=8, payment_type=Cash is undefined, and so within no bound"
        assert sorted(judged.report.reasons) == [f"huber of {where}", f"mae of {where}"]
        assert not judged.is_blessed_on_disk


class TestReport:
    def test_has_both_models_over_all_rows_with_the_metrics_in_order(self, refused):
        assert list(refused.report.metrics) == list(refused.values({}))
        assert refused.values({}) == pytest.approx(
            {
                "example_count": 5,
                "calibration": 84 / 80,
                "mae": 0.8,
                "huber": 0.6,  # two errors of 2 with threshold 1: (1.5 + 1.5) / 5
                "median_error": 0,
            }
        )
        assert refused.values({}, "baseline") == pytest.approx(
            {"example_count": 5, "calibration": 85 / 80, "mae": 1, "huber": 0.5, "median_error": 1},
            rel=0.011,
        )

    def test_has_every_value_of_every_slice(self, refused):
        assert [row.slice for row in refused.report.slices] == [
            {},
            {"hour": 7},
            {"hour": 8},
            {"payment_type": "(missing)"},
            {"payment_type": "7"},
            {"payment_type": "Card"},
            {"payment_type": "Cash"},
        ]

        rows = {str(row.slice): row.candidate["example_count"] for row in refused.report.slices}
        assert rows["{}"] == 5
        assert rows["{'payment_type': '(missing)'}"] == 1
        assert sum(n for key, n in rows.items() if "payment_type" in key) == 5

    def test_a_metric_that_was_not_computed_is_an_error(self, refused):
        ghost = MetricConfig(name="HuberMetric", key="ghost")
        asked = replace(refused.evaluation, metrics=(*METRICS, ghost))
        with pytest.raises(RuntimeError, match=r"computed no ghost for the candidate model: expec"):
            read_report(refused.uri, asked, Target(("fare",)))


def test_a_blessed_model_is_marked_for_the_pusher_and_the_next_baseline(blessed):
    assert (blessed.report.blessed, blessed.report.reasons) == (True, ())
    assert all(row.baseline is None for row in blessed.report.slices)
    assert blessed.values({}) == pytest.approx(
        {"example_count": 5, "calibration": 84 / 80, "mae": 0.8}
    )
    assert blessed.is_blessed_on_disk
    assert blessed.blessing.get_int_custom_property("blessed") == 1
    assert blessed.blessing.get_int_custom_property("current_model_id") == CANDIDATE_ID


class TestMeasuring:
    def test_rows_of_many_batches_count_as_those_of_one(self, judge, refused, monkeypatch):
        monkeypatch.setattr(measurement, "BATCH_ROWS", 2)
        assert judge(refused.evaluation, baseline=True).report == refused.report

    def test_slices_may_cross_columns(self, judge):
        asked = evaluation(
            GateBound(metric="mae", upper_bound=9.0), slices=[("payment_type", "hour")]
        )
        judged = judge(asked, baseline=False)
        assert judged.values({"payment_type": "Cash", "hour": 8})["mae"] == 2

    def test_a_slice_of_a_column_that_the_data_lack_is_an_error(self, judge):
        asked = evaluation(GateBound(metric="mae", upper_bound=9.0), slices=[("payment",)])
        with pytest.raises(InputError) as refused:
            judge(asked, baseline=False)
        assert refused.value.key == "evaluation.slices"
        assert "payment_type" in refused.value.expected
        assert refused.value.received == "payment"

    def test_tfmas_own_reader_finds_the_slices(self, refused):
        assert len(tfma.load_eval_result(refused.uri).slicing_metrics) == 7
