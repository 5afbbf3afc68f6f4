"""A promise that is broken is found: without this, a table of kept ones would say nothing."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest
from faults import promise
from faults.catalogue import BY_NAME, FAULTS
from faults.record import Record, Tried, table, write_table
from faults.warmed import Ended
from journals import whole_run

from huberflow.pipeline.history.workspace import Workspace

STOPPED, WELL = BY_NAME["disk full"], BY_NAME["clock goes back"]


@pytest.mark.parametrize(
    ("ended", "fault", "broken"),
    [
        (Ended(1, "", "huberflow: the disk is full; free some space\n"), STOPPED, []),
        (Ended(1, "", "huberflow: a note\nhuberflow: the disk is full\n"), STOPPED, []),
        (Ended(0, "", ""), STOPPED, []),
        (Ended(1, "", "huberflow: it went wrong\n"), STOPPED, ["does not say"]),
        (Ended(1, "", ""), STOPPED, ["0 lines", "does not say"]),
        (Ended(1, "", "huberflow: the disk is full\nnoise\n"), STOPPED, ["not huberflow's"]),
        (Ended(1, "Traceback (most", "huberflow: the disk is full"), STOPPED, ["traceback"]),
        (Ended(-6, "", ""), STOPPED, ["exit code -6"]),
        (Ended(1, "", "huberflow: the clock\n"), WELL, ["exit code 1"]),
    ],
)
def test_how_a_run_ended(ended, fault, broken):
    found = list(promise.unclear(ended, fault, {"huberflow: a note"}))
    assert len(found) == len(broken)
    assert all(part in line for part, line in zip(broken, found, strict=True))


@pytest.fixture
def workspace(tmp_path):
    workspace = Workspace(tmp_path)
    whole_run(workspace).ends()
    return workspace


class TestHalfVisible:
    def test_is_nothing_of_a_whole_run(self, workspace):
        assert list(promise.half_visible(workspace)) == []

    def test_is_a_model_without_a_file(self, workspace, bundle):
        served = shutil.copytree(bundle, workspace.serving("taxi") / "1")
        assert list(promise.half_visible(workspace)) == []
        (served / "saved_model.pb").unlink()
        (line,) = promise.half_visible(workspace)
        assert "saved_model.pb: missing" in line

    def test_is_an_artifact_that_is_gone(self, workspace):
        shutil.rmtree(workspace.artifacts / "run-1" / "s")
        (line,) = promise.half_visible(workspace)
        assert "SchemaGen ran, and " in line

    def test_is_a_damaged_journal_and_a_damaged_database(self, workspace):
        with workspace.journal("run-1").open("a") as journal:
            journal.write("{\n")
        workspace.metadata.write_bytes(b"SQLite format 3\0" + bytes(100))
        damaged, broken = promise.half_visible(workspace)
        assert "is damaged" in damaged
        assert broken.startswith("metadata.sqlite: ")


def test_what_is_left_over_is_found_and_numbers_do_not_count(workspace):
    expected = promise.files(workspace.root)
    shutil.copy(workspace.journal("run-1"), workspace.journal("run-22"))
    assert list(promise.left_over(workspace, expected)) == []
    (workspace.journals / ".receipt.tmp").touch()
    assert list(promise.left_over(workspace, expected)) == ["left over: journal/.receipt.tmp"]


def test_a_run_that_mlflow_does_not_have_is_found(workspace):
    workspace.tracking.mkdir()
    with sqlite3.connect(workspace.tracking / "mlflow.db") as database:
        database.execute("CREATE TABLE runs (run_uuid, status)")
    assert list(promise.untracked(workspace)) == ["run-1 (done) is not delivered"]


def tried(fault: str, *broken: str, struck: bool = True) -> Tried:
    return Tried(1, 0, fault, "Trainer", 7, "write x" if struck else "", 1, 2.0, struck, broken)


class TestTable:
    def test_counts_what_was_struck(self, tmp_path):
        record = Record(tmp_path / "1.jsonl")
        record.add([tried("disk full"), tried("disk full", "hangs")])
        record.add([tried("disk full", struck=False)])
        lines = table(record.read()).splitlines()
        (row,) = (line for line in lines if line.startswith("| disk full |"))
        assert row.endswith(" | 2 | 1 |")
        assert lines[-1].endswith(" | **2** | **1** |")

    def test_takes_the_place_of_the_one_before(self, tmp_path):
        page = tmp_path / "page.md"
        page.write_text("# Page\n\n| Fault | Old |\n| --- | --- |\n| x | 1 |\n\nThe rest.\n")
        write_table(page, [tried("disk full")])
        write_table(page, [tried("disk full")])
        assert page.read_text() == f"# Page\n\n{table([tried('disk full')])}\n\nThe rest.\n"

    def test_of_the_guide_has_a_row_for_each_fault(self):
        guide = (Path(__file__).parents[2] / "docs" / "reliability.md").read_text()
        assert all(f"| {fault.name} |" in guide for fault in FAULTS)
