"""The lines that install what is missing, for the environment at hand.

The ``.venv`` of a checkout is made by ``make``, and may be made anew. Any other environment is the
user's: a remedy installs into it and deletes nothing.
"""

import sys
from pathlib import Path

from huberflow.installation import glibc

_CHECKOUT = Path(__file__).resolve().parents[3]


def made_by_make() -> bool:
    """Whether this environment is the ``.venv`` that ``make`` made in a checkout."""
    in_checkout = (_CHECKOUT / "scripts" / "setup.sh").exists()
    return in_checkout and Path(sys.prefix).resolve() == _CHECKOUT / ".venv"


def install(*requirements: str) -> str:
    """The line that installs requirements such as ``huberflow[tfx]``."""
    return "make setup" if made_by_make() else _pip_install(requirements)


def restore(*requirements: str) -> str:
    """The line that brings back the versions that huberflow requires."""
    return _ANEW if made_by_make() else _pip_install(requirements)


def reinstall(*requirements: str) -> str:
    """The line that replaces packages whose files are not those of their release."""
    return _ANEW if made_by_make() else _pip_install(requirements, "--force-reinstall", "--no-deps")


_IN_NEWER_WHEELS = frozenset(
    ["ml-metadata", "tensorflow-data-validation"]
    + [f"huberflow[{extra}]" for extra in ("tfx", "kubeflow", "all")]
)
"""What installs a package that is published for a newer glibc only."""

_ANEW = "rm -rf .venv && make setup"


def _pip_install(requirements: tuple[str, ...], *options: str) -> str:
    quoted = [f'"{requirement}"' for requirement in requirements]
    line = ["pip install", *quoted, *options]
    names = {requirement.partition("=")[0] for requirement in requirements}
    if names & _IN_NEWER_WHEELS and glibc.needs_repair(glibc.version()):
        # pip refuses wheels of a newer glibc; uv can be told to take them.
        line = ["uv", *line, glibc.NEWER_WHEELS, "&& huberflow doctor --repair"]
    return " ".join(line)
