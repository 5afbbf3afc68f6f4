"""A user without an entry in /etc/passwd, as on OpenShift or with `docker run --user 1234`."""

from __future__ import annotations

import shutil
import subprocess
import sys
import textwrap

import pytest

AS_1234 = ["unshare", "--user", "--map-user=1234", "--map-group=1234"]
NO_ENTRY = "import pwd, os; pwd.getpwuid(os.getuid())"


@pytest.fixture(scope="module")
def outcome():
    """Runs code as user 1234, with these variables and none of the user's own."""
    if shutil.which("unshare") is None:
        pytest.skip("no program unshare, of util-linux, which runs a process as another user")
    probe = subprocess.run([*AS_1234, sys.executable, "-c", NO_ENTRY], capture_output=True)
    if b"KeyError" not in probe.stderr:
        pytest.skip(f"this system has a user 1234, or no namespaces for users: {probe.stderr!r}")

    def outcome(code: str, **variables: str) -> subprocess.CompletedProcess[str]:
        named = {"PATH": "/usr/bin:/bin", "TF_CPP_MIN_LOG_LEVEL": "2", **variables}
        command = [*AS_1234, sys.executable, "-c", textwrap.dedent(code)]
        return subprocess.run(command, capture_output=True, text=True, env=named, cwd="/")

    return outcome


ENVIRONMENTS = [{}, {"HOME": "/"}, {"HOME": "/proc"}, {"HOME": "/", "USER": "ada"}]


@pytest.mark.parametrize("variables", ENVIRONMENTS, ids=str)
def test_every_command_starts(outcome, variables):
    done = outcome(
        """
        import sys
        from huberflow.__main__ import main
        sys.argv[1:] = ["compare", "--workspace", "~/none"]
        main()
        """,
        **variables,
    )
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("huberflow: ")


def test_a_workspace_of_another_user_is_refused_in_words(outcome, tmp_path):
    """Such as a restored backup: journals and metadata are for their owner alone."""
    private = [tmp_path / "journal" / "run-1.jsonl", tmp_path / "metadata.sqlite"]
    (tmp_path / "journal").mkdir()
    for path in private:
        path.write_text("x\n")
        path.chmod(0)
    done = outcome(
        f"""
        from pathlib import Path
        from huberflow.pipeline.history import run_history
        from huberflow.pipeline.history.workspace import InputError, Workspace
        workspace = Workspace(Path({str(tmp_path)!r}))
        assert run_history.all_runs(workspace, print) == []
        try:
            with workspace.locked():
                pass
        except InputError as error:
            print(error)
        """
    )
    assert done.returncode == 0, done.stderr
    journal, metadata = done.stdout.splitlines()
    assert journal.startswith(f"{private[0]}: expected a journal that you may read")
    assert journal.endswith(f"write: sudo chown -R 1234 {tmp_path}")
    assert metadata.startswith("workspace: expected a folder that can be written")
    assert f"{private[1]} (Permission denied)" in metadata


@pytest.mark.parametrize("variables", [{}, {"HOME": "/"}], ids=str)
def test_a_run_is_remembered_by_the_number(outcome, variables):
    """Also outside of a command: MlflowDagRunner runs in the user's own script."""
    done = outcome(
        """
        from pathlib import Path
        from huberflow.pipeline.history import run_metadata
        print(run_metadata.gather({}, Path("/w/logs/run-1.log")).user)
        """,
        **variables,
    )
    assert done.stdout == "1234\n", done.stderr


def test_what_a_run_needs_can_be_imported_without_a_home(outcome):
    done = outcome(
        """
        from huberflow.installation.unknown_user import name_unknown_user
        name_unknown_user()
        from huberflow.pipeline.execution.run import load_libraries
        load_libraries()
        from mlflow.tracking.context.default_context import DefaultRunContext
        print(DefaultRunContext().tags()["mlflow.user"])
        """
    )
    assert done.stdout.endswith("1234\n"), done.stderr[-2000:]


def test_a_known_user_keeps_name_and_home():
    code = """
        import os
        from huberflow.installation.unknown_user import name_unknown_user
        before = dict(os.environ)
        name_unknown_user()
        assert dict(os.environ) == before
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)
