"""A path as a person would type it."""

from pathlib import Path


def display_path(path: Path) -> str:
    """The path, relative where it lies below the current folder."""
    folder = Path.cwd()
    return str(path.relative_to(folder) if path.is_relative_to(folder) else path)
