import shutil
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import click
import pytest
from journals import Story

from benchmarks import __main__, export, generated_runs, harness, losses, verifying, whole_runs
from benchmarks.harness import Pairs, duration, show
from huberflow.custom_objects.losses import HuberLoss
from huberflow.pipeline.history import run_history
from huberflow.pipeline.history.workspace import Workspace


def test_ratio_is_the_median_within_pairs_and_spread_leaves_the_disturbed_ones_out():
    few = Pairs("x", 0.75, [(1.0, 0.5), (10.0, 9.0), (2.0, 4.0)])
    many = Pairs("x", 1.0, [(1.0, time) for time in (0.01, *range(1, 8), 99.0)])

    assert few.ratios == [0.5, 0.9, 2.0]
    assert (few.ratio, few.spread, many.spread) == (0.9, (0.5, 2.0), (2.0, 6.0))


def test_durations_read_well():
    assert [duration(0.00931), duration(112.04)] == ["9.31 ms", "112.0 s"]


@pytest.mark.parametrize(("candidate", "met"), [(0.74, True), (0.75, True), (0.76, False)])
def test_table_says_whether_the_goal_is_met(candidate, met, capsys):
    show("title", [Pairs("fast", 0.75, [(1.0, candidate)])])

    (row,) = [line for line in capsys.readouterr().out.splitlines() if "1 fast" in line]
    assert f" {candidate} " in row
    assert ("0.75 met" if met else "0.75 missed") in row


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
        losses.run(1)


@pytest.fixture
def commands(monkeypatch):
    """The commands, none of which is started; each takes as many seconds as its place."""
    started = []

    def timed(command, log):
        started.append(command)
        return float(len(started))

    monkeypatch.setattr(harness, "timed", timed)
    monkeypatch.setattr(whole_runs, "timed", timed)
    return started


def settings(command):
    return [value for key, value in pairwise(command) if key == "--set"]


def test_run_measures_in_turn_and_prints_each_pair(commands, capsys):
    whole_runs.run(2)

    python = Path(sys.executable).name
    programs = [Path(command[0]).name for command in commands]
    assert programs == ["huberflow", python, python, "huberflow", python, "huberflow"]
    assert "pair 2: stock 5.0 s, huberflow 6.0 s, ratio 1.20" in capsys.readouterr().out


def test_tracking_measures_the_same_run_without_and_with(commands, capsys):
    whole_runs.tracking(1)

    untracked, tracked = commands[2:]
    assert [settings(untracked), settings(tracked)] == [
        ["tracking.enabled=false"],
        ["tracking.enabled=true"],
    ]
    assert "pair 1: untracked 3.0 s, tracked 4.0 s, ratio 1.33" in capsys.readouterr().out


def test_sweep_measures_its_trials_as_runs_and_together(commands, capsys):
    whole_runs.sweep(1)

    *runs, together = commands[2:]
    assert [command[1] for command in runs] == ["run"] * 5
    values = [value.partition("=")[2] for command in runs for value in settings(command)]
    assert together[1] == "sweep"
    assert settings(together) == [f"{whole_runs.THRESHOLD}={','.join(values)}"]
    folders = {command[command.index("--workspace") + 1] for command in commands[2:]}
    assert len(folders) == 6
    assert not any(Path(folder).parent.exists() for folder in folders)
    assert "separate 25.0 s, sweep 8.0 s" in capsys.readouterr().out  # 3 + 4 + 5 + 6 + 7


@pytest.mark.parametrize(("goal", "verdict"), [(3.0, "met"), (2.0, "missed")])
def test_compare_names_every_run_that_was_generated(commands, monkeypatch, capsys, goal, verdict):
    monkeypatch.setattr(whole_runs, "COMPARED_RUNS", 3)
    monkeypatch.setattr(whole_runs, "COMPARE_GOAL", goal)

    whole_runs.compare(2)

    assert len({*commands[0][4:]}) == 3
    assert f"median 2.5 s, 2.0 s to 3.0 s, goal {goal} s {verdict}" in capsys.readouterr().out


def test_export_is_what_the_trainer_and_the_export_took(tmp_path):
    log = tmp_path / "run.log"
    story = Story(Workspace(tmp_path).journals, facts={"log": str(log)})
    story.runs("Trainer").runs("ServingExport", seconds=2.5).ends()

    log.write_text("... INFO huberflow.components.bundle.bundle: captured 256 rows in 1.25 s\n")
    assert export.export_seconds(tmp_path) == 3.75

    log.write_text("")
    with pytest.raises(click.ClickException, match="run-1 exported nothing"):
        export.export_seconds(tmp_path)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl")
def test_the_files_of_a_bundle_are_compared_in_turn_with_openssl(monkeypatch, capsys):
    monkeypatch.setattr(verifying, "BYTES", 10**6)
    monkeypatch.setattr(verifying, "NODES", (1000,))

    verifying.run(1)

    shown = capsys.readouterr().out
    assert "1 0.0 GB in 8 files" in shown
    assert "GB/s at best" in shown
    assert "1 1,000 nodes" in shown


def test_a_command_that_fails_is_not_measured():
    with pytest.raises(click.ClickException, match="exit code 1"):
        verifying.used(["false"])


def test_generated_runs_compare_like_real_ones(tmp_path):
    ids = generated_runs.write(tmp_path / "workspace", 2)

    shown = subprocess.run(
        [*harness.huberflow("compare", tmp_path / "workspace"), *ids, "--json"],
        capture_output=True,
        text=True,
        check=True,
    )

    first, second = run_history.all_runs(Workspace(tmp_path / "workspace"), warn=pytest.fail)
    assert [first.id, second.id] == ids
    assert first.status == "done"
    assert len(first.epochs) == generated_runs.EPOCHS
    assert all(run in shown.stdout for run in ids)
    assert "median_error" in shown.stdout


def test_a_command_that_fails_is_quoted(tmp_path):
    code = "print('\\n'.join(f'line {n}' for n in range(100))); raise SystemExit(3)"

    with pytest.raises(click.ClickException, match="exit code 3") as failure:
        harness.timed([sys.executable, "-c", code], tmp_path / "log")
    with pytest.raises(click.ClickException, match="nowhere cannot be started"):
        harness.timed(["nowhere"], tmp_path / "log")

    assert "line 99" in failure.value.message
    assert "line 9\n" not in failure.value.message


def test_help_is_quick_and_names_the_options():
    shown = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "benchmarks", "--help"],
        cwd=harness.REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )

    assert "--only" in shown.stdout
    assert "--pairs" in shown.stdout
    assert "tensorflow" not in shown.stderr


ENDLESS = """
import time
from benchmarks import __main__

def run(pairs):
    print("began", flush=True)
    time.sleep(60)

__main__.BENCHMARKS["losses"] = ("__main__", "run", 1)
__main__.main(["--only", "losses"])
"""


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_benchmark_that_is_ended_says_so(ending):
    command = [sys.executable, "-c", ENDLESS]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=harness.REPOSITORY, text=True, **pipes) as process:
        assert process.stdout.readline() == "began\n"
        process.send_signal(ending)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert errors.startswith("Error: losses: ended by ")
    assert errors.endswith(", before its table\n")
