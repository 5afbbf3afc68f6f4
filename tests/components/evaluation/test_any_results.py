"""What is read of TFMA's results where a stock Evaluator has written them."""

from __future__ import annotations

import pytest
import tensorflow as tf
from tensorflow_model_analysis.proto import metrics_for_slice_pb2 as pb
from tensorflow_model_analysis.proto import validation_result_pb2

from huberflow.components.evaluation.tfma_results import read_results


def pair(name: str, value: float, model: str = "", **key):
    return pb.MetricsForSlice.MetricKeyAndValue(
        key=pb.MetricKey(name=name, model_name=model, **key),
        value=pb.MetricValue(double_value={"value": value}),
    )


def of_slice(*pairs, **columns) -> pb.MetricsForSlice:
    found = pb.MetricsForSlice(metric_keys_and_values=pairs)
    found.slice_key.SetInParent()
    for column, value in columns.items():
        found.slice_key.single_slice_keys.add(column=column, bytes_value=value.encode())
    return found


@pytest.fixture
def read(tmp_path):
    """Writes results as TFMA does, and reads the report."""

    def read(*slices, validation=None, blessed=None):
        records = {
            "metrics": slices,
            "validations": [validation or validation_result_pb2.ValidationResult()],
        }
        for name, messages in records.items():
            path = tmp_path / f"{name}-00000-of-00001.tfrecord"
            with tf.io.TFRecordWriter(str(path)) as writer:
                for message in messages:
                    writer.write(message.SerializeToString())
        return read_results(str(tmp_path), blessed)

    return read


def test_every_number_of_both_models_by_slice(read):
    report = read(
        of_slice(pair("auc", 0.7, "candidate"), pair("auc", 0.6, "baseline")),
        of_slice(pair("auc", 0.5, "candidate"), payment_type="Cash"),
    )
    assert report.metrics == ("auc",)
    assert report.overall.values("auc") == (0.7, 0.6)
    assert [(row.name, row.values("auc")) for row in report.slices[1:]] == [
        ("payment_type=Cash", (0.5, None))
    ]


def test_differences_plots_and_comparisons_of_slices_are_no_metrics(read):
    plot = pair("curve", 0.0)
    plot.value.bytes_value = b"a curve"
    compared = pb.MetricsForSlice(metric_keys_and_values=[pair("auc", 0.1)])
    compared.cross_slice_key.SetInParent()
    report = read(of_slice(pair("auc", 0.7), pair("auc", 0.1, is_diff=True), plot), compared)
    assert [row.candidate for row in report.slices] == [{"auc": 0.7}]


def test_metrics_of_classes_and_outputs_have_keys_of_their_own(read):
    report = read(
        of_slice(
            pair("recall", 0.1, sub_key={"class_id": {"value": 1}}),
            pair("recall", 0.2, sub_key={"top_k": {"value": 3}}),
            pair("recall", 0.3, aggregation_type={"micro_average": True}),
            pair("recall", 0.4, output_name="fare"),
            pair("recall", 0.5),
        )
    )
    assert sorted(report.overall.candidate.values()) == [0.1, 0.2, 0.3, 0.4, 0.5]
    assert {"recall", "recall_class_id_1", "recall_top_k_3"} <= set(report.metrics)


def test_all_rows_may_be_missing(read):
    report = read(of_slice(pair("auc", 0.5), payment_type="Cash"))
    assert (report.metrics, report.overall.candidate) == ((), {})


@pytest.mark.parametrize("absolute", [True, False])
def test_a_verdict_comes_with_its_reasons(read, absolute):
    validation = validation_result_pb2.ValidationResult()
    failed = validation.metric_validations_per_slice.add()
    failed.slice_key.SetInParent()
    failure = failed.failures.add(metric_key=pb.MetricKey(name="auc", model_name="candidate"))
    failure.metric_value.double_value.value = 0.5
    change = failure.metric_threshold.change_threshold
    (change.absolute if absolute else change.relative).value = -0.1
    overall = of_slice(pair("auc", 0.5, "candidate"), pair("auc", 0.8, "baseline"))
    report = read(overall, validation=validation, blessed=False)
    (reason,) = report.reasons
    assert not report.blessed
    assert ("-0.3 against" in reason) == absolute
    assert ("-37.5% against" in reason) != absolute


def test_without_a_verdict_the_thresholds_decide(read):
    for is_ok in (True, False):
        validation = validation_result_pb2.ValidationResult(validation_ok=is_ok)
        assert read(of_slice(pair("auc", 0.5)), validation=validation).blessed == is_ok
