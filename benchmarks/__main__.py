"""``python -m benchmarks``: every benchmark, a table for each."""

import sys

import click
from rich.console import Console

COUNTS = {
    "losses": 500,
    "run": 3,
    "tracking": 3,
    "sweep": 1,
    "compare": 5,
    "export": 3,
    "serving": 10,
    "container": 5,
    "scale": 1,
    "costs": 1,
    "flink": 1,
}
DEFAULT = ", ".join(f"{count} for {name}" for name, count in COUNTS.items())


@click.command()
@click.option("--only", type=click.Choice(list(COUNTS)), help="One benchmark; all where left out.")
@click.option(
    "--pairs",
    type=click.IntRange(min=1),
    help=f"Pairs to measure; times, for compare, scale and costs.  [default: {DEFAULT}]",
)
def main(only: str | None, pairs: int | None) -> None:
    r"""Measure us against what people use today, in interleaved pairs, and against ourselves.

    \b
    losses    loss and gradient of HuberLoss against tf_keras's Huber; a minute
    run       `huberflow run` against a stock TFX pipeline; minutes per pair
    tracking  `huberflow run` with MLflow against one without; a minute per pair
    sweep     five trials in one sweep against five runs; minutes per pair
    compare   `huberflow compare` of 1,000 runs, in seconds
    export    a faithful export's share of its run, and a faithful reload against a plain one; a
              minute per run
    serving   `huberflow serve` against MLflow's stock flavor; two minutes, then seconds per pair
    container `huberflow serve` in a container against outside; needs Docker; a minute per pair
    scale     `huberflow run` on 15,002 rows, and on 50 and 100 times as many; ten minutes
    costs     what each of its stages takes per row, and one process against several; ten minutes
    flink     Beam's nodes of `huberflow run` on Flink against here; needs Java and Maven; six
              minutes per pair
    """
    # The tables are wider than the 80 columns that are taken for granted where none can be seen.
    console = Console(width=None if sys.stdout.isatty() else 110)
    for name in [only] if only else COUNTS:
        BENCHMARKS[name](pairs or COUNTS[name], console)


# Imported when they run: `--help` need not wait for TensorFlow.
def _losses(pairs: int, console: Console) -> None:
    from benchmarks import losses
    from benchmarks.pairs import show

    show("Loss and gradient, 10⁶ float32 values", losses.measure(pairs), console)


def _run(pairs: int, console: Console) -> None:
    from benchmarks import run_against_stock
    from benchmarks.pairs import show

    show("Whole pipeline, whole process", [run_against_stock.measure(pairs, console)], console)


def _tracking(pairs: int, console: Console) -> None:
    from benchmarks import tracking
    from benchmarks.pairs import show

    measured = tracking.measure(pairs, console)
    show("A tracked run, whole process", [measured], console, ("untracked", "tracked"))


def _sweep(pairs: int, console: Console) -> None:
    from benchmarks import sweep
    from benchmarks.pairs import show

    measured = sweep.measure(pairs, console)
    show("A sweep, whole processes", [measured], console, ("separate", "sweep"))


def _compare(times: int, console: Console) -> None:
    from benchmarks import compare
    from benchmarks.times import show

    show("`huberflow compare`, whole process", [compare.measure(times)], console)


def _export(runs: int, console: Console) -> None:
    from benchmarks import export
    from benchmarks.pairs import show

    exported, reloaded = export.measure(runs, console)
    show("Export within its run", [exported], console, ("whole run", "export"))
    show("Reload", [reloaded], console, ("load_model", "reload.load"))


def _serving(pairs: int, console: Console) -> None:
    from benchmarks import serving
    from benchmarks.pairs import show

    show("Predictions over HTTP", serving.measure(pairs, console), console)


def _container(pairs: int, console: Console) -> None:
    from benchmarks import container
    from benchmarks.pairs import show

    measured = container.measure(pairs, console)
    show("A server's start", [measured], console, ("outside", "container"))


def _scale(times: int, console: Console) -> None:
    from benchmarks import scale

    scale.show(scale.measure(times, console), console)


def _costs(times: int, console: Console) -> None:
    from benchmarks import costs

    costs.show(costs.measure(times, console), console)


def _flink(pairs: int, console: Console) -> None:
    from benchmarks.flink import against_local
    from benchmarks.pairs import show

    measured = against_local.measure(pairs, console)
    show("Rows on Flink, two workers on each side", measured, console, ("local", "flink"))


BENCHMARKS = {
    "losses": _losses,
    "run": _run,
    "tracking": _tracking,
    "sweep": _sweep,
    "compare": _compare,
    "export": _export,
    "serving": _serving,
    "container": _container,
    "scale": _scale,
    "costs": _costs,
    "flink": _flink,
}


if __name__ == "__main__":
    main()
