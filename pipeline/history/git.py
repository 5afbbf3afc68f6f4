"""Which code ran: the state of the git repository that holds a folder."""

import os
import subprocess
from pathlib import Path
from typing import Any

from huberflow.pipeline.system.masking import masked_text

_TIMEOUT = 5.0
"""Seconds."""
_ELSEWHERE = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")
"""Set inside a git hook, where they would name the hook's repository instead of the folder's."""


def state(folder: Path) -> dict[str, Any] | None:
    """``commit``, ``branch``, ``dirty`` and ``remote`` of the repository that holds a folder.

    ``dirty`` is whether a tracked file differs from the commit; untracked files do not count.
    ``branch`` is None on a detached head. ``remote`` is the URL of ``origin`` without its
    credentials, or None.

    Returns:
      None where there is no git, no repository, no commit yet, or no answer within 5 seconds.
    """
    found = _git(folder, "status", "--porcelain=v2", "--branch", "--untracked-files=no")
    if found is None:
        return None
    headers, changes = _parsed(found)
    if headers["oid"] == "(initial)":
        return None
    remote = _git(folder, "remote", "get-url", "origin")
    return {
        "commit": headers["oid"],
        "branch": None if headers["head"] == "(detached)" else headers["head"],
        "dirty": changes > 0,
        "remote": masked_text(remote.strip()) if remote else None,
    }


def _parsed(status: str) -> tuple[dict[str, str], int]:
    """Values of the lines ``# branch.<name> <value>``, and how many other lines there are."""
    headers, changes = {}, 0
    for line in status.splitlines():
        if line.startswith("# branch."):
            name, _, value = line.removeprefix("# branch.").partition(" ")
            headers[name] = value
        else:
            changes += 1
    return headers, changes


def _git(folder: Path, *arguments: str) -> str | None:
    """What git prints; None where it cannot."""
    inherited = {name: value for name, value in os.environ.items() if name not in _ELSEWHERE}
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],  # noqa: S607 (the user's git)
            env={**inherited, "GIT_OPTIONAL_LOCKS": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout
