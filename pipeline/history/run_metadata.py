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

from huberflow.pipeline.config import Config
from huberflow.pipeline.history import git
from huberflow.pipeline.history.reasons import flatten
from huberflow.pipeline.resolve import data_defaults

_PACKAGES = ("huberflow", "tensorflow", "tf-keras", "tfx", "apache-beam", "mlflow")
_SAYS_NOTHING = ("workspace", "beam.", "tracking.", "kubeflow.")
_OF_OWN_DATA = ("data.path", "data.label", "data.splits.files.")


def gather(config: Config, log: Path) -> dict[str, Any]:
    """Who ran what, where, with which code: ``history.Run.facts``."""
    return {
        "changes": changes(config),
        "command": command(),
        "git": git.state(Path.cwd()),
        "host": platform.node(),
        "log": str(log),
        "user": getpass.getuser(),
        "versions": versions(),
        "workspace": str(log.parents[1]),
    }


def command() -> str:
    """What the user typed."""
    return shlex.join(["huberflow", *sys.argv[1:]])


def versions() -> dict[str, str]:
    """Of Python and of the packages that decide what a run does."""
    return {package: metadata.version(package) for package in _PACKAGES} | {
        "python": platform.python_version()
    }


def lineage(identity: str, run_id: str, known: Mapping[str, Any]) -> dict[str, Any]:
    """What a model's certificate says of the run that exported it.

    MLflow's own id of the run is not known yet, and another server has another: the tag finds it.

    Args:
      identity: of the workspace, or what stands for it on a cluster.
      run_id: of the run there.
      known: what ``gather`` found; its ``git`` at least.
    """
    return {
        "run": run_id,
        "mlflow": {"tag": "huberflow.key", "value": f"{identity}/{run_id}"},
        "git": known["git"],
    }


def changes(config: Config) -> dict[str, Any]:
    """What differs from the defaults, by dotted path; not where it runs, or where it is kept.

    On data of the user's own, the defaults are what a look at them found.
    """
    if config.data.paths():
        plain = config.plain()
        defaults = flatten(data_defaults.defaults({"data": plain["data"], "model": plain["model"]}))
    else:
        defaults = flatten(Config().plain())
    return {
        key: value
        for key, value in flatten(config.plain()).items()
        if value != defaults.get(key) and not key.startswith(_SAYS_NOTHING)
    }


def run_name(config: Config, started: datetime) -> str:
    """The config's, else what differs from the defaults, and when it started."""
    return config.tracking.run_name or f"{title(config)} {started:%m-%d %H:%M:%S}"


def title(config: Config) -> str:
    """What differs from the defaults, in short."""
    told = changes(config)
    if config.data.paths():  # the model is called after them
        told = {key: value for key, value in told.items() if not key.startswith(_OF_OWN_DATA)}
    return in_short(told) or "defaults"


def in_short(values: Mapping[str, Any], longest: int = 80) -> str:
    """Settings as a person would call them: ``threshold=2.0 CustomMSE``."""
    parts = (
        str(value) if key.endswith(".name") else f"{key.rpartition('.')[2]}={value}"
        for key, value in values.items()
    )
    text = " ".join(parts)
    return text if len(text) <= longest else f"{text[: longest - 3]}..."
