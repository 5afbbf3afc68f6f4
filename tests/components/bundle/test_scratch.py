"""Temporary folders beside a folder that is being written."""

import subprocess
import sys

from huberflow.components.bundle.scratch import scratch_folder

KILLED = """
import os, sys
from pathlib import Path
from huberflow.components.bundle.scratch import scratch_folder

with scratch_folder(Path(sys.argv[1])) as folder:
    (folder / "half").write_text("half")
    os._exit(1)
"""


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_what_a_killed_process_left_is_removed_by_the_next_one(tmp_path):
    out = tmp_path / "new" / "bundle"
    subprocess.run([sys.executable, "-c", KILLED, out], check=False)
    assert len(names(out.parent)) == 1
    with scratch_folder(out) as folder:
        assert names(out.parent) == [folder.name]
    assert names(out.parent) == []


def test_what_a_process_at_work_writes_stays(tmp_path):
    out = tmp_path / "bundle"
    with scratch_folder(out) as first, scratch_folder(out) as second:
        assert names(tmp_path) == sorted([first.name, second.name])


def test_folders_of_other_names_stay(tmp_path):
    others = [".bundle.abc", ".bundle", "bundle.old", "..bundle.1"]
    for name in others:
        (tmp_path / name).mkdir()
    with scratch_folder(tmp_path / "bundle"):
        pass
    assert names(tmp_path) == sorted(others)
