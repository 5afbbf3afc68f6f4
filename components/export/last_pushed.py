"""Finds the model in production as the baseline, where no metadata store knows it."""

import os
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ExecutionParameter
from tfx.utils import io_utils, path_utils

from huberflow.components.export import pusher


class Executor(base_executor.BaseExecutor):
    """Copies the newest version; without any version, the output stays empty."""

    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Copies the newest version that the ``Pusher`` has published."""
        base = exec_properties["serving"]
        model = artifact_utils.get_single_instance(output_dict["model"])
        if fileio.exists(base) and (versions := pusher.published_versions(base)):
            newest = os.path.join(base, str(max(versions)))
            io_utils.copy_dir(newest, path_utils.serving_model_path(model.uri))


class LastPushedSpec(types.ComponentSpec):
    """A folder of versions in, the newest one out."""

    PARAMETERS = {"serving": ExecutionParameter(type=str)}  # noqa: RUF012 (TFX's attribute)
    INPUTS: dict[str, ChannelParameter] = {}  # noqa: RUF012
    OUTPUTS = {"model": ChannelParameter(type=standard_artifacts.Model)}  # noqa: RUF012


class LastPushed(base_component.BaseComponent):
    """The model that was pushed last.

    Args:
      serving: the folder that the Pusher publishes to.
    """

    SPEC_CLASS = LastPushedSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(self, serving: str) -> None:
        model = types.Channel(type=standard_artifacts.Model)
        super().__init__(spec=LastPushedSpec(serving=serving, model=model))
