"""Makes the Evaluator's report of TFMA's results."""

import math
from collections.abc import Collection, Iterable, Iterator, Sequence

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import metrics_for_slice_pb2, validation_result_pb2
from tensorflow_model_analysis.slicer.slicer_lib import deserialize_slice_key

from huberflow.components.contracts.evaluation_config import EvaluationConfig
from huberflow.components.contracts.evaluation_report import (
    BASELINE,
    CANDIDATE,
    EvaluationReport,
    SliceMetrics,
    slice_name,
)
from huberflow.components.contracts.target import Target
from huberflow.components.evaluation.measurement import OF_CONSTANT, metric_name


def read_report(
    uri: str, evaluation: EvaluationConfig, target: Target, baseline_dropped: str | None = None
) -> EvaluationReport:
    """The report on an evaluation whose results TFMA has written.

    A metric that is undefined over the rows of a slice is NaN there; it meets no bound.

    Args:
      uri: folder of TFMA's results.
      evaluation: metrics, slices and gate.
      target: what the models predict.
      baseline_dropped: see ``EvaluationReport``.

    Raises:
      RuntimeError: a metric of the config is not in the result.
    """
    metrics = target.metric_names([metric.key for metric in evaluation.metrics])
    slices = sorted(
        (_slice_metrics(result, metrics) for result in tfma.load_metrics(uri)),
        key=lambda row: sorted(map(str, row.slice.items())),
    )
    validation = tfma.load_validation_result(uri)
    _require_all(metrics, slices)
    # Whatever TFMA's thresholds say: an undefined metric, and one that a constant reaches.
    missed = list(dict.fromkeys(_undefined(evaluation, slices)))
    missed += _no_better_than_constant(evaluation, target, slices)
    # Without a baseline, a gate that only compares gives TFMA no threshold, and it does not bless.
    only_compares = all(bound.only_compares for bound in evaluation.gate)
    is_first = only_compares and all(row.baseline is None for row in slices)
    return EvaluationReport(
        metrics=tuple(metrics),
        blessed=(bool(validation.validation_ok) or is_first) and not missed,
        reasons=(*missed, *(() if is_first else _reasons(validation, slices))),
        slices=tuple(slices),
        baseline_dropped=baseline_dropped,
        constant=None if slices[0].constant is None else target.constant_name,
    )


def read_results(uri: str, blessed: bool | None) -> EvaluationReport:
    """The report on any evaluation whose results TFMA has written, with every number in them.

    Args:
      uri: folder of TFMA's results.
      blessed: the Evaluator's verdict; None where it gave none, so that the thresholds decide.
    """
    results = [
        result for result in tfma.load_metrics(uri) if not result.HasField("cross_slice_key")
    ]
    names = {metric_name(pair.key) for result in results for pair in result.metric_keys_and_values}
    slices = sorted(
        (_slice_metrics(result, names) for result in results),
        key=lambda row: sorted(map(str, row.slice.items())),
    )
    if all(row.slice for row in slices):
        slices.insert(0, SliceMetrics({}, {}))  # nobody asked for all rows
    validation = tfma.load_validation_result(uri)
    is_blessed = bool(validation.validation_ok) if blessed is None else blessed
    return EvaluationReport(
        metrics=tuple(slices[0].candidate),
        blessed=is_blessed,
        reasons=() if is_blessed else tuple(_reasons(validation, slices)),
        slices=tuple(slices),
    )


def _undefined(evaluation: EvaluationConfig, slices: Sequence[SliceMetrics]) -> Iterator[str]:
    """A sentence for each undefined metric of the gate; TFMA passes one without a baseline."""
    for bound in evaluation.gate:
        # Like TFMA, "7" also names the whole number 7.
        key = {column: str(value) for column, value in (bound.slice or {}).items()}
        for row in slices:
            same = {column: str(value) for column, value in row.slice.items()} == key
            if same and math.isnan(row.candidate[bound.metric]):
                yield f"{bound.metric} of {row.name} is undefined, and so within no bound"


def _no_better_than_constant(
    evaluation: EvaluationConfig, target: Target, slices: Sequence[SliceMetrics]
) -> Iterator[str]:
    """A sentence where the gate's first metric, over all rows, is no better than a constant's."""
    metric = evaluation.gate_metric
    direction = evaluation.better_direction(metric)
    overall = next(row for row in slices if not row.slice)
    value, constant = overall.candidate[metric], overall.of_constant(metric)
    if not evaluation.must_beat_constant or constant is None:
        return
    is_lower, is_higher = (direction == each for each in ("lower", "higher"))
    # Of a constant's NaN nothing is known.
    if (is_lower and value >= constant) or (is_higher and value <= constant):
        yield (
            f"{metric} of all rows is {value:.4g}, no better than {constant:.4g} of the "
            f"{target.constant_name} for every row; to bless it all the same, write: "
            "--set evaluation.must_beat_constant=false"
        )


def _slice_metrics(
    result: metrics_for_slice_pb2.MetricsForSlice, metrics: Collection[str]
) -> SliceMetrics:
    values: dict[str, dict[str, float]] = {CANDIDATE: {}, BASELINE: {}, OF_CONSTANT: {}}
    for pair in result.metric_keys_and_values:
        name, value = metric_name(pair.key), _number(pair.value)
        model = pair.key.model_name or CANDIDATE
        if name.startswith(OF_CONSTANT):
            model, name = OF_CONSTANT, name.removeprefix(OF_CONSTANT)
        if name in metrics and value is not None and model in values and not pair.key.is_diff:
            values[model][name] = value
    return SliceMetrics(
        dict(deserialize_slice_key(result.slice_key)),
        values[CANDIDATE],
        values[BASELINE] or None,
        values[OF_CONSTANT] or None,
    )


def _number(value: metrics_for_slice_pb2.MetricValue) -> float | None:
    """A metric that is one number, with or without a confidence interval."""
    match value.WhichOneof("type"):
        case "double_value":
            return float(value.double_value.value)
        case "bounded_value":
            return float(value.bounded_value.value.value)
    return None


def _require_all(metrics: Iterable[str], slices: Iterable[SliceMetrics]) -> None:
    """Checks that both models have every metric over all rows."""
    overall = next((row for row in slices if not row.slice), SliceMetrics({}, {}))
    for model, values in ((CANDIDATE, overall.candidate), (BASELINE, overall.baseline)):
        missing = [name for name in metrics if values is not None and name not in values]
        if missing:
            raise RuntimeError(
                f"the Evaluator computed no {', '.join(missing)} for the {model} model: "
                "expected every metric of evaluation.metrics in the result; TFMA's reason is in "
                "the log"
            )


def _reasons(
    validation: validation_result_pb2.ValidationResult, slices: Sequence[SliceMetrics]
) -> Iterator[str]:
    for row in slices:
        for result in validation.metric_validations_per_slice:
            if dict(deserialize_slice_key(result.slice_key)) == row.slice:
                yield from (
                    _failure(failure, row)
                    for failure in result.failures
                    if not math.isnan(failure.metric_value.double_value.value)
                )
    for spec in validation.missing_slices:
        yield f"no row of {slice_name(dict(spec.feature_values))}, which the gate names"
    if validation.missing_thresholds:
        yield "no metric of the gate was computed"


def _failure(failure: validation_result_pb2.ValidationFailure, row: SliceMetrics) -> str:
    name = metric_name(failure.metric_key)
    value, threshold = row.candidate[name], failure.metric_threshold
    failed = f"{name} of {row.name} is {value:.4g}"
    if threshold.HasField("change_threshold"):
        allowed = threshold.change_threshold.relative.value
        before = (row.baseline or {})[name]
        if threshold.change_threshold.HasField("absolute"):
            most = threshold.change_threshold.absolute.value
            return (
                f"{failed}, {value - before:+.4g} against the baseline's {before:.4g}; "
                f"the gate allows {most:+.4g}"
            )
        if not before or math.isnan(before):
            return f"{failed}, and the baseline's is {'undefined' if before else '0'}"
        return (
            f"{failed}, {value / before - 1:+.1%} against the baseline's {before:.4g}; "
            f"the gate allows {allowed:+.1%}"
        )
    bounds = threshold.value_threshold
    if bounds.HasField("upper_bound") and not value <= bounds.upper_bound.value:
        return f"{failed}, above the upper bound {bounds.upper_bound.value:g}"
    return f"{failed}, below the lower bound {bounds.lower_bound.value:g}"
