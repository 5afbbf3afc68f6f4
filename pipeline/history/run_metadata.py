"""What a run should be remembered by, beside its config."""

import getpass
import platform
import shlex
import sys
from collections.abc import Mapping
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from huberflow.components.contracts.lineage import RunLineage, TrackingTag
from huberflow.pipeline.config import Config
from huberflow.pipeline.history import git
from huberflow.pipeline.history.run_history import RunMetadata

_PACKAGES = ("huberflow", "tensorflow", "tf-keras", "tfx", "apache-beam", "mlflow")
_NAMES_DATA = ("data.path", "data.label", "data.splits.files.")


def gather(changes: Mapping[str, Any], log: Path) -> RunMetadata:
    """The metadata of a run that starts now, in this process."""
    return RunMetadata(
        changes=dict(changes),
        command=command(),
        git=git.state(Path.cwd()),
        host=platform.node(),
        log=str(log),
        user=getpass.getuser(),
        versions=versions(),
        workspace=str(log.parents[1]),
    )


def command() -> str:
    """What the user typed."""
    return shlex.join(["huberflow", *sys.argv[1:]])


def versions() -> dict[str, str]:
    """Of Python and of the packages that decide what a run does."""
    return {package: metadata.version(package) for package in _PACKAGES} | {
        "python": platform.python_version()
    }


def lineage(identity: str, run_id: str, git_state: git.GitState | None) -> RunLineage:
    """What a model's certificate says of the run that exported it.

    MLflow's own id of the run is not known yet, and another server has another: the tag finds it.

    Args:
      identity: of the workspace, or what stands for it on a cluster.
      run_id: of the run there.
      git_state: the code that ran.
    """
    return RunLineage(
        run=run_id,
        mlflow=TrackingTag(tag="huberflow.key", value=f"{identity}/{run_id}"),
        git=git_state.to_json() if git_state else None,
    )


def run_name(config: Config, changes: Mapping[str, Any], started: datetime) -> str:
    """The name in the config, else what differs from the defaults and the time of the start."""
    return config.tracking.run_name or f"{title(config, changes)} {started:%m-%d %H:%M:%S}"


def title(config: Config, changes: Mapping[str, Any]) -> str:
    """What differs from the defaults, in short."""
    if config.data.paths():  # the model is named after the data
        changes = {k: v for k, v in changes.items() if not k.startswith(_NAMES_DATA)}
    return in_short(changes) or "defaults"


def in_short(values: Mapping[str, Any], longest: int = 80) -> str:
    """Settings as a person would call them: ``threshold=2.0 CustomMSE``."""
    parts = (
        str(value) if key.endswith(".name") else f"{key.rpartition('.')[2]}={value}"
        for key, value in values.items()
    )
    text = " ".join(parts)
    return text if len(text) <= longest else f"{text[: longest - 3]}..."
