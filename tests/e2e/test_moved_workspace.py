"""A workspace that lies elsewhere now, such as a restored backup or a copy to try things in."""

import hashlib
import shutil
from pathlib import Path

import pytest
from taxi_workspace import NODES, Run, Workspace


@pytest.fixture(scope="module")
def original(workspace: Workspace, other_threshold: Run) -> Workspace:
    assert other_threshold.code == 0, other_threshold.errors
    return workspace


@pytest.fixture(scope="module")
def copy(original: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """All of it, in another folder of another name."""
    folder = tmp_path_factory.mktemp("elsewhere") / "restored"
    return Workspace(Path(shutil.copytree(original.root, folder, symlinks=True)))


@pytest.fixture(scope="module")
def before(original: Workspace) -> dict[str, str]:
    return digests(original.root)


def digests(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file()
    }


def test_goes_on_from_its_cache(before: dict, copy: Workspace, other_threshold: Run) -> None:
    again = copy.run("training.loss.config.threshold=2.0")
    assert again.code == 0, again.errors
    assert list(again.states) == NODES
    assert set(again.states.values()) == {"cached", "resolved"}
    assert again.metric("huber") == other_threshold.metric("huber")
    assert again.pushed.parts[0] == copy.root.name  # told from where the user stands


def test_its_model_is_verified_and_its_runs_are_compared(before: dict, copy: Workspace) -> None:
    for verb in ("verify", "compare"):
        done = copy.command(verb)
        assert done.code == 0, done.errors


def test_what_changes_runs_from_there_on(before: dict, copy: Workspace) -> None:
    changed = copy.run("evaluation.gate=[{metric: huber, upper_bound: 0.4}]")
    assert changed.code == 3, changed.errors
    assert changed.states["Trainer"] == "cached"
    assert changed.states["Evaluator"] == "ran"


def test_tracks_its_runs_again(before: dict, copy: Workspace) -> None:
    shutil.rmtree(copy.root / "mlflow")
    done = copy.command("track")
    assert done.code == 0, done.errors


def test_the_original_is_as_it_was(before: dict, original: Workspace, copy: Workspace) -> None:
    assert digests(original.root) == before


def test_goes_on_where_it_is_moved_to(before: dict, copy: Workspace) -> None:
    moved = Workspace(copy.root.rename(copy.root.with_name("moved")))
    again = moved.run("training.loss.config.threshold=2.0")
    assert again.code == 0, again.errors
    assert set(again.states.values()) == {"cached", "resolved"}
    assert not copy.root.exists()
