"""A bundle as an earlier version of huberflow wrote it: a dense layer with ``HuberLoss``."""

import tarfile
from pathlib import Path

SCHEMA_VERSION = 3
"""Of its certificate; the commit before 168c7c2 made it, by ``save_bundle``."""


def extracted(folder: Path) -> Path:
    """The bundle, below a folder."""
    name = f"schema_{SCHEMA_VERSION}"
    with tarfile.open(Path(__file__).parent / "bundles" / f"{name}.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return folder / name
