"""Evaluates a model by slice, and blesses it where it meets its gate."""

from collections.abc import Sequence
from pathlib import Path

import tensorflow_model_analysis as tfma
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx import types
from tfx.components.evaluator import constants
from tfx.dsl.components.base import base_beam_component, base_beam_executor, executor_spec
from tfx.types import artifact_utils, standard_artifacts, standard_component_specs
from tfx.types.component_spec import ExecutionParameter
from tfx.utils import io_utils, path_utils

from huberflow.components.contracts import artifact_files
from huberflow.components.contracts.node_config import EvaluatorConfig
from huberflow.components.evaluation import measurement
from huberflow.components.evaluation.baseline import why_incomparable
from huberflow.components.evaluation.tfma_results import read_report
from huberflow.custom_objects import user_objects


class Executor(base_beam_executor.BaseBeamExecutor):
    """Computes the metrics, compares them with the gate, and fails where one is missing."""

    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, str],
    ) -> None:
        """Writes TFMA's results and the report, and whether the model is blessed.

        Raises:
          RuntimeError: a metric of the config is not in the result.
          InputError: the data lack a column of the slices.
        """
        config = EvaluatorConfig.from_text(exec_properties["custom_config"])
        catalogue = user_objects.load(config.objects)
        model, schema = input_dict["model"], _schema(input_dict["schema"])
        baseline = _with_files(input_dict.get("baseline_model", []))
        dropped = None
        if baseline:
            dropped = why_incomparable(
                Path(_saved_model(baseline)), Path(_saved_model(model)), schema
            )
            baseline = [] if dropped else baseline
        tfma_config = tfma.utils.update_eval_config_with_defaults(
            measurement.eval_config(config.evaluation, config.target, config.weight, catalogue),
            has_baseline=bool(baseline),
            rubber_stamp=True,
        )
        columns = set(config.label_and_weight).union(*config.evaluation.slices)
        rows = measurement.read_eval_rows(input_dict["examples"], schema, columns)
        models = {
            spec.name: _saved_model(baseline if spec.is_baseline else model)
            for spec in tfma_config.model_specs
        }
        uri = artifact_utils.get_single_uri(output_dict["evaluation"])
        with self._make_beam_pipeline() as pipeline:
            measurement.measure(pipeline, rows, models, tfma_config, config.target, Path(uri))
        report = read_report(uri, config.evaluation, config.target, dropped)
        report.write(Path(uri) / artifact_files.REPORT)
        (blessing,) = output_dict["blessing"]
        _bless(blessing, model, baseline, blessed=report.blessed)


def _schema(artifacts: list[types.Artifact]) -> schema_pb2.Schema:
    folder = artifact_utils.get_single_uri(artifacts)
    return io_utils.SchemaReader().read(io_utils.get_only_uri_in_dir(folder))


def _with_files(models: list[types.Artifact]) -> list[types.Artifact]:
    """The models that have files: Kubeflow passes an empty artifact where there is none."""
    return [model for model in models if Path(_saved_model([model])).exists()]


def _saved_model(artifacts: list[types.Artifact]) -> str:
    return path_utils.serving_model_path(artifact_utils.get_single_uri(artifacts))


def _bless(
    blessing: types.Artifact,
    model: Sequence[types.Artifact],
    baseline: Sequence[types.Artifact],
    *,
    blessed: bool,
) -> None:
    """Writes the properties and the file of TFX's Evaluator, which Pusher and resolvers read."""
    for name, artifacts in [("current_model", model), ("baseline_model", baseline)]:
        for artifact in artifacts:
            blessing.set_string_custom_property(name, artifact.uri)
            blessing.set_int_custom_property(f"{name}_id", artifact.id)
    blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY, int(blessed))
    file = constants.BLESSED_FILE_NAME if blessed else constants.NOT_BLESSED_FILE_NAME
    (Path(blessing.uri) / file).touch()


class EvaluatorSpec(types.ComponentSpec):
    """TFX's Evaluator, configured by one JSON parameter."""

    PARAMETERS = {"custom_config": ExecutionParameter(type=str)}  # noqa: RUF012 (TFX's attribute)
    INPUTS = standard_component_specs.EvaluatorSpec.INPUTS
    OUTPUTS = standard_component_specs.EvaluatorSpec.OUTPUTS


class Evaluator(base_beam_component.BaseBeamComponent):
    """TFX's Evaluator with huberflow's gate and report.

    Args:
      examples: raw examples with an ``eval`` split.
      model: the candidate.
      baseline_model: the last blessed model; there may be none, or one without files.
      schema: of the raw examples.
      custom_config: see ``contracts.node_config.EvaluatorConfig``.
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
        custom_config: EvaluatorConfig,
    ) -> None:
        super().__init__(
            spec=EvaluatorSpec(
                examples=examples,
                model=model,
                baseline_model=baseline_model,
                schema=schema,
                custom_config=custom_config.to_text(),
                evaluation=types.Channel(type=standard_artifacts.ModelEvaluation),
                blessing=types.Channel(type=standard_artifacts.ModelBlessing),
            )
        )
