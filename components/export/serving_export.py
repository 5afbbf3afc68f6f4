"""Exports a model as a bundle, and fails unless a clean process reloads it faithfully."""

import json
from collections.abc import Mapping
from contextvars import ContextVar
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

RUN: ContextVar[Mapping[str, Any]] = ContextVar("RUN", default={})  # noqa: B039 (never changed)
"""What is to be remembered of the run that exports, such as its git commit, plain JSON.

The runner sets it. As a parameter of the node it would be new in every run, and TFX would never
reuse an export.
"""


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
          CheckError: the reloaded model is not the one that was trained.
        """
        model, written = _only(input_dict["model"]), _only(input_dict["model_run"])
        out = Path(path_utils.serving_model_path(_only(output_dict["exported_model"]).uri))
        certificate = bundle.assemble(
            Path(path_utils.serving_model_path(model.uri)),
            Path(written.uri) / artifact_files.CAPTURED,
            out,
            _lineage(input_dict),
        )
        report = clean_process.check(out)
        exported = _only(output_dict["exported_model"])
        exported.set_string_custom_property("certificate", certificate["sha256"])
        exported.set_string_custom_property("checked", json.dumps(report, sort_keys=True))


def _only(artifacts: list[types.Artifact]) -> types.Artifact:
    return artifact_utils.get_single_instance(artifacts)


def _lineage(inputs: Mapping[str, list[types.Artifact]]) -> dict[str, Any]:
    """Where the model comes from: the run, and ids in ML Metadata of what went in."""
    blessing = _only(inputs["blessing"])
    return {
        **RUN.get(),
        "artifacts": {key: [artifact.id for artifact in found] for key, found in inputs.items()},
        "blessed": bool(blessing.get_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY)),
    }


class ServingExportSpec(types.ComponentSpec):
    """A trained and judged model in, the same as a bundle out."""

    PARAMETERS = {  # noqa: RUF012 (TFX's attribute)
        "custom_config": ExecutionParameter(type=str),
        "run_id": ExecutionParameter(type=str, optional=True),
        "facts": ExecutionParameter(type=str, optional=True),
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
    """Makes a model carry its custom objects, and the proof that they arrived.

    A model that was not blessed is exported too: it is a challenger, to be tried and compared.

    Args:
      model: the Trainer's.
      model_run: of the same Trainer, which wrote down there what only it knew.
      blessing: the Evaluator's, for the certificate.
      examples: that the model was trained on, for the certificate.
      schema: of these examples, for the certificate.
      custom_config: ``source``: hashes of the code that runs here, which TFX's cache cannot see.
      run_id: of the run, where an orchestrator fills it in; its containers set ``RUN`` by it.
      facts: of that run, as JSON.
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
        custom_config: Mapping[str, Any],
        run_id: str | None = None,
        facts: str | None = None,
    ) -> None:
        super().__init__(
            spec=ServingExportSpec(
                model=model,
                model_run=model_run,
                blessing=blessing,
                examples=examples,
                schema=schema,
                custom_config=json.dumps(custom_config, sort_keys=True),
                run_id=run_id,
                facts=facts,
                exported_model=types.Channel(type=standard_artifacts.Model),
            )
        )
