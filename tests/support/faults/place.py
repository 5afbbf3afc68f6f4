"""The folder of a lane: a table, the workspace, temporary files; as root, a small disk."""

from __future__ import annotations

import csv
import errno
import os
import shutil
import subprocess
from pathlib import Path

import yaml

from huberflow.pipeline.data import taxi
from huberflow.pipeline.history.workspace import Workspace

COLUMNS = ("fare", "trip_miles", "trip_seconds", "payment_type")
ROWS = 200
DISK = "160m"

CONFIG = {
    "name": "taxi",
    "data": {"path": "trips.csv", "label": "fare"},
    "features": {
        "numeric": ["trip_miles", "trip_seconds"],
        "categorical": ["payment_type"],
        "cyclic": {},
    },
    "model": {"hidden_units": [4], "embedding_dimension": 2},
    "training": {"epochs": 1, "metrics": []},
    "evaluation": {
        "metrics": [{"name": "HuberMetric", "key": "huber"}],
        "slices": [],
        "must_beat_constant": False,
        "gate": [{"metric": "huber", "upper_bound": 1000.0}],
    },
}
"""Small, so that a run takes seconds; every node of the pipeline is there."""


class Place:
    """One lane's folder.

    Args:
      root: a new folder; a disk of its own is mounted there, where this user may.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.workspace = Workspace(root / "workspace")
        self.temporary = root / "tmp"
        if root.exists():
            self.remove()  # an earlier call was killed
        root.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "none", root]
        self.is_disk = subprocess.run(mount, capture_output=True).returncode == 0
        self.temporary.mkdir()
        self._write_table()
        (root / "config.yaml").write_text(yaml.safe_dump(CONFIG))

    def _write_table(self) -> None:
        with (taxi.folder() / "data.csv").open(newline="") as trips:
            rows = [row for row, _ in zip(csv.DictReader(trips), range(ROWS), strict=False)]
        with (self.root / "trips.csv").open("w", newline="") as table:
            writer = csv.DictWriter(table, COLUMNS, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)

    def keep(self, folder: Path) -> None:
        """Copies all to a folder on the other disk, to be looked at."""
        shutil.copytree(self.root, folder, dirs_exist_ok=True)

    def remove(self) -> None:
        if self.root.is_mount():
            subprocess.run(["umount", "--lazy", self.root], check=True)
        shutil.rmtree(self.root)

    def fill(self, left: int) -> None:
        """Leaves this many bytes of free space on the disk, or what others have written of it."""
        with self.ballast.open("wb") as file:
            while True:
                free = os.statvfs(self.root)
                try:
                    size = max(1, free.f_bavail * free.f_bsize - left)
                    return os.posix_fallocate(file.fileno(), 0, size)
                except OSError as error:
                    if error.errno != errno.ENOSPC or not free.f_bavail:
                        raise

    @property
    def ballast(self) -> Path:
        return self.root / "ballast"
