"""Wall time of whole ``huberflow`` commands, from start to exit.

Each command starts in a new folder, without a database or results to reuse. The libraries are read
from disk once before.
"""

import statistics
import sys
from pathlib import Path

from benchmarks import generated_runs
from benchmarks.harness import (
    Side,
    console,
    duration,
    fresh,
    huberflow,
    in_turn,
    show,
    temporary_folder,
    timed,
    verdict,
    warm_up,
)

RUN_GOAL, TRACKING_GOAL, SWEEP_GOAL = 0.75, 1.05, 0.35
COMPARE_GOAL = 3.0
"""Seconds."""
COMPARED_RUNS = 1_000
THRESHOLD, THRESHOLDS = "training.loss.config.threshold", ("0.5", "1", "2", "4", "8")
STOCK_TRAINING = (
    "training.epochs=1",
    "training.steps_per_epoch=200",
    "training.batch_size=256",
)
"""The training of the stock pipeline: 200 steps of batch size 256."""


def run(pairs: int) -> None:
    """``huberflow run`` against the stock TFX pipeline, with the same training on the same CSV."""
    stock = ("stock", lambda: fresh(_stock_command))
    new = ("huberflow", lambda: _fresh_huberflow("run", *STOCK_TRAINING))
    _compare("Whole pipeline, whole process", "run, 200 steps of 256", RUN_GOAL, stock, new, pairs)


def tracking(pairs: int) -> None:
    """``huberflow run`` with MLflow, whose database it creates, against one without."""
    untracked = ("untracked", lambda: _fresh_huberflow("run", "tracking.enabled=false"))
    tracked = ("tracked", lambda: _fresh_huberflow("run", "tracking.enabled=true"))
    _compare("A tracked run, whole process", "run", TRACKING_GOAL, untracked, tracked, pairs)


def sweep(pairs: int) -> None:
    """A sweep against its trials as separate runs."""

    def separately() -> float:
        return sum(_fresh_huberflow("run", f"{THRESHOLD}={value}") for value in THRESHOLDS)

    together = f"{THRESHOLD}={','.join(THRESHOLDS)}"
    swept = ("sweep", lambda: _fresh_huberflow("sweep", together))
    name = f"{len(THRESHOLDS)} trials"
    _compare("A sweep, whole processes", name, SWEEP_GOAL, ("separate", separately), swept, pairs)


def _compare(
    title: str, name: str, goal: float, baseline: Side, candidate: Side, pairs: int
) -> None:
    warm_up()
    measured = in_turn(name, goal, baseline, candidate, pairs)
    show(title, [measured], (baseline[0], candidate[0]))


def compare(times: int) -> None:
    """``huberflow compare`` of all runs in a large workspace."""
    with temporary_folder() as folder:
        workspace, log = folder / "workspace", folder / "log"
        runs = generated_runs.write(workspace, COMPARED_RUNS)
        command = [*huberflow("compare", workspace), *runs]
        timed(command, log)  # reads the program from disk
        seconds = [timed(command, log) for _ in range(times)]
    median = statistics.median(seconds)
    console.print(
        f"`huberflow compare` of {COMPARED_RUNS:,} runs, {times} times: median {duration(median)}, "
        f"{duration(min(seconds))} to {duration(max(seconds))}, goal {duration(COMPARE_GOAL)} "
        f"{verdict(median <= COMPARE_GOAL)}"
    )


def _fresh_huberflow(verb: str, *settings: str) -> float:
    return fresh(lambda folder: huberflow(verb, folder, *settings))


def _stock_command(folder: Path) -> list[str]:
    return [sys.executable, "-m", "benchmarks.stock_pipeline", str(folder)]
