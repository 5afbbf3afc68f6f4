"""Exports a model as a bundle, and fails unless a clean process reloads it with the same values."""

import json
from pathlib import Path
from typing import Any

from tfx import types
from tfx.components.evaluator import constants
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.types import artifact_utils, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ExecutionParameter
from tfx.utils import path_utils

from huberflow.components.bundle import bundle, clean_process
from huberflow.components.contracts import artifact_files
from huberflow.components.contracts.json_record import JSON
from huberflow.components.contracts.lineage import LINEAGE, RunLineage
from huberflow.components.contracts.node_config import ExportConfig


class Executor(base_executor.BaseExecutor):
    """Assembles the bundle and checks it."""

    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the bundle where the Pusher and the InfraValidator look for a model.

        Raises:
          ReloadError: a file changed while the bundle was written.
          CheckError: the reloaded model differs from the one that was trained.
        """
        model, model_run = _only(input_dict["model"]), _only(input_dict["model_run"])
        exported = _only(output_dict["exported_model"])
        out = Path(path_utils.serving_model_path(exported.uri))
        certificate = bundle.assemble(
            Path(path_utils.serving_model_path(model.uri)),
            Path(model_run.uri) / artifact_files.CAPTURED,
            out,
            _lineage(input_dict, exec_properties.get(LINEAGE)),
        )
        report = clean_process.check_bundle(out)
        exported.set_string_custom_property("certificate", certificate["sha256"])
        exported.set_string_custom_property("checked", json.dumps(report, sort_keys=True))


def _only(artifacts: list[types.Artifact]) -> types.Artifact:
    return artifact_utils.get_single_instance(artifacts)


def _lineage(inputs: dict[str, list[types.Artifact]], run: str | None) -> dict[str, JSON]:
    """The run, the ids of the input artifacts in ML Metadata, and whether the model is blessed."""
    blessing = _only(inputs["blessing"])
    return {
        **(RunLineage.from_text(run).to_json() if run else {}),
        "artifacts": {key: [each.id for each in artifacts] for key, artifacts in inputs.items()},
        "blessed": bool(blessing.get_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY)),
    }


class ServingExportSpec(types.ComponentSpec):
    """A trained and evaluated model in, its bundle out."""

    PARAMETERS = {  # noqa: RUF012 (TFX's attribute)
        "custom_config": ExecutionParameter(type=str),
        "run_id": ExecutionParameter(type=str, optional=True),
        "run_metadata": ExecutionParameter(type=str, optional=True),
    }
    INPUTS = {  # noqa: RUF012
        "model": ChannelParameter(type=standard_artifacts.Model),
        "model_run": ChannelParameter(type=standard_artifacts.ModelRun),
        "blessing": ChannelParameter(type=standard_artifacts.ModelBlessing),
        "examples": ChannelParameter(type=standard_artifacts.Examples),
        "schema": ChannelParameter(type=standard_artifacts.Schema),
    }
    OUTPUTS = {"exported_model": ChannelParameter(type=standard_artifacts.Model)}  # noqa: RUF012


class ServingExport(base_component.BaseComponent):
    """Adds a model's custom objects to it, and the proof that it reloads with them.

    A model that was not blessed is exported too, as a challenger to compare with others.

    Args:
      model: the Trainer's.
      model_run: the same Trainer's; it has what ``bundle.capture`` wrote.
      blessing: the Evaluator's, for the certificate.
      examples: the model's training data, for the certificate.
      schema: of these examples, for the certificate.
      custom_config: see ``contracts.node_config.ExportConfig``.
      run_id: the run's id, where the orchestrator fills it in; its container makes ``LINEAGE`` of
        it before it starts the executor.
      run_metadata: the run's metadata as JSON, likewise.
    """

    SPEC_CLASS = ServingExportSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        *,
        model: types.BaseChannel,
        model_run: types.BaseChannel,
        blessing: types.BaseChannel,
        examples: types.BaseChannel,
        schema: types.BaseChannel,
        custom_config: ExportConfig,
        run_id: str | None = None,
        run_metadata: str | None = None,
    ) -> None:
        super().__init__(
            spec=ServingExportSpec(
                model=model,
                model_run=model_run,
                blessing=blessing,
                examples=examples,
                schema=schema,
                custom_config=custom_config.to_text(),
                run_id=run_id,
                run_metadata=run_metadata,
                exported_model=types.Channel(type=standard_artifacts.Model),
            )
        )
