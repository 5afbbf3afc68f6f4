"""Which exported model a person means, and where it lies."""

import json
import re
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from huberflow.components.bundle import reload
from huberflow.components.contracts import artifact_files, node_ids
from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.config import Config
from huberflow.pipeline.history import run_history, select
from huberflow.pipeline.history.run_history import Run
from huberflow.pipeline.history.workspace import Workspace
from huberflow.pipeline.tracking.store import store_uri


class LocateError(Exception):
    """There is no such model; the message says where it was looked for, and what to write."""


@contextmanager
def located(reference: str | None, config: Config, workspace: Workspace) -> Iterator[Path]:
    """The folder of a bundle, for as long as the block runs.

    Args:
      reference: a bundle, or a folder of versions, of which the newest is meant; else one of the
        workspace's runs, as ``compare.choose`` names them: the model that it exported; or a model
        in MLflow, such as ``models:/taxi@champion``, ``models:/taxi/3``, ``runs:/ID/model``, which
        is downloaded and removed after the block. None: the newest version that was pushed.
      config: names the model and the tracking server.
      workspace: of the runs and the pushed models.

    Raises:
      LocateError: there is none.
      TrackingError: MLflow's server cannot be reached, or refuses.
    """
    if reference is None:
        yield _newest_pushed(workspace, config)
    elif reference.startswith(("models:/", "runs:/")):
        with _downloaded(reference, workspace, config) as folder:
            yield folder
    elif Path(reference).expanduser().exists():
        yield _bundle_at(Path(reference).expanduser())
    else:
        yield _exported_by(_run(reference, workspace), config)


def _newest_pushed(workspace: Workspace, config: Config) -> Path:
    folder = workspace.serving(config.name)
    newest = _newest_version(folder)
    if newest is None:
        raise LocateError(
            f"expected a version of the model {config.name} in {folder}, found none; "
            f"write: {_run_command(config)}"
        )
    return newest


def _bundle_at(folder: Path) -> Path:
    found = folder if (folder / reload.CERTIFICATE).is_file() else _newest_version(folder)
    if found is None:
        raise LocateError(
            f"expected an exported model, with {reload.CERTIFICATE} in it, or a folder of its "
            f"versions, received {folder}; write the folder that huberflow run names as pushed"
        )
    return found


def _newest_version(folder: Path) -> Path | None:
    """As TensorFlow Serving chooses: the highest number."""
    versions = [path for path in folder.glob("*/") if re.fullmatch(r"\d+", path.name)]
    return max(versions, key=lambda path: int(path.name), default=None)


def _run(reference: str, workspace: Workspace) -> Run:
    unreadable: list[str] = []
    try:
        found = select.choose(run_history.runs(workspace, unreadable.append), [reference])
    except InputError as error:
        lines = [f"no folder {reference} is here, and of the runs: {error}", *unreadable]
        raise LocateError("\n".join(lines)) from error
    if len(found) > 1:
        raise LocateError(
            f"expected one run, received {reference}, a sweep of {len(found)}; to choose one, "
            f"write: huberflow compare {reference}"
        )
    return found[0]


def _exported_by(run: Run, config: Config) -> Path:
    artifact = run.artifact(node_ids.SERVING_EXPORT, "exported_model")
    if artifact is None and run.sweep is not None:
        raise LocateError(
            f"{run.id} is a trial of a sweep, which exports nothing; "
            f"write: {_run_command(config, run)}"
        )
    if artifact is None:
        raise LocateError(
            f"{run.id} exported no model, it is {run.status}; write: {_run_command(config, run)}"
        )
    folder = artifact.uri / artifact_files.SERVING_MODEL  # TFX's name for it
    if not folder.is_dir():
        raise LocateError(
            f"the model that {run.id} exported is no longer in {folder}; "
            f"write: {_run_command(config, run)} --no-cache"
        )
    return folder


def _run_command(config: Config, run: Run | None = None) -> str:
    """What makes a model; with a run, the same again."""
    changes = run.metadata.changes if run else {}
    settings = [part for key in changes for part in ("--set", f"{key}={json.dumps(changes[key])}")]
    return shlex.join(["huberflow", "run", "--workspace", str(config.workspace), *settings])


@contextmanager
def _downloaded(reference: str, workspace: Workspace, config: Config) -> Iterator[Path]:
    from huberflow.pipeline.tracking import mlflow_download

    workspace.root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=workspace.root, prefix=".downloaded-") as aside:
        uri = store_uri(config.tracking, workspace)
        yield mlflow_download.saved_model(uri, reference, Path(aside))
