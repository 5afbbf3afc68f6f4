"""One workspace, a few real runs in it, shared by all end-to-end tests."""

import shutil
import subprocess
from pathlib import Path

import pytest
import readme
from taxi_workspace import ROOT, Run, Workspace, wait_for
from users_packages import write_packages


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace in a folder where the user has a `pipeline`, a `components` package and so on."""
    folder = tmp_path_factory.mktemp("taxi")
    write_packages(folder)
    return Workspace(folder / "workspace")


@pytest.fixture(scope="session")
def first(workspace: Workspace) -> Run:
    """The README's first command, on an empty workspace."""
    return _make_run(workspace)


def _make_run(workspace: Workspace) -> Run:
    done = subprocess.run(
        ["make", "run", f"ARGS=--workspace {workspace.root}"],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    return workspace.finished(done)


@pytest.fixture(scope="session")
def unchanged(workspace: Workspace, first: Run) -> Run:
    """The same command once more."""
    assert first.code == 0, first.errors
    return _make_run(workspace)


@pytest.fixture(scope="session")
def again(workspace: Workspace, unchanged: Run) -> Run:
    """The same run from another folder, in another environment."""
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
def sweep(workspace: Workspace, gated: Run) -> Run:
    """Four thresholds, each a run of its own."""
    return workspace.command("sweep", "training.loss.config.threshold=0.5,1.0,2.0,4.0")


@pytest.fixture(scope="session")
def failing(workspace: Workspace, other_threshold: Run) -> Run:
    """A run that needs a column which the data lack."""
    return workspace.run("features.numeric=[no_such_column]")


@pytest.fixture(scope="session")
def killed(workspace: Workspace, other_threshold: Run) -> list[str]:
    """Settings of a run that was killed while it trained."""
    settings = ["training.epochs=3", "seed=7"]
    process = workspace.start(*settings)
    wait_for(process, "epoch 1/3")
    process.kill()
    process.wait()
    return settings


@pytest.fixture(scope="session")
def after_killed(workspace: Workspace, killed: list[str]) -> Run:
    """The same command, typed again."""
    return workspace.run(*killed)


@pytest.fixture(scope="session")
def own_loss(workspace: Workspace, gated: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A loss added to a copy of the code, as the README says, and trained with."""
    copy = tmp_path_factory.mktemp("code")
    # The links become folders.
    package = Path(shutil.copytree(ROOT / "src" / "huberflow", copy / "huberflow"))
    loss, entry = readme.blocks("python")
    with (package / "custom_objects" / "losses.py").open("a") as file:
        file.write(f"\n\n{loss}")
    catalogue = package / "custom_objects" / "catalogue.py"
    mark = "HUBERFLOW: Mapping[str, Entry] = {\n"
    catalogue.write_text(catalogue.read_text().replace(mark, mark + entry))
    return workspace.run("training.loss.name=LogCoshLoss", code_from=copy)
