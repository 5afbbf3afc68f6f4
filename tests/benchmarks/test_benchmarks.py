import subprocess
import sys
from pathlib import Path

import click
import pytest
from rich.console import Console

from benchmarks import __main__, losses, run_against_stock
from benchmarks.pairs import Pairs, duration, show
from custom_objects.losses import HuberLoss


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


def test_run_measures_in_turn_and_prints_each_pair(monkeypatch, capsys):
    commands, seconds = [], iter([0.0, 0.0, 100.0, 60.0, 200.0, 140.0])

    def timed(command, log):
        commands.append(Path(command[0]).name)
        return next(seconds)

    monkeypatch.setattr(run_against_stock, "timed", timed)

    measured = run_against_stock.measure(2, Console(width=100))

    python = Path(sys.executable).name
    assert commands == ["huberflow", python, python, "huberflow", python, "huberflow"]
    assert (measured.stock, measured.ours) == ((100.0, 200.0), (60.0, 140.0))
    assert "pair 2: stock 200.0 s, ours 140.0 s, ratio 0.70" in capsys.readouterr().out


def test_a_failed_run_shows_the_end_of_its_output(tmp_path):
    code = "print('\\n'.join(f'line {n}' for n in range(100))); raise SystemExit(3)"

    with pytest.raises(click.ClickException, match="exit code 3") as failure:
        run_against_stock.timed([sys.executable, "-c", code], tmp_path / "log")

    assert "line 99" in failure.value.message
    assert "line 9\n" not in failure.value.message


def test_a_missing_program_is_named(tmp_path):
    with pytest.raises(click.ClickException, match="nowhere cannot be started"):
        run_against_stock.timed(["nowhere"], tmp_path / "log")


def test_help_is_quick_and_names_the_options():
    shown = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "benchmarks", "--help"],
        cwd=run_against_stock.REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )

    assert "--only" in shown.stdout
    assert "--pairs" in shown.stdout
    assert "tensorflow" not in shown.stderr
