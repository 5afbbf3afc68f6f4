"""Finds the exported model that a reference names."""

import json
import re
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from huberflow.components.bundle import reload
from huberflow.components.contracts import artifact_files
from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.config import Config
from huberflow.pipeline.history.run_command import run_command
from huberflow.pipeline.history.workspace import Workspace
from huberflow.pipeline.tracking.store import store_uri

if TYPE_CHECKING:
    from huberflow.pipeline.history.run_history import Run


@contextmanager
def locate_model(
    reference: str | None, config: Config, workspace: Workspace, *, named: bool
) -> Iterator[Path]:
    """The folder of a bundle, for as long as the block runs.

    Args:
      reference: a bundle; a folder of versions, whose newest is taken; one of the workspace's runs,
        see ``select.select_runs``, for the model that it exported; or a model in MLflow, such as
        ``models:/taxi@champion``, ``models:/taxi/3``, ``runs:/ID/model``, which is downloaded, and
        removed after the block. None: the version that was pushed last.
      config: names the model and the tracking server.
      workspace: of the runs and the pushed models.
      named: whether only a version of the model that the config names is meant.

    Raises:
      InputError: there is no such model.
      TrackingError: MLflow's server cannot be reached, or refuses.
    """
    if reference is None:
        folder = workspace.serving(config.name)
        newest = _newest_version(folder) if named else _pushed_last(folder.parent)
        if newest is None:
            expected = f"a version of the model {config.name} in {folder}"
            if not named:
                expected = f"a pushed model in {folder.parent}"
            hint = "for another model, name the folder of its bundle; to make this one"
            raise _no_model(expected, "none", hint=hint, write=_run_command(config))
        yield newest
    elif reference.startswith(("models:/", "runs:/")):
        from huberflow.pipeline.tracking.mlflow_models import download_saved_model

        workspace.root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=workspace.root, prefix=".downloaded-") as temporary:
            uri = store_uri(config.tracking, workspace)
            yield download_saved_model(uri, reference, Path(temporary))
    elif Path(reference).expanduser().exists():
        yield _bundle_at(Path(reference).expanduser())
    else:
        yield _exported_by(_run(reference, workspace), config)


def _no_model(
    expected: str, received: str, *, write: str | None = None, hint: str | None = None
) -> InputError:
    return InputError("MODEL", expected=expected, received=received, write=write, hint=hint)


def _bundle_at(folder: Path) -> Path:
    bundle = folder if (folder / reload.layout.CERTIFICATE).is_file() else _newest_version(folder)
    if bundle is None:
        expected = (
            f"an exported model, with {reload.layout.CERTIFICATE} in it, or a folder of versions"
        )
        hint = "write the folder that `huberflow run` names as pushed"
        raise _no_model(expected, str(folder), hint=hint)
    return bundle


def _newest_version(folder: Path) -> Path | None:
    """The version with the highest number, as TensorFlow Serving chooses."""
    versions = [path for path in folder.glob("*/") if re.fullmatch(r"\d+", path.name)]
    return max(versions, key=lambda path: int(path.name), default=None)


def _pushed_last(serving: Path) -> Path | None:
    """The version of any model that the latest run pushed."""
    newest = filter(None, map(_newest_version, serving.glob("*/")))
    return max(newest, key=_exported_by_run, default=None)


def _exported_by_run(version: Path) -> tuple[str, float]:
    """The id of the run, which begins with its time; where there is none, the time of the files."""
    try:
        lineage = json.loads((version / reload.layout.CERTIFICATE).read_text("utf-8"))["lineage"]
        run = str(lineage["run"])
    except (OSError, ValueError, LookupError, TypeError):  # a model that carries no certificate
        run = ""
    return run, version.stat().st_mtime


def _run(reference: str, workspace: Workspace) -> "Run":
    from huberflow.pipeline.history import run_history, select  # they need ML Metadata

    unreadable: list[str] = []
    try:
        runs = select.select_runs(run_history.all_runs(workspace, unreadable.append), [reference])
    except InputError as error:
        raise InputError(
            error.key,
            expected=f"a folder, or {error.expected}",
            received=error.received,
            hint="; ".join(filter(None, [error.hint, *unreadable])) or None,
            write=error.write,
        ) from error
    if len(runs) > 1:
        received, write = (
            f"{reference}, a sweep of {len(runs)}",
            shlex.join(["huberflow", "compare", reference]),
        )
        raise _no_model("one run", received, hint="choose one", write=write)
    return runs[0]


def _exported_by(run: "Run", config: Config) -> Path:
    artifact = run.artifact("exported_model")
    command = _run_command(config, run)
    if artifact is None:
        state = "a trial of a sweep, which exports none" if run.sweep else f"which is {run.status}"
        raise _no_model("a run that exported a model", f"{run.id}, {state}", write=command)
    folder = artifact.uri / artifact_files.SERVING_MODEL
    if not folder.is_dir():
        expected = f"the model that {run.id} exported in {folder}"
        raise _no_model(expected, "none", write=f"{command} --no-cache")
    return folder


def _run_command(config: Config, run: "Run | None" = None) -> str:
    """The command that makes a model; with a run, the same model again."""
    return run_command(config.workspace, run.metadata.changes if run else {})
