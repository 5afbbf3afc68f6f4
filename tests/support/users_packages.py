"""Packages in a user's folder that have the names of huberflow's three folders."""

from pathlib import Path

NAMES = ("pipeline", "components", "custom_objects")


def write_packages(folder: Path) -> None:
    """Adds the three packages; whoever imports one of them gets an ``ImportError``."""
    for name in NAMES:
        (folder / name).mkdir()
        text = f'raise ImportError("this is the user\'s own {name}")\n'
        (folder / name / "__init__.py").write_text(text)
