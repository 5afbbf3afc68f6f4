"""One workspace, a few real runs in it, shared by all end-to-end tests."""

import shutil
import subprocess

import pytest
import readme
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
    return workspace.finished(done)


@pytest.fixture(scope="session")
def again(workspace: Workspace, first: Run) -> Run:
    """The same once more."""
    assert first.code == 0, first.errors
    return workspace.run()


@pytest.fixture(scope="session")
def other_threshold(workspace: Workspace, again: Run) -> Run:
    """Another loss threshold, so a second model, judged against the first."""
    return workspace.run("training.loss.config.threshold=2.0")


@pytest.fixture(scope="session")
def gated(workspace: Workspace, other_threshold: Run) -> Run:
    """The first model again, and a gate that it does not pass."""
    return workspace.run("evaluation.gate=[{metric: huber, upper_bound: 0.5}]")


@pytest.fixture(scope="session")
def own_loss(workspace: Workspace, gated: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A loss added to a copy of the code, as the README says, and trained with."""
    copy = tmp_path_factory.mktemp("code")
    for room in ("components", "custom_objects", "pipeline"):
        shutil.copytree(ROOT / room, copy / room)
    loss, entry = readme.blocks("python")
    with (copy / "custom_objects" / "losses.py").open("a") as file:
        file.write(f"\n\n{loss}")
    catalogue = copy / "custom_objects" / "catalogue.py"
    mark = "OURS: Mapping[str, Entry] = {\n"
    catalogue.write_text(catalogue.read_text().replace(mark, mark + entry))
    return workspace.run("training.loss.name=LogCoshLoss", code_from=copy)
