import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import click
import pytest
from journals import Story
from rich.console import Console

from benchmarks import (
    __main__,
    compare,
    export,
    generated_runs,
    losses,
    processes,
    run_against_stock,
    sweep,
    tracking,
)
from benchmarks.pairs import Pairs, duration, show
from benchmarks.times import Times
from benchmarks.times import show as show_times
from huberflow.custom_objects.losses import HuberLoss
from huberflow.pipeline.history import run_history
from huberflow.pipeline.history.workspace import Workspace


def test_ratio_is_the_median_within_pairs_not_of_the_medians():
    pairs = Pairs("x", 0.75, stock=(1.0, 10.0, 2.0), ours=(0.5, 9.0, 4.0))

    assert pairs.ratios == [0.5, 0.9, 2.0]
    assert pairs.ratio == 0.9
    assert pairs.spread == (0.5, 2.0)


def test_spread_of_many_pairs_leaves_the_disturbed_ones_out():
    pairs = Pairs("x", 1.0, stock=(1.0,) * 9, ours=(0.01, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 99.0))

    assert pairs.spread == (2.0, 6.0)


@pytest.mark.parametrize(("ours", "met"), [(0.74, True), (0.75, True), (0.76, False)])
def test_a_goal_is_met_up_to_itself(ours, met):
    assert Pairs("x", 0.75, stock=(1.0,), ours=(ours,)).met is met


@pytest.mark.parametrize(("stock", "ours"), [((), ()), ((1.0,), (1.0, 2.0))])
def test_unpaired_timings_are_refused(stock, ours):
    with pytest.raises(ValueError, match="expected as many timings of ours as of stock"):
        Pairs("x", 1.0, stock, ours)


def test_durations_read_well():
    assert [duration(0.00931), duration(112.04)] == ["9.31 ms", "112.0 s"]


def test_table_says_met_or_missed(capsys):
    measured = [Pairs("fast", 0.5, (1.0,), (0.4,)), Pairs("slow", 0.5, (1.0,), (0.6,))]

    show("title", measured, Console(width=100))

    fast, slow = [line for line in capsys.readouterr().out.splitlines() if "0.50" in line]
    assert "fast" in fast
    assert "met" in fast
    assert "0.60" in slow
    assert "missed" in slow


def test_losses_are_measured_and_printed_plain_and_by_xla(monkeypatch, capsys):
    monkeypatch.setattr(losses, "SHAPES", [(8, 1)])

    __main__.main(["--only", "losses", "--pairs", "2"], standalone_mode=False)

    plain, xla = [line for line in capsys.readouterr().out.splitlines() if " 8x1 " in line]
    assert "plain" in plain
    assert "1.00" in plain
    assert "XLA" in xla
    assert "0.50" in xla
    assert all("met" in row or "missed" in row for row in (plain, xla))


def test_losses_that_disagree_are_not_compared(monkeypatch):
    monkeypatch.setattr(losses, "SHAPES", [(8, 1)])
    monkeypatch.setattr(losses, "HuberLoss", lambda threshold: HuberLoss(threshold=2 * threshold))

    with pytest.raises(AssertionError, match="Not equal"):
        losses.measure(1)


@pytest.fixture
def commands(monkeypatch):
    """Starts nothing: gathers the commands, each of which takes as long as its place."""
    started = []

    def timed(command, log):
        started.append(command)
        return float(len(started))

    monkeypatch.setattr(processes, "timed", timed)
    monkeypatch.setattr(compare, "timed", timed)
    return started


def settings(command):
    return [value for key, value in pairwise(command) if key == "--set"]


def test_run_measures_in_turn_and_prints_each_pair(commands, capsys):
    measured = run_against_stock.measure(2, Console(width=100))

    python = Path(sys.executable).name
    programs = [Path(command[0]).name for command in commands]
    assert programs == ["huberflow", python, python, "huberflow", python, "huberflow"]
    assert (measured.stock, measured.ours) == ((3.0, 5.0), (4.0, 6.0))
    assert "pair 2: stock 5.0 s, ours 6.0 s, ratio 1.20" in capsys.readouterr().out


def test_tracking_measures_the_same_run_without_and_with(commands, capsys):
    measured = tracking.measure(1, Console(width=100))

    untracked, tracked = commands[2:]
    assert [settings(untracked), settings(tracked)] == [
        ["tracking.enabled=false"],
        ["tracking.enabled=true"],
    ]
    assert measured.ratio == 4 / 3
    assert "pair 1: untracked 3.0 s, tracked 4.0 s" in capsys.readouterr().out


def test_sweep_measures_its_points_as_runs_of_their_own_and_together(commands):
    measured = sweep.measure(1, Console(width=100))

    *runs, together = commands[2:]
    assert [command[1] for command in runs] == ["run"] * 5
    values = [value.partition("=")[2] for command in runs for value in settings(command)]
    assert (together[1], settings(together)) == ("sweep", [f"{sweep.KEY}={','.join(values)}"])
    assert (measured.stock, measured.ours) == ((3.0 + 4 + 5 + 6 + 7,), (8.0,))


def test_every_run_has_a_folder_of_its_own(commands):
    sweep.measure(1, Console(width=100))

    folders = {command[command.index("--workspace") + 1] for command in commands[2:]}
    assert len(folders) == 6
    assert not any(Path(folder).parent.exists() for folder in folders)


def test_export_is_what_the_trainer_and_the_export_took(tmp_path):
    workspace = Workspace(tmp_path)
    log = tmp_path / "run.log"
    log.write_text("... INFO huberflow.components.bundle.bundle: captured 256 rows in 1.25 s\n")
    story = Story(workspace.journals, facts={"log": str(log)})
    story.runs("Trainer").runs("ServingExport", seconds=2.5).ends()

    assert export._export_seconds(workspace) == 3.75


def test_a_run_that_exported_nothing_is_not_measured(tmp_path):
    (tmp_path / "run.log").touch()
    story = Story(Workspace(tmp_path).journals, facts={"log": str(tmp_path / "run.log")})
    story.runs("ServingExport").ends()

    with pytest.raises(click.ClickException, match="run-1 exported nothing"):
        export._export_seconds(Workspace(tmp_path))


def test_compare_names_every_run_that_was_generated(commands, monkeypatch):
    monkeypatch.setattr(compare, "RUNS", 3)

    measured = compare.measure(2)

    assert len({*commands[0][4:]}) == 3
    assert measured.seconds == (2.0, 3.0)


def test_generated_runs_compare_like_real_ones(tmp_path):
    ids = generated_runs.write(tmp_path / "workspace", 2)

    shown = subprocess.run(
        [*processes.huberflow("compare", tmp_path / "workspace"), *ids, "--json"],
        capture_output=True,
        text=True,
        check=True,
    )

    first, second = run_history.runs(Workspace(tmp_path / "workspace"), warn=pytest.fail)
    assert [first.id, second.id] == ids
    assert first.status == "done"
    assert len(first.epochs) == generated_runs.EPOCHS
    assert all(run in shown.stdout for run in ids)
    assert "median_error" in shown.stdout


def test_a_time_is_held_against_its_goal(capsys):
    measured = [Times("quick", 3.0, (2.0, 9.0, 1.0)), Times("slow", 3.0, (4.0,))]

    show_times("title", measured, Console(width=100))

    quick, slow = [line for line in capsys.readouterr().out.splitlines() if " s " in line]
    assert all(text in quick for text in ("3 quick", "2.0 s", "1.0 s", "9.0 s", "3.0 s met"))
    assert "3.0 s missed" in slow


def test_a_failed_run_shows_the_end_of_its_output(tmp_path):
    code = "print('\\n'.join(f'line {n}' for n in range(100))); raise SystemExit(3)"

    with pytest.raises(click.ClickException, match="exit code 3") as failure:
        processes.timed([sys.executable, "-c", code], tmp_path / "log")

    assert "line 99" in failure.value.message
    assert "line 9\n" not in failure.value.message


def test_a_missing_program_is_named(tmp_path):
    with pytest.raises(click.ClickException, match="nowhere cannot be started"):
        processes.timed(["nowhere"], tmp_path / "log")


def test_help_is_quick_and_names_the_options():
    shown = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "benchmarks", "--help"],
        cwd=processes.REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )

    assert "--only" in shown.stdout
    assert "--pairs" in shown.stdout
    assert "tensorflow" not in shown.stderr
