"""One run at a time in a workspace, and a clear word where that cannot be."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.workspace import Workspace, WorkspaceError

HOLD = """
import sys, time
from pathlib import Path
from pipeline.workspace import Workspace
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


def refusal(workspace: Workspace) -> str:
    with pytest.raises(WorkspaceError) as caught, workspace.locked():
        pass
    return str(caught.value)


def assert_free(workspace: Workspace) -> None:
    with workspace.locked():
        pass


class TestLock:
    def test_keeps_another_process_out(self, holder, tmp_path):
        assert refusal(Workspace(tmp_path / "w")) == (
            f"another run is using the workspace {tmp_path}/w; wait for it, or choose another: "
            "--workspace other"
        )

    def test_leaves_other_workspaces_free(self, holder, tmp_path):
        assert_free(Workspace(tmp_path / "other"))

    @pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
    def test_ends_with_its_process_however_that_ends(self, end, holder, tmp_path):
        holder.send_signal(end)
        holder.wait()
        assert_free(Workspace(tmp_path / "w"))

    def test_keeps_this_process_out_too(self, tmp_path):
        with Workspace(tmp_path).locked():
            assert "another run" in refusal(Workspace(tmp_path))

    def test_is_free_again_after_a_run_that_failed(self, tmp_path):
        with pytest.raises(ZeroDivisionError), Workspace(tmp_path).locked():
            raise ZeroDivisionError
        assert_free(Workspace(tmp_path))


class TestUnusablePlace:
    @pytest.mark.parametrize("below", ["file", "file/w", "file/a/b"])
    def test_a_file_in_the_way(self, below, tmp_path):
        (tmp_path / "file").touch()
        message = refusal(Workspace(tmp_path / below))
        assert message.startswith(
            f"workspace: expected a folder that can be written, received {tmp_path}/{below} ("
        )
        assert message.endswith("); write: --workspace ~/huberflow")

    @pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")
    def test_a_place_that_nobody_can_write(self):
        assert "expected a folder that can be written, received /proc/w" in refusal(
            Workspace(Path("/proc/w"))
        )


class TestPlaces:
    def test_a_new_workspace_is_made_with_its_parents(self, tmp_path):
        assert_free(Workspace(tmp_path / "a" / "b"))
        assert (tmp_path / "a" / "b").is_dir()

    def test_everything_lies_inside(self, tmp_path):
        w = Workspace(tmp_path)
        for place in (w.metadata, w.artifacts, w.serving("taxi"), w.log("run-1")):
            assert tmp_path in place.parents

    def test_models_and_runs_lie_apart(self, tmp_path):
        w = Workspace(tmp_path)
        assert w.serving("taxi") != w.serving("bikes")
        assert w.log("run-1") != w.log("run-2")
