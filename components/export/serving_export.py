"""Exports a model as a bundle, and fails unless a clean process reloads it with the same values."""

import json
from pathlib import Path

from tfx.components.evaluator import constants
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types.standard_artifacts import Examples, Model, ModelBlessing, ModelRun, Schema
from tfx.utils import path_utils

from huberflow.components.bundle import bundle, clean_process
from huberflow.components.contracts import artifact_files
from huberflow.components.contracts.lineage import RunLineage


@component
def ServingExport(  # noqa: N802 (a component)
    model: InputArtifact[Model],
    model_run: InputArtifact[ModelRun],
    blessing: InputArtifact[ModelBlessing],
    examples: InputArtifact[Examples],
    schema: InputArtifact[Schema],
    exported_model: OutputArtifact[Model],
    custom_config: Parameter[str],
    run_id: Parameter[str] = None,
    run_metadata: Parameter[str] = None,
    lineage: Parameter[str] = None,
) -> None:
    """Adds a model's custom objects to it, and the proof that it reloads with them.

    A model that was not blessed is exported too, as a challenger to compare with others.

    Args:
      model: the Trainer's.
      model_run: the same Trainer's; it has what ``bundle.capture`` wrote.
      blessing: the Evaluator's, for the certificate.
      examples: the model's training data, for the certificate.
      schema: of these examples, for the certificate.
      exported_model: the bundle, where the Pusher and the InfraValidator look for a model.
      custom_config: an ``ExportConfig`` as text, for TFX's cache.
      run_id: the run's id, where the orchestrator fills it in; its container makes ``lineage`` of
        it before it starts the executor.
      run_metadata: the run's metadata as JSON, likewise.
      lineage: see ``contracts.lineage.LINEAGE``.

    Raises:
      ReloadError: a file changed while the bundle was written.
      CheckError: the reloaded model differs from the one that was trained.
    """
    del custom_config, run_id, run_metadata
    inputs = {
        "model": model,
        "model_run": model_run,
        "blessing": blessing,
        "examples": examples,
        "schema": schema,
    }
    out = Path(path_utils.serving_model_path(exported_model.uri))
    certificate = bundle.assemble(
        Path(path_utils.serving_model_path(model.uri)),
        Path(model_run.uri) / artifact_files.CAPTURED,
        out,
        {
            **(RunLineage.from_text(lineage).to_json() if lineage else {}),
            "artifacts": {key: [artifact.id] for key, artifact in inputs.items()},
            "blessed": bool(
                blessing.get_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY)
            ),
        },
    )
    report = clean_process.check_bundle(out)
    exported_model.set_string_custom_property("certificate", certificate["sha256"])
    exported_model.set_string_custom_property("checked", json.dumps(report, sort_keys=True))
