"""The command as a user types it."""

import os
import subprocess
from pathlib import Path

from taxi_workspace import HUBERFLOW


def huberflow(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """What it printed, and its exit code."""
    return subprocess.run(
        [HUBERFLOW, *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, **environment},
    )
