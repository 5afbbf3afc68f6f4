"""Publishes a blessed model as the next integer version, whole or not at all."""

import os
import re
from typing import Any

from tfx.components.pusher import component, executor
from tfx.dsl.components.base import executor_spec
from tfx.dsl.io import fileio
from tfx.proto import pusher_pb2
from tfx.types import artifact_utils
from tfx.utils import io_utils, proto_utils

from huberflow.components.bundle import reload


class Executor(executor.Executor):
    """Copies a blessed model aside, then renames it to ``<base>/<version>``.

    The version is one above the highest there. A model server sees either nothing or the whole
    version: while the copy runs its folder has a name that is no number. What an interrupted copy
    left is removed by the next one.
    """

    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Publishes the model if it is blessed; see ``tfx.components.pusher``."""
        self._log_startup(input_dict, output_dict, exec_properties)
        pushed = artifact_utils.get_single_instance(output_dict["pushed_model"])
        if not self.CheckBlessing(input_dict):
            self._MarkNotPushed(pushed)
            return
        destination = pusher_pb2.PushDestination()
        proto_utils.json_to_proto(exec_properties["push_destination"], destination)
        model = self.GetModelPath(input_dict)
        io_utils.copy_dir(model, pushed.uri)
        path = publish(model, destination.filesystem.base_directory)
        self._MarkPushed(pushed, pushed_destination=path, pushed_version=os.path.basename(path))


class Pusher(component.Pusher):
    """TFX's Pusher with atomic, increasing integer versions."""

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)


def publish(model: str, base: str) -> str:
    """Copies the bundle ``model`` to the next version under ``base``; its path.

    Raises:
      ReloadError: the copy is not the bundle that was exported; no version is to be seen.
    """
    fileio.makedirs(base)
    for leftover in fileio.listdir(base):
        if leftover.startswith(_ASIDE):
            fileio.rmtree(os.path.join(base, leftover))
    version = 1 + max(versions(base), default=0)
    aside, final = os.path.join(base, f"{_ASIDE}{version}"), os.path.join(base, str(version))
    io_utils.copy_dir(model, aside)
    reload.verify(aside)
    fileio.rename(aside, final)
    return final


def versions(base: str) -> list[int]:
    """Those that have been published under ``base``, whole."""
    return [int(name) for name in fileio.listdir(base) if re.fullmatch(r"\d+", name)]


_ASIDE = ".pushing-"
