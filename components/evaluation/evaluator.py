"""Evaluates a model by slice, and blesses it where it meets its gate."""

from pathlib import Path

import apache_beam as beam
import tensorflow_data_validation as tfdv
import tensorflow_model_analysis as tfma
from tfx import types
from tfx.components.evaluator import constants
from tfx.dsl.component.experimental.annotations import (
    BeamComponentParameter,
    InputArtifact,
    OutputArtifact,
    Parameter,
)
from tfx.dsl.component.experimental.decorators import component
from tfx.types.standard_artifacts import (
    Examples,
    Model,
    ModelBlessing,
    ModelEvaluation,
    ModelRun,
    Schema,
)
from tfx.utils import path_utils

from huberflow.components.contracts import artifact_files
from huberflow.components.contracts.constant_prediction import ConstantPrediction
from huberflow.components.contracts.model_config import EvaluatorConfig
from huberflow.components.evaluation import measurement
from huberflow.components.evaluation.baseline import why_incomparable
from huberflow.components.evaluation.tfma_results import read_report
from huberflow.custom_objects import user_objects


@component(use_beam=True)
def Evaluator(  # noqa: N802 (a component)
    examples: InputArtifact[Examples],
    model: InputArtifact[Model],
    schema: InputArtifact[Schema],
    evaluation: OutputArtifact[ModelEvaluation],
    blessing: OutputArtifact[ModelBlessing],
    custom_config: Parameter[str],
    baseline_model: InputArtifact[Model] = None,
    model_run: InputArtifact[ModelRun] = None,
    beam_pipeline: BeamComponentParameter[beam.Pipeline] = None,
) -> None:
    """TFX's Evaluator with huberflow's gate and report.

    Args:
      examples: raw examples with an ``eval`` split.
      model: the candidate.
      schema: of the raw examples.
      evaluation: TFMA's results, and the report.
      blessing: whether the model is blessed.
      custom_config: an ``EvaluatorConfig`` as text.
      baseline_model: the last blessed model; there may be none, or one without files.
      model_run: the Trainer's, with the constant prediction to compare with; there may be none.
      beam_pipeline: computes the metrics.

    Raises:
      RuntimeError: a metric of the config is not in the result.
      InputError: the data lack a column of the slices.
    """
    config = EvaluatorConfig.from_text(custom_config)
    catalogue = user_objects.load(config.objects)
    columns_schema = tfdv.load_schema_text(str(Path(schema.uri) / artifact_files.SCHEMA))
    candidate = _saved_model(model)
    # Kubeflow passes an empty artifact where there is no baseline.
    baseline = baseline_model if baseline_model and _saved_model(baseline_model).exists() else None
    dropped = None
    if baseline:
        dropped = why_incomparable(_saved_model(baseline), candidate, columns_schema)
        baseline = None if dropped else baseline
    constant = _constant_prediction(model_run)
    tfma_config = tfma.utils.update_eval_config_with_defaults(
        measurement.eval_config(
            config.evaluation, config.target, config.weight, catalogue, constant
        ),
        has_baseline=bool(baseline),
        rubber_stamp=True,
    )
    columns = set(config.label_and_weight).union(*config.evaluation.slices)
    rows = measurement.read_eval_rows(examples, columns_schema, columns)
    models = {
        spec.name: str(_saved_model(baseline) if spec.is_baseline else candidate)
        for spec in tfma_config.model_specs
    }
    results = Path(evaluation.uri)
    with beam_pipeline as pipeline:
        measurement.measure(pipeline, rows, models, tfma_config, config.target, results)
    report = read_report(evaluation.uri, config.evaluation, config.target, dropped)
    report.write(results / artifact_files.REPORT)
    _bless(blessing, model, baseline, blessed=report.blessed)


def _saved_model(model: types.Artifact) -> Path:
    return Path(path_utils.serving_model_path(model.uri))


def _constant_prediction(model_run: types.Artifact | None) -> ConstantPrediction | None:
    file = Path(model_run.uri) / artifact_files.CONSTANT if model_run else None
    return ConstantPrediction.read(file) if file and file.is_file() else None


def _bless(
    blessing: types.Artifact,
    model: types.Artifact,
    baseline: types.Artifact | None,
    *,
    blessed: bool,
) -> None:
    """Writes the properties and the file of TFX's Evaluator, which Pusher and resolvers read."""
    for name, artifact in [("current_model", model), ("baseline_model", baseline)]:
        if artifact:
            blessing.set_string_custom_property(name, artifact.uri)
            blessing.set_int_custom_property(f"{name}_id", artifact.id)
    blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY, int(blessed))
    file = constants.BLESSED_FILE_NAME if blessed else constants.NOT_BLESSED_FILE_NAME
    (Path(blessing.uri) / file).touch()
