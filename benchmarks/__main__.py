"""``python -m benchmarks``: every benchmark, a table for each."""

import click
from rich.console import Console

PAIRS = {"losses": 500, "run": 3}
DEFAULT = ", ".join(f"{pairs} for {name}" for name, pairs in PAIRS.items())


@click.command()
@click.option("--only", type=click.Choice(list(PAIRS)), help="One benchmark; both where left out.")
@click.option(
    "--pairs", type=click.IntRange(min=1), help=f"Pairs to measure.  [default: {DEFAULT}]"
)
def main(only: str | None, pairs: int | None) -> None:
    r"""Measure us against what people use today, in interleaved pairs.

    \b
    losses  loss and gradient of HuberLoss against tf_keras's Huber; a minute
    run     `huberflow run` against a stock TFX pipeline; minutes per pair
    """
    console = Console()
    for name in [only] if only else PAIRS:
        BENCHMARKS[name](pairs or PAIRS[name], console)


# Imported when they run: `--help` need not wait for TensorFlow.
def _losses(pairs: int, console: Console) -> None:
    from benchmarks import losses
    from benchmarks.pairs import show

    show("Loss and gradient, 10⁶ float32 values", losses.measure(pairs), console)


def _run(pairs: int, console: Console) -> None:
    from benchmarks import run_against_stock
    from benchmarks.pairs import show

    show("Whole pipeline, whole process", [run_against_stock.measure(pairs, console)], console)


BENCHMARKS = {"losses": _losses, "run": _run}


if __name__ == "__main__":
    main()
