"""However an export is killed, what can be seen is whole, and the next one works."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import killed_exports
import pytest
from small_bundles import bundled, trained


@pytest.fixture(scope="module")
def kills(tmp_path_factory):
    """One for each change on disk, from the first folder to the published version."""
    folder = tmp_path_factory.mktemp("killed")
    bundled(trained(), folder)
    script = Path(killed_exports.__file__)
    finished = subprocess.run(
        [sys.executable, str(script), str(folder), str(folder / "exports")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return [json.loads(line) for line in finished.stdout.splitlines()]


def test_kills_came_at_every_stage(kills):
    print(f"{len(kills)} kills")
    assert {kill["code"] for kill in kills} == {-signal.SIGKILL}
    stages = [(kill["seen"]["exported"], kill["seen"]["versions"]) for kill in kills]
    writing, exported, published = (False, ["1"]), (True, ["1"]), (True, ["1", "2"])
    assert sorted(stages) == stages
    assert stages.count(writing) > 40
    assert stages.count(exported) > 20
    assert stages[-1] == published


def test_most_leave_something_that_nobody_takes_for_a_model(kills):
    left_over = [name for kill in kills for name in kill["seen"]["left_over"]]
    assert set(left_over) == {".model.unfinished", ".pushing-2", ".pushing-7"}


def test_whatever_is_seen_is_whole(kills):
    assert [kill["seen"]["broken"] for kill in kills if kill["seen"]["broken"]] == []


def test_the_next_export_works(kills):
    assert {kill["next_code"] for kill in kills} == {0}
    for kill in kills:
        then, at_last = kill["seen"], kill["seen_at_last"]
        assert at_last["exported"]
        assert at_last["broken"] == []
        assert at_last["versions"] == [*then["versions"], str(1 + len(then["versions"]))]


def test_and_clears_away_what_was_left(kills):
    assert [kill for kill in kills if kill["seen_at_last"]["left_over"]] == []
