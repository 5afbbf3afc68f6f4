"""One workspace, a few real runs in it, shared by all end-to-end tests."""

import subprocess

import pytest
from taxi_workspace import ROOT, Run, Workspace


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return Workspace(tmp_path_factory.mktemp("taxi") / "workspace")


@pytest.fixture(scope="session")
def first(workspace: Workspace) -> Run:
    """The README's first command, on an empty workspace."""
    done = subprocess.run(
        ["make", "run", f"ARGS=--workspace {workspace.root}"],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    return Run(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def again(workspace: Workspace, first: Run) -> Run:
    """The same once more."""
    assert first.code == 0, first.errors
    return workspace.run()


@pytest.fixture(scope="session")
def other_threshold(workspace: Workspace, again: Run) -> Run:
    """Another loss threshold, so a second model, judged against the first."""
    return workspace.run("training.loss.config.threshold=2.0")
