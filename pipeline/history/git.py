"""Which code ran: the state of the git repository that holds a folder."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from huberflow.custom_objects.json_record import JsonRecord
from huberflow.pipeline.system.masking import masked_text

_TIMEOUT = 5.0
"""Seconds."""
_ELSEWHERE = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")
"""Set inside a git hook, where they would name the hook's repository instead of the folder's."""


@dataclass(frozen=True, kw_only=True)
class GitState(JsonRecord):
    """The commit that is checked out, and whether the files differ from it."""

    commit: str
    branch: str | None = None
    """None on a detached head."""
    dirty: bool = False
    """Whether a tracked file differs from the commit; untracked files do not count."""
    remote: str | None = None
    """The address of ``origin``, see ``shareable``."""


def state(folder: Path) -> GitState | None:
    """The state of the repository that holds a folder.

    Returns:
      None where there is no git, no repository, no commit yet, or no answer within 5 seconds.
    """
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    if commit is None or changes is None:
        return None
    remote = _git(folder, "remote", "get-url", "origin")
    return GitState(
        commit=commit,
        branch=_git(folder, "branch", "--show-current") or None,
        dirty=changes != "",
        remote=shareable(remote) if remote else None,
    )


def shareable(remote: str) -> str | None:
    """The address of a remote without user, password and query; None of a path on this machine.

    Example::

        >>> shareable("https://ada:hunter2@example.com/taxi.git?private_token=x")
        'https://example.com/taxi.git'
        >>> shareable("git@example.com:acme/taxi.git")
        'git@example.com:acme/taxi.git'
        >>> shareable("/home/ada/taxi.git")
    """
    return _of_url(remote) if "://" in remote else _of_host_and_path(remote)


def _of_url(remote: str) -> str | None:
    try:
        parts = urlsplit(remote)
        known = parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:  # a port that is no number: part of a password, say
        return None
    if not known or parts.scheme == "file" or "@" in parts.path:
        return None
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{_login(parts.username)}{host}{masked_text(parts.path)}"


def _of_host_and_path(remote: str) -> str | None:
    """As in ``git@host:path``, unless a slash before the colon, or a drive, makes it a path."""
    place, colon, path = remote.partition(":")
    user, _, host = place.rpartition("@")
    if not colon or len(host) < 2 or path.startswith(":") or not {"/", "\\"}.isdisjoint(place):
        return None
    return f"{_login(user)}{host}:{masked_text(path)}"


def _login(user: str | None) -> str:
    """The one user that is nobody's, and that an address over SSH needs."""
    return "git@" if user == "git" else ""


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
    return done.stdout.strip()
