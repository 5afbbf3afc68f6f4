"""Evaluates a model by slice against its gate, and says in words why it did not pass."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow_model_analysis as tfma
from tfx import types
from tfx.components.evaluator import constants
from tfx.dsl.components.base import base_beam_component, base_beam_executor, executor_spec
from tfx.types import artifact_utils, standard_artifacts, standard_component_specs
from tfx.types.component_spec import ExecutionParameter
from tfx.utils import io_utils, path_utils

from components import measurement, serving
from components.features import label_and_weight
from components.measurement import BASELINE, CANDIDATE
from components.target import Target, of_label
from custom_objects import own

REPORT = "report.json"
"""Beside TFMA's files in the evaluation artifact; ``report`` says what is in it."""


class Executor(base_beam_executor.BaseBeamExecutor):
    """Measures, judges, and fails where a metric is missing."""

    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes TFMA's results and ``REPORT``, and blesses the model or not.

        Raises:
          RuntimeError: a metric that was asked for is not in the result.
          ValueError: the data have no column of a slice's name.
        """
        asked = json.loads(exec_properties["custom_config"])
        evaluation, target = asked["evaluation"], Target.of(asked)
        if asked["objects"]:
            own.load(asked["objects"], Path(asked["objects"]["folder"]))
        model = input_dict["model"]
        baseline = _comparable(_there(input_dict.get("baseline_model", [])), model)
        tfma_config = tfma.utils.update_eval_config_with_defaults(
            measurement.eval_config(evaluation, target, asked["weight"]),
            has_baseline=bool(baseline),
            rubber_stamp=True,
        )
        rows = measurement.read(
            input_dict["examples"],
            _schema(input_dict["schema"]),
            set(label_and_weight(asked)).union(*evaluation["slices"]),
        )
        models = {
            spec.name: _saved_model(baseline if spec.is_baseline else model)
            for spec in tfma_config.model_specs
        }
        uri = artifact_utils.get_single_uri(output_dict["evaluation"])
        with self._make_beam_pipeline() as pipeline:
            measurement.measure(pipeline, rows, models, tfma_config, target, Path(uri))
        written = report(uri, evaluation, target)
        (Path(uri) / REPORT).write_text(json.dumps(written, indent=1))
        (blessing,) = output_dict["blessing"]
        _bless(blessing, model, baseline, blessed=written["blessed"])


def _schema(artifacts: list[types.Artifact]) -> Any:
    folder = artifact_utils.get_single_uri(artifacts)
    return io_utils.SchemaReader().read(io_utils.get_only_uri_in_dir(folder))


def _there(models: list[types.Artifact]) -> list[types.Artifact]:
    """Those that hold a model: where a missing artifact cannot be passed, an empty one stands."""
    return [model for model in models if Path(_saved_model([model])).exists()]


def _comparable(
    baseline: list[types.Artifact], model: list[types.Artifact]
) -> list[types.Artifact]:
    """The baseline, unless it answers with other outputs: it was trained for another task."""
    found = [serving.outputs(Path(_saved_model([each]))) for each in (*baseline, *model)]
    return baseline if all(outputs == found[-1] for outputs in found) else []


def _saved_model(artifacts: list[types.Artifact]) -> str:
    return path_utils.serving_model_path(artifact_utils.get_single_uri(artifacts))


def _bless(
    blessing: types.Artifact,
    model: Sequence[types.Artifact],
    baseline: Sequence[types.Artifact],
    *,
    blessed: bool,
) -> None:
    """Says it as TFX's Evaluator does: to the Pusher, and to the search for the next baseline."""
    for name, found in [("current_model", model), ("baseline_model", baseline)]:
        for artifact in found:
            blessing.set_string_custom_property(name, artifact.uri)
            blessing.set_int_custom_property(f"{name}_id", artifact.id)
    blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY, int(blessed))
    file = constants.BLESSED_FILE_NAME if blessed else constants.NOT_BLESSED_FILE_NAME
    (Path(blessing.uri) / file).touch()


def report(uri: str, evaluation: Mapping[str, Any], target: Target) -> dict[str, Any]:
    """What TFMA found, as plain JSON.

    Returns:
      ``metrics`` (keys in order; those of several labels together, then label by label as
      ``<key>_<label>``), ``blessed``, ``reasons`` (sentences, empty when blessed) and
      ``slices``: for each its ``slice`` (column to value, empty for all rows) and the
      ``candidate``'s and ``baseline``'s values by metric; ``baseline`` is null where there is none.

    Raises:
      RuntimeError: a metric that was asked for is not in the result.
    """
    keys = [metric["key"] for metric in evaluation["metrics"]]
    metrics = [*target.always, *keys]
    metrics += [of_label(key, label) for label in target.parts for key in keys]
    slices = sorted(
        (_slice(found, metrics) for found in tfma.load_metrics(uri)),
        key=lambda row: sorted(map(str, row["slice"].items())),
    )
    validation = tfma.load_validation_result(uri)
    _refuse_missing(metrics, slices)
    first = _is_first(evaluation, slices)
    return {
        "metrics": metrics,
        "blessed": bool(validation.validation_ok) or first,
        "reasons": [] if first else list(_reasons(validation, slices)),
        "slices": slices,
    }


def _is_first(evaluation: Mapping[str, Any], slices: Iterable[Mapping[str, Any]]) -> bool:
    """Whether the gate does nothing but compare, and there is nothing yet to compare with.

    TFMA then finds no threshold, and says no.
    """
    compares = all(
        gate["lower_bound"] is None and gate["upper_bound"] is None for gate in evaluation["gate"]
    )
    return compares and all(row[BASELINE] is None for row in slices)


def _slice(found: Any, metrics: Sequence[str]) -> dict[str, Any]:
    values: dict[str, dict[str, float]] = {CANDIDATE: {}, BASELINE: {}}
    for pair in found.metric_keys_and_values:
        model = pair.key.model_name or CANDIDATE
        name = measurement.name_of(pair.key)
        if name in metrics and not pair.key.is_diff:
            values[model][name] = pair.value.double_value.value
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
    for row in slices:
        for found in validation.metric_validations_per_slice:
            if _slice_key(found.slice_key) == row["slice"]:
                yield from (_failure(failure, row) for failure in found.failures)
    for spec in validation.missing_slices:
        yield f"no row of {describe_slice(dict(spec.feature_values))}, which the gate names"
    if validation.missing_thresholds:
        yield "no metric of the gate was computed"


def _failure(failure: Any, row: Mapping[str, Any]) -> str:
    name = measurement.name_of(failure.metric_key)
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
      baseline_model: the last blessed model; may be none, or one without files.
      schema: of the raw examples.
      custom_config: ``evaluation`` and ``weight``, see ``measurement.eval_config``; ``label`` and
        ``classes``, see ``components.target``; ``objects``, the user's own as
        ``custom_objects.own`` loads them and their ``folder``, or null; and ``source``: hashes of
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
