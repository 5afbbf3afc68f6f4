"""Collects the metadata of a run, and gives it a readable name."""

import getpass
import os
import platform
import shlex
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from importlib import metadata
from pathlib import Path

from huberflow.components.contracts.lineage import RunLineage, TrackingTag
from huberflow.custom_objects.json_record import JSON
from huberflow.pipeline.config import Config
from huberflow.pipeline.history import git
from huberflow.pipeline.history.run_history import RunMetadata

_PACKAGES = ("huberflow", "tensorflow", "tf-keras", "tfx", "apache-beam", "mlflow")
_NAMES_DATA = ("data.path", "data.label", "data.splits.files.")


def gather(changes: Mapping[str, JSON], log: Path, inputs: str = "") -> RunMetadata:
    """The metadata of a run that starts now, in this process."""
    return RunMetadata(
        inputs=inputs,
        changes=dict(changes),
        command=command(),
        git=git.state(Path.cwd()),
        host=platform.node(),
        log=str(log),
        user=_user(),
        versions=versions(),
        workspace=str(log.parents[1]),
    )


def _user() -> str:
    """The user's name; the number where the system knows no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # until and from Python 3.13
        return str(os.getuid())


def command() -> str:
    """The command that the user typed."""
    return shlex.join(["huberflow", *sys.argv[1:]])


def versions() -> dict[str, str]:
    """The versions of Python and of the packages that influence a run, less what is missing."""
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            versions[package] = metadata.version(package)
    return versions


def lineage(identity: str, run_id: str, git_state: git.GitState | None) -> RunLineage:
    """The lineage in a model's certificate: the run that exported the model, and its code.

    The run has no id in MLflow yet, and each server gives it another; a tag identifies it instead.

    Args:
      identity: the workspace's id; on a cluster, an id that replaces it.
      run_id: the run's id in that workspace.
      git_state: the Git state of the code that ran.
    """
    return RunLineage(
        run=run_id,
        mlflow=TrackingTag(tag="huberflow.key", value=f"{identity}/{run_id}"),
        git=git_state.to_json() if git_state else None,
    )


def run_name(config: Config, changes: Mapping[str, JSON], started: datetime) -> str:
    """The name in the config, else the settings that differ from the defaults and the time."""
    return config.tracking.run_name or f"{title(config, changes)} {started:%m-%d %H:%M:%S}"


def title(config: Config, changes: Mapping[str, JSON]) -> str:
    """A short form of the settings that differ from the defaults."""
    if config.data.paths():  # the model is named after the data
        changes = {k: v for k, v in changes.items() if not k.startswith(_NAMES_DATA)}
    return short_settings(changes) or "defaults"


def short_settings(settings: Mapping[str, JSON], longest: int = 80) -> str:
    """A short form of settings, such as ``threshold=2.0 CustomMSE``."""
    text = " ".join(
        str(value) if key.endswith(".name") else f"{key.rpartition('.')[2]}={value}"
        for key, value in settings.items()
    )
    return text if len(text) <= longest else f"{text[: longest - 3]}..."
