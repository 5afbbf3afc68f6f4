"""Publishes a blessed model as the next integer version, complete or not at all."""

import os
import re

from tfx import types
from tfx.components.pusher import component, executor
from tfx.dsl.component.experimental.annotations import OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component as node
from tfx.dsl.components.base import executor_spec
from tfx.dsl.io import fileio
from tfx.proto import pusher_pb2
from tfx.types import artifact_utils
from tfx.types.standard_artifacts import Model
from tfx.utils import io_utils, path_utils, proto_utils

from huberflow.components.bundle import reload
from huberflow.components.export.local_copy import local_copy


class Executor(executor.Executor):
    """Copies a blessed model to a temporary folder, then renames it to ``<base>/<version>``.

    The version is one above the highest one. A model server sees only complete versions: while the
    copy runs, the name of its folder is no number. The next push removes what an interrupted copy
    left.
    """

    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, types.ExecPropertyTypes],
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
    """TFX's Pusher with complete, increasing integer versions.

    Its arguments are those of ``tfx.components.Pusher``. It publishes any SavedModel; a bundle is
    compared with its certificate first.

    Example::

        >>> from huberflow.components import Pusher
        >>> Pusher.__mro__[1].__module__
        'tfx.components.pusher.component'
    """

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)


@node
def LastPushed(model: OutputArtifact[Model], serving: Parameter[str]) -> None:  # noqa: N802 (a node)
    """Finds the model in production as the baseline, where there is no metadata store.

    Args:
      model: a copy of the newest version; without any version it stays empty.
      serving: the folder that the Pusher publishes to.
    """
    if fileio.exists(serving) and (versions := _published_versions(serving)):
        newest = os.path.join(serving, str(max(versions)))
        io_utils.copy_dir(newest, path_utils.serving_model_path(model.uri))


def publish(model: str, base: str) -> str:
    """Copies a model to the next version under ``base``, and returns its path.

    Raises:
      ReloadError: the copy of a bundle differs from the one that was exported; there is no new
        version.
    """
    fileio.makedirs(base)
    for name in fileio.listdir(base):
        if name.startswith(_TEMPORARY):
            fileio.rmtree(os.path.join(base, name))
    version = 1 + max(_published_versions(base), default=0)
    temporary, final = (
        os.path.join(base, f"{_TEMPORARY}{version}"),
        os.path.join(base, f"{version}"),
    )
    io_utils.copy_dir(model, temporary)
    if fileio.exists(os.path.join(temporary, reload.layout.CERTIFICATE)):
        with local_copy(temporary) as copy:
            reload.verify(copy)
    fileio.rename(temporary, final)
    return final


def _published_versions(base: str) -> list[int]:
    """The complete versions under ``base``."""
    names = [name.rstrip("/") for name in fileio.listdir(base)]  # a bucket's folders end in one
    return [int(name) for name in names if re.fullmatch(r"\d+", name)]


_TEMPORARY = ".pushing-"
