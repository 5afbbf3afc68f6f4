"""Evaluates a model by slice against its gate, and says in words why it did not pass."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2
from tfx import types
from tfx.components.evaluator import executor
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import artifact_utils, standard_artifacts, standard_component_specs
from tfx.types.component_spec import ExecutionParameter
from tfx.utils import proto_utils

from custom_objects import catalogue

REPORT = "report.json"
"""Beside TFMA's files in the evaluation artifact; ``report`` says what is in it."""

CANDIDATE, BASELINE = "candidate", "baseline"
ALWAYS = ("example_count", "calibration")
"""TFMA's own metrics that every evaluation has: rows, and Σ prediction / Σ label."""


def eval_config(evaluation: Mapping[str, Any], label: str) -> config_pb2.EvalConfig:
    """TFMA's config for our metrics, slices and gate.

    Args:
      evaluation: ``metrics`` (name, config, key), ``slices`` (lists of columns) and ``gate``
        (metric, slice, lower_bound, upper_bound, max_increase), plain JSON.
      label: raw column to predict.
    """
    metrics = [
        config_pb2.MetricConfig(class_name="ExampleCount", config='{"name": "example_count"}'),
        config_pb2.MetricConfig(class_name="Calibration", config='{"name": "calibration"}'),
        *(_keras_metric(metric) for metric in evaluation["metrics"]),
    ]
    for metric in metrics:
        name = json.loads(metric.config)["name"]
        for gate in evaluation["gate"]:
            if gate["metric"] == name:
                metric.per_slice_thresholds.append(_threshold(gate))
    # The signatures hold the transform, so TFMA needs no Keras model, and cannot misread one.
    model = {
        "model_type": "tf_generic",
        "signature_name": "serving_default",
        "label_key": label,
    }
    return config_pb2.EvalConfig(
        model_specs=[
            config_pb2.ModelSpec(name=CANDIDATE, **model),
            config_pb2.ModelSpec(name=BASELINE, is_baseline=True, **model),
        ],
        slicing_specs=[config_pb2.SlicingSpec()]
        + [config_pb2.SlicingSpec(feature_keys=columns) for columns in evaluation["slices"]],
        metrics_specs=[config_pb2.MetricsSpec(metrics=metrics)],
    )


def _keras_metric(metric: Mapping[str, Any]) -> config_pb2.MetricConfig:
    entry = catalogue.named("metric")[metric["name"]]
    config = {**metric["config"], "name": metric["key"]}
    return config_pb2.MetricConfig(
        class_name=metric["name"], module=entry.module, config=json.dumps(config, sort_keys=True)
    )


def _threshold(gate: Mapping[str, Any]) -> config_pb2.PerSliceMetricThreshold:
    threshold = config_pb2.MetricThreshold()
    for bound in ("lower_bound", "upper_bound"):
        if gate[bound] is not None:
            getattr(threshold.value_threshold, bound).value = gate[bound]
    if gate["max_increase"] is not None:
        threshold.change_threshold.direction = config_pb2.MetricDirection.LOWER_IS_BETTER
        threshold.change_threshold.relative.value = gate["max_increase"]
    # TFMA wants text, and compares "7" with a column of whole numbers as 7.
    values = {column: str(value) for column, value in (gate["slice"] or {}).items()}
    spec = config_pb2.SlicingSpec(feature_values=values)
    return config_pb2.PerSliceMetricThreshold(slicing_specs=[spec], threshold=threshold)


class Executor(executor.Executor):
    """TFX's Evaluator that fails where a metric is missing, and writes ``REPORT``."""

    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Evaluates; see ``tfx.components.evaluator``.

        Raises:
          RuntimeError: a metric that was asked for is not in the result.
        """
        config = json.loads(exec_properties["custom_config"])
        evaluation = config["evaluation"]
        tfma_config = proto_utils.proto_to_json(eval_config(evaluation, config["label"]))
        super().Do(input_dict, output_dict, {"eval_config": tfma_config})
        uri = artifact_utils.get_single_uri(output_dict["evaluation"])
        written = report(uri, evaluation)
        (Path(uri) / REPORT).write_text(json.dumps(written, indent=1))


def report(uri: str, evaluation: Mapping[str, Any]) -> dict[str, Any]:
    """What TFMA found, as plain JSON.

    Returns:
      ``metrics`` (keys in order), ``blessed``, ``reasons`` (sentences, empty when blessed) and
      ``slices``: for each its ``slice`` (column to value, empty for all rows) and the
      ``candidate``'s and ``baseline``'s values by metric; ``baseline`` is null where there is none.

    Raises:
      RuntimeError: a metric that was asked for is not in the result.
    """
    metrics = [*ALWAYS, *(metric["key"] for metric in evaluation["metrics"])]
    slices = sorted(
        (_slice(found, metrics) for found in tfma.load_metrics(uri)),
        key=lambda row: sorted(map(str, row["slice"].items())),
    )
    validation = tfma.load_validation_result(uri)
    _refuse_missing(metrics, slices)
    return {
        "metrics": metrics,
        "blessed": bool(validation.validation_ok),
        "reasons": list(_reasons(validation, slices)),
        "slices": slices,
    }


def _slice(found: Any, metrics: Sequence[str]) -> dict[str, Any]:
    values: dict[str, dict[str, float]] = {CANDIDATE: {}, BASELINE: {}}
    for pair in found.metric_keys_and_values:
        model = pair.key.model_name or CANDIDATE
        if pair.key.name in metrics and not pair.key.is_diff:
            values[model][pair.key.name] = pair.value.double_value.value
    return {
        "slice": _slice_key(found.slice_key),
        CANDIDATE: values[CANDIDATE],
        BASELINE: values[BASELINE] or None,
    }


def _slice_key(key: Any) -> dict[str, Any]:
    return {part.column: _value(part) for part in key.single_slice_keys}


def _value(part: Any) -> Any:
    value = getattr(part, part.WhichOneof("kind"))
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _refuse_missing(metrics: Iterable[str], slices: Iterable[Mapping[str, Any]]) -> None:
    nothing: Mapping[str, Any] = {CANDIDATE: {}, BASELINE: None}
    overall = next((row for row in slices if not row["slice"]), nothing)
    for model in (CANDIDATE, BASELINE):
        if overall[model] is not None:
            missing = [name for name in metrics if name not in overall[model]]
            if missing:
                raise RuntimeError(
                    f"the Evaluator computed no {', '.join(missing)} for the {model} model: "
                    "expected every metric of evaluation.metrics in the result; see the log for "
                    "what TFMA said of it"
                )


def _reasons(validation: Any, slices: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    for found in validation.metric_validations_per_slice:
        key = _slice_key(found.slice_key)
        row = next(row for row in slices if row["slice"] == key)
        for failure in found.failures:
            yield _failure(failure, row)
    for spec in validation.missing_slices:
        yield f"no row of {describe_slice(dict(spec.feature_values))}, which the gate names"
    if validation.missing_thresholds:
        yield "no metric of the gate was computed"


def _failure(failure: Any, row: Mapping[str, Any]) -> str:
    name = failure.metric_key.name
    where, value = describe_slice(row["slice"]), row[CANDIDATE][name]
    threshold = failure.metric_threshold
    if threshold.HasField("change_threshold"):
        allowed = threshold.change_threshold.relative.value
        before = row[BASELINE][name]
        return (
            f"{name} of {where} is {value:.4g}, {value / before - 1:+.1%} against the baseline's "
            f"{before:.4g}; the gate allows {allowed:+.1%}"
            if before
            else f"{name} of {where} is {value:.4g}, and the baseline's is 0"
        )
    bounds = threshold.value_threshold
    if bounds.HasField("upper_bound") and not value <= bounds.upper_bound.value:
        return (
            f"{name} of {where} is {value:.4g}, above the upper bound {bounds.upper_bound.value:g}"
        )
    return f"{name} of {where} is {value:.4g}, below the lower bound {bounds.lower_bound.value:g}"


def describe_slice(key: Mapping[str, Any]) -> str:
    """``all rows``, or ``payment_type=Cash, trip_start_hour=7``."""
    return ", ".join(f"{column}={value}" for column, value in key.items()) or "all rows"


class EvaluatorSpec(types.ComponentSpec):
    """TFX's Evaluator, told everything through one plain JSON parameter."""

    PARAMETERS = {"custom_config": ExecutionParameter(type=str)}  # noqa: RUF012 (TFX's attribute)
    INPUTS = standard_component_specs.EvaluatorSpec.INPUTS
    OUTPUTS = standard_component_specs.EvaluatorSpec.OUTPUTS


class Evaluator(base_beam_component.BaseBeamComponent):
    """TFX's Evaluator with our gate and report.

    Args:
      examples: raw examples with an ``eval`` split.
      model: the candidate.
      baseline_model: the last blessed model; may hold none.
      schema: of the raw examples.
      custom_config: ``evaluation`` and ``label``, see ``eval_config``, and ``source``: hashes of
        the code that runs here, for metric modules are invisible to TFX's cache.
    """

    SPEC_CLASS = EvaluatorSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(
        self,
        *,
        examples: types.BaseChannel,
        model: types.BaseChannel,
        baseline_model: types.BaseChannel,
        schema: types.BaseChannel,
        custom_config: Mapping[str, Any],
    ) -> None:
        super().__init__(
            spec=EvaluatorSpec(
                examples=examples,
                model=model,
                baseline_model=baseline_model,
                schema=schema,
                custom_config=json.dumps(custom_config, sort_keys=True),
                evaluation=types.Channel(type=standard_artifacts.ModelEvaluation),
                blessing=types.Channel(type=standard_artifacts.ModelBlessing),
            )
        )
