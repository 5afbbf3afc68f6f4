"""Metrics of classes and of several labels, by TFMA itself, against scikit-learn's.

The models here answer with columns of the rows, so that each value is known beforehand.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from judging import Bench, write_model
from sklearn import metrics

from huberflow.components.contracts.constant_prediction import ConstantPrediction
from huberflow.components.contracts.evaluation_config import (
    EvaluationConfig,
    GateBound,
    MetricConfig,
)

CLASSES = ["ant", "bee", "cat"]
RANDOM = np.random.default_rng(11)
TRUE = RANDOM.integers(0, 3, 60)
SIZE = RANDOM.integers(0, 2, 60)
WEIGHT = RANDOM.integers(0, 4, 60)
LOGITS = RANDOM.normal(size=(60, 3)) + 1.5 * np.eye(3)[TRUE]
SHARES = (0.2, 0.5, 0.3)
PROBABILITY = (np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)).astype(np.float32)
TYPES = {
    "kind": tf.string,
    "size": tf.int64,
    "weight": tf.int64,
    **dict.fromkeys(["p0", "p1", "p2"], tf.float32),
}
ROWS = [
    {"kind": CLASSES[k], "size": s, "weight": w, **dict(zip(["p0", "p1", "p2"], p, strict=True))}
    for k, s, w, p in zip(TRUE, SIZE, WEIGHT, PROBABILITY, strict=True)
]
UNLABELLED = [{**ROWS[0], "kind": None}, {**ROWS[0], "kind": "dog"}]


def answering(outputs: dict[str, str]):
    """A model whose outputs are columns of the rows, by name."""

    def answer(examples):
        spec = {name: tf.io.FixedLenFeature([], tf.float32) for name in outputs.values()}
        found = tf.io.parse_example(examples, spec)
        return {name: found[column] for name, column in outputs.items()}

    return answer


def named(answer):
    """The same with a class's name beside the probabilities, like huberflow's signatures."""
    return lambda examples: {"prediction": tf.fill(tf.shape(examples), "ant"), **answer(examples)}


def metric(name: str, key: str, **config) -> MetricConfig:
    return MetricConfig(name=name, config=config, key=key)


def evaluation(*metrics, gate=()) -> EvaluationConfig:
    gate = tuple(gate) or (GateBound(metric="log_loss", max_increase=0.1),)
    return EvaluationConfig(metrics=metrics, slices=(("size",),), gate=gate)


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    return Bench(tmp_path_factory.mktemp("bench"), TYPES, ROWS + UNLABELLED)


@pytest.fixture(scope="module")
def several(bench, tmp_path_factory):
    """Three classes, each row with a weight."""
    root = tmp_path_factory.mktemp("several")
    outputs = {f"probability_{name}": f"p{place}" for place, name in enumerate(CLASSES)}
    model = write_model(root / "model", named(answering(outputs)))
    asked = evaluation(
        metric("SparseCategoricalCrossentropy", "log_loss"),
        metric("SparseCategoricalAccuracy", "accuracy"),
        metric("SparseTopKCategoricalAccuracy", "top_2", k=2),
        metric("BalancedAccuracy", "balanced_accuracy"),
        metric("F1Score", "f1"),
        metric("F1Score", "f1_weighted", average="weighted"),
    )
    config = {"label": "kind", "classes": tuple(CLASSES), "weight": "weight"}
    config["constant"] = ConstantPrediction(SHARES)
    return bench.judged(root, asked, model, None, **config)


@pytest.mark.parametrize("size", [None, 0, 1])
def test_several_classes_by_slice_and_weight(several, size):
    seen = (size == SIZE) | (size is None)
    true, probability, weight = TRUE[seen], PROBABILITY[seen], WEIGHT[seen]
    likeliest, by_weight = probability.argmax(axis=1), {"sample_weight": weight}
    assert several.values({} if size is None else {"size": size}) == pytest.approx(
        {
            "example_count": seen.sum(),  # neither the row without a label, nor the dog
            "log_loss": metrics.log_loss(true, probability, labels=range(3), **by_weight),
            "accuracy": metrics.accuracy_score(true, likeliest, **by_weight),
            "top_2": metrics.top_k_accuracy_score(true, probability, k=2, **by_weight),
            "balanced_accuracy": metrics.balanced_accuracy_score(true, likeliest, **by_weight),
            "f1": metrics.f1_score(true, likeliest, average="macro", **by_weight),
            "f1_weighted": metrics.f1_score(true, likeliest, average="weighted", **by_weight),
        },
        rel=1e-5,
    )


def test_the_shares_of_the_classes_predict_the_majority_class(several):
    found = several.report.overall.constant
    probability = np.tile(SHARES, (60, 1))
    found = {key: found[key] for key in ("log_loss", "accuracy", "balanced_accuracy")}
    assert found == pytest.approx(
        {
            "log_loss": metrics.log_loss(TRUE, probability, sample_weight=WEIGHT, labels=range(3)),
            "accuracy": metrics.accuracy_score(TRUE, np.full(60, 1), sample_weight=WEIGHT),
            "balanced_accuracy": 1 / 3,
        },
        rel=1e-5,
    )
    assert several.report.constant == "majority class"


@pytest.fixture(scope="module")
def two(bench, tmp_path_factory):
    """Two of the classes, in another order; the baseline is surer of the first."""
    root = tmp_path_factory.mktemp("two")
    outputs = {"probability_cat": "p2", "probability_bee": "p1"}
    model = write_model(root / "model", named(answering(outputs)))
    swapped = {"probability_cat": "p1", "probability_bee": "p2"}
    baseline = write_model(root / "baseline", named(answering(swapped)))
    asked = evaluation(
        metric("BinaryCrossentropy", "log_loss"),
        metric("BinaryAccuracy", "accuracy"),
        metric("AUC", "auc"),
        metric("AUC", "average_precision", curve="PR"),
        metric("Precision", "precision"),
        metric("Recall", "recall"),
        metric("Recall", "recall_at_0.2", thresholds=0.2),
        metric("F1Score", "f1"),
        metric("F1Score", "f1_at_0.2", threshold=0.2),
        metric("BalancedAccuracy", "balanced_accuracy"),
        metric("MeanSquaredError", "brier"),
        metric("huber_fn", "half_brier"),
        gate=[
            GateBound(metric="auc", max_decrease=0.1),
            GateBound(metric="log_loss", max_increase=0.1),
            GateBound(metric="accuracy", slice={"size": 0}, lower_bound=0.99),
        ],
    )
    config = {"label": "kind", "classes": ("cat", "bee"), "constant": ConstantPrediction((0.25,))}
    return {
        "better": bench.judged(root / "better", asked, model, baseline, **config),
        "worse": bench.judged(root / "worse", asked, baseline, model, **config),
    }


def test_two_classes_are_measured_by_the_probability_of_the_second(two):
    seen = TRUE > 0
    true, probability = (TRUE[seen] == 1).astype(int), PROBABILITY[seen, 1]
    found = two["better"].values({})
    assert found == pytest.approx(
        {
            "example_count": seen.sum(),
            "calibration": probability.sum() / true.sum(),
            "log_loss": metrics.log_loss(true, probability),
            "accuracy": metrics.accuracy_score(true, probability > 0.5),
            "auc": metrics.roc_auc_score(true, probability),
            "average_precision": metrics.average_precision_score(true, probability),
            "precision": metrics.precision_score(true, probability > 0.5),
            "recall": metrics.recall_score(true, probability > 0.5),
            "recall_at_0.2": metrics.recall_score(true, probability > 0.2),
            "f1": metrics.f1_score(true, probability > 0.5),
            "f1_at_0.2": metrics.f1_score(true, probability > 0.2),
            "balanced_accuracy": metrics.balanced_accuracy_score(true, probability > 0.5),
            "brier": metrics.brier_score_loss(true, probability),
            "half_brier": metrics.brier_score_loss(true, probability) / 2,
        },
        abs=1e-3,  # the areas are of buckets
    )


def test_of_two_classes_the_constant_is_the_share_of_the_second(two):
    seen = TRUE > 0
    true, constant = (TRUE[seen] == 1).astype(int), np.full(seen.sum(), 0.25)
    found = two["better"].report.overall.constant
    assert found["log_loss"] == pytest.approx(metrics.log_loss(true, constant))
    assert found["accuracy"] == pytest.approx(1 - true.mean())
    assert found["auc"] == pytest.approx(0.5)
    assert found["recall"] == 0
    assert np.isnan(found["precision"])
    # The swapped model is worse than a constant, too.
    reasons = two["worse"].report.reasons
    assert any("no better than 0.5 of the majority class" in reason for reason in reasons)
    assert not any("no better" in reason for reason in two["better"].report.reasons)


def test_a_metric_that_may_not_fall_is_compared_with_the_baseline(two):
    falls = [reason for reason in two["worse"].report.reasons if " against the base" in reason]
    falls = [reason for reason in falls if reason.startswith("auc")]
    before = two["better"].values({})["auc"]
    assert [reason.partition(" against ")[2] for reason in falls] == [
        f"the baseline's {before:.4g}; the gate allows -10.0%"
    ]
    assert not any(reason.startswith("auc") for reason in two["better"].report.reasons)


def test_a_model_of_another_task_is_nothing_to_compare_with(bench, tmp_path):
    outputs = {f"probability_{name}": f"p{place}" for place, name in enumerate(CLASSES)}
    model = write_model(tmp_path / "model", named(answering(outputs)))
    numbers = write_model(tmp_path / "numbers", answering({"prediction": "p0"}))
    asked = evaluation(metric("SparseCategoricalCrossentropy", "log_loss"))
    found = bench.judged(tmp_path, asked, model, numbers, label="kind", classes=tuple(CLASSES))
    assert found.report.blessed
    assert all(row.baseline is None for row in found.report.slices)
    assert found.report.baseline_dropped == "it has different outputs"


def reading(column: str, kind: tf.DType):
    """A model that parses a column as this type, and answers 1."""

    def answer(examples):
        found = tf.io.parse_example(examples, {column: tf.io.VarLenFeature(kind)})[column]
        rows = tf.cast(found.dense_shape[0], tf.int32)
        return {"prediction": tf.ones(rows)}

    return answer


def test_a_model_that_reads_a_column_as_another_type_is_dropped(bench, tmp_path):
    """It could not read today's rows; the gate's own bounds alone judge the new model."""
    model = write_model(tmp_path / "model", reading("size", tf.int64))
    before = write_model(tmp_path / "before", reading("size", tf.string))
    gate = [GateBound(metric="mae", max_increase=0.1), GateBound(metric="mae", upper_bound=0.01)]
    asked = evaluation(metric("MeanAbsoluteError", "mae"), gate=gate)
    found = bench.judged(tmp_path, asked, model, before, label="p0")
    assert found.report.baseline_dropped == "it reads size as text, which holds whole numbers now"
    assert all(row.baseline is None for row in found.report.slices)
    (reason,) = found.report.reasons
    assert reason.endswith("above the upper bound 0.01")


def test_several_labels_are_judged_together_and_each_for_itself(bench, tmp_path):
    outputs = {"prediction_p0": "p1", "prediction_p1": "p2"}
    model = write_model(tmp_path / "model", answering(outputs))
    asked = evaluation(
        metric("MeanAbsoluteError", "mae"),
        metric("AbsoluteErrorQuantile", "median_error", quantile=0.5),
        metric("R2Score", "r2"),
        metric("MeanAbsolutePercentageError", "mape"),
        gate=[
            GateBound(metric="mae", upper_bound=0.01),
            GateBound(metric="mae_p1", slice={"size": 1}, upper_bound=0.01),
            GateBound(metric="calibration_p0", upper_bound=100.0),
        ],
    )
    asked = replace(asked, must_beat_constant=False)
    constant = ConstantPrediction((0.5, 0.25))
    found = bench.judged(tmp_path, asked, model, None, label=("p0", "p1"), constant=constant)
    of_constant = found.report.overall.constant
    labels = np.concatenate([PROBABILITY, PROBABILITY[[0, 0]]])[:, :2]
    off = np.abs(labels - [0.5, 0.25])
    assert of_constant["mae"] == pytest.approx(off.mean())
    assert [of_constant["mae_p0"], of_constant["mae_p1"]] == pytest.approx(off.mean(axis=0))
    errors = np.abs(PROBABILITY[:, :2] - PROBABILITY[:, 1:])
    errors = np.concatenate([errors, errors[[0, 0]]])  # rows without a kind have numbers
    whole = found.values({})
    assert list(found.report.metrics) == [
        "example_count",
        "calibration_p0",
        "calibration_p1",
        "mae",
        "median_error",
        "r2",
        "mape",
        "mae_p0",
        "median_error_p0",
        "r2_p0",
        "mape_p0",
        "mae_p1",
        "median_error_p1",
        "r2_p1",
        "mape_p1",
    ]
    assert whole["example_count"] == 62
    assert whole["mae"] == pytest.approx(errors.mean())
    assert [whole["mae_p0"], whole["mae_p1"]] == pytest.approx(errors.mean(axis=0))
    assert whole["median_error_p1"] == pytest.approx(
        np.quantile(errors[:, 1], 0.5, method="inverted_cdf"), rel=0.011
    )
    predictions = np.concatenate([PROBABILITY, PROBABILITY[[0, 0]]])[:, 1:]
    for r2, mape, columns in (
        (whole["r2"], whole["mape"], [0, 1]),
        (whole["r2_p1"], whole["mape_p1"], [1]),
    ):
        pair = labels[:, columns], predictions[:, columns]
        assert r2 == pytest.approx(metrics.r2_score(*pair))
        assert mape == pytest.approx(100 * metrics.mean_absolute_percentage_error(*pair), rel=1e-5)
    above = ", above the upper bound 0.01"
    slice_error = found.values({"size": 1})["mae_p1"]
    assert sorted(found.report.reasons) == [
        f"mae of all rows is {whole['mae']:.4g}{above}",
        f"mae_p1 of size=1 is {slice_error:.4g}{above}",
    ]
