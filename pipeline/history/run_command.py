"""The command of a run, as messages offer it."""

import json
import shlex
from collections.abc import Mapping
from pathlib import Path

from huberflow.custom_objects.json_record import JSON
from huberflow.pipeline.config import Config


def run_command(workspace: Path, changes: Mapping[str, JSON]) -> str:
    """The command of a run with these settings."""
    asked = [f"{key}={json.dumps(changes[key], ensure_ascii=False)}" for key in changes]
    settings = [part for setting in asked for part in ("--set", setting)]
    place = [] if workspace == Config().workspace else ["--workspace", str(workspace)]
    return shlex.join(["huberflow", "run", *place, *settings])
