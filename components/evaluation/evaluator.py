"""Evaluates a model by slice against its gate."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow_model_analysis as tfma
from tfx import types
from tfx.components.evaluator import constants
from tfx.dsl.components.base import base_beam_component, base_beam_executor, executor_spec
from tfx.types import artifact_utils, standard_artifacts, standard_component_specs
from tfx.types.component_spec import ExecutionParameter
from tfx.utils import io_utils, path_utils

from huberflow.components.contracts.features import label_and_weight
from huberflow.components.contracts.target import Target
from huberflow.components.evaluation import measurement
from huberflow.components.evaluation.baseline import why_set_aside
from huberflow.components.evaluation.evaluation_report import REPORT, report
from huberflow.custom_objects import user_objects
from huberflow.custom_objects.user_objects import UserObjects


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
        objects = UserObjects.from_json(asked["objects"]) if asked["objects"] else None
        catalogue = user_objects.load(objects)
        model, schema = input_dict["model"], _schema(input_dict["schema"])
        baseline = _there(input_dict.get("baseline_model", []))
        set_aside = _set_aside(baseline, model, schema)
        if set_aside:
            baseline = []
        tfma_config = tfma.utils.update_eval_config_with_defaults(
            measurement.eval_config(evaluation, target, asked["weight"], catalogue),
            has_baseline=bool(baseline),
            rubber_stamp=True,
        )
        rows = measurement.read(
            input_dict["examples"],
            schema,
            set(label_and_weight(asked)).union(*evaluation["slices"]),
        )
        models = {
            spec.name: _saved_model(baseline if spec.is_baseline else model)
            for spec in tfma_config.model_specs
        }
        uri = artifact_utils.get_single_uri(output_dict["evaluation"])
        with self._make_beam_pipeline() as pipeline:
            measurement.measure(pipeline, rows, models, tfma_config, target, Path(uri))
        written = {**report(uri, evaluation, target), "set_aside": set_aside}
        (Path(uri) / REPORT).write_text(json.dumps(written, indent=1))
        (blessing,) = output_dict["blessing"]
        _bless(blessing, model, baseline, blessed=written["blessed"])


def _schema(artifacts: list[types.Artifact]) -> Any:
    folder = artifact_utils.get_single_uri(artifacts)
    return io_utils.SchemaReader().read(io_utils.get_only_uri_in_dir(folder))


def _there(models: list[types.Artifact]) -> list[types.Artifact]:
    """Those that hold a model: where a missing artifact cannot be passed, an empty one stands."""
    return [model for model in models if Path(_saved_model([model])).exists()]


def _set_aside(
    baseline: list[types.Artifact], model: list[types.Artifact], schema: Any
) -> str | None:
    if not baseline:
        return None
    return why_set_aside(Path(_saved_model(baseline)), Path(_saved_model(model)), schema)


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
        ``classes``, see ``huberflow.components.contracts.target``; ``objects``, the user's own as
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
