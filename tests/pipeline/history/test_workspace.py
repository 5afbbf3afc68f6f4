"""One run at a time in a workspace, and a clear word where that cannot be."""

from __future__ import annotations

import shutil
import signal
import stat
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.history.workspace import Workspace

HOLD = """
import sys, time
from pathlib import Path
from huberflow.pipeline.history.workspace import Workspace
with Workspace(Path(sys.argv[1])).locked():
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the workspace ``tmp_path / "w"``."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path / "w"], stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def refusal(workspace: Workspace) -> InputError:
    with pytest.raises(InputError) as caught, workspace.locked():
        pass
    return caught.value


def assert_free(workspace: Workspace) -> None:
    with workspace.locked():
        pass


class TestLock:
    def test_keeps_another_process_out(self, holder, tmp_path):
        error = refusal(Workspace(tmp_path / "w"))
        assert (error.key, error.received) == ("workspace", f"{tmp_path}/w")
        assert "no other run" in error.expected
        assert error.write == "--workspace other"

    def test_leaves_other_workspaces_free(self, holder, tmp_path):
        assert_free(Workspace(tmp_path / "other"))

    @pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
    def test_ends_with_its_process_however_that_ends(self, end, holder, tmp_path):
        holder.send_signal(end)
        holder.wait()
        assert_free(Workspace(tmp_path / "w"))

    def test_keeps_this_process_out_too(self, tmp_path):
        with Workspace(tmp_path).locked():
            assert "no other run" in refusal(Workspace(tmp_path)).expected

    def test_is_free_again_after_a_run_that_failed(self, tmp_path):
        with pytest.raises(ZeroDivisionError), Workspace(tmp_path).locked():
            raise ZeroDivisionError
        assert_free(Workspace(tmp_path))


@pytest.mark.parametrize("folder", ["{tmp}/file", "{tmp}/file/a/b", "/proc/w"])
def test_a_folder_that_cannot_be_made(folder, tmp_path):
    (tmp_path / "file").touch()
    folder = folder.format(tmp=tmp_path)
    error = refusal(Workspace(Path(folder)))
    assert error.key == "workspace"
    assert error.received.startswith(f"{folder} (")
    assert error.write == "--workspace ~/huberflow"


def test_a_new_workspace_is_made_with_its_parents(tmp_path):
    assert_free(Workspace(tmp_path / "a" / "b"))
    assert (tmp_path / "a" / "b").is_dir()


def test_what_may_hold_a_secret_is_for_its_owner_alone(tmp_path):
    """Also where an earlier version wrote it; what is served is for all."""
    w = Workspace(tmp_path)
    earlier = [w.journal("run-1"), w.log("run-1"), w.log("ui")]
    within = w.tracked_files / "1" / "config.yaml"
    for path in (*earlier, within, w.serving("taxi") / "1" / "saved_model.pb"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(0o644)
    assert_free(w)
    for path in (*earlier, w.metadata):
        assert stat.filemode(path.stat().st_mode) == "-rw-------"
    assert stat.filemode(w.tracking.stat().st_mode) == "drwx------"
    assert stat.filemode((w.serving("taxi") / "1" / "saved_model.pb").stat().st_mode)[-3] == "r"


class TestRunId:
    NOW = datetime(2026, 5, 17, 9, 30, 5)

    def test_is_the_time(self, tmp_path):
        assert Workspace(tmp_path).new_id(self.NOW) == "2026-05-17T09-30-05"

    def test_has_a_number_where_that_is_taken(self, tmp_path):
        """By a journal, or by the log of a run that has none yet."""
        w = Workspace(tmp_path)
        for taken in (w.journal("2026-05-17T09-30-05"), w.log("2026-05-17T09-30-05-2")):
            taken.parent.mkdir()
            taken.touch()
        assert w.new_id(self.NOW) == "2026-05-17T09-30-05-3"


def test_the_identity_stays_when_the_folder_moves_and_is_new_after_a_reset(tmp_path):
    before = Workspace(tmp_path / "a").identity
    (tmp_path / "a").rename(tmp_path / "b")
    assert Workspace(tmp_path / "b").identity == before
    shutil.rmtree(tmp_path / "b")
    assert Workspace(tmp_path / "b").identity != before


@pytest.mark.parametrize("name", ["data [1]", "what?", "all*"])
def test_a_path_that_tfx_takes_for_a_pattern_is_refused(tmp_path, name):
    with pytest.raises(InputError) as refused:
        Workspace.at(tmp_path / name)
    assert (refused.value.key, refused.value.received) == ("workspace", str(tmp_path / name))
