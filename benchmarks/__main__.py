"""``python -m benchmarks``: runs the benchmarks, and prints a table for each."""

import importlib

import click

from huberflow.pipeline.system.interruption import termination_as_interrupt

BENCHMARKS = {
    "losses": ("benchmarks.losses", "run", 500),
    "run": ("benchmarks.whole_runs", "run", 3),
    "tracking": ("benchmarks.whole_runs", "tracking", 3),
    "sweep": ("benchmarks.whole_runs", "sweep", 1),
    "compare": ("benchmarks.whole_runs", "compare", 5),
    "export": ("benchmarks.export", "run", 3),
    "verifying": ("benchmarks.verifying", "run", 5),
    "serving": ("benchmarks.serving", "run", 10),
    "load": ("benchmarks.load", "run", 3),
    "container": ("benchmarks.container", "run", 5),
    "quality": ("benchmarks.quality.compare", "run", 5),
    "scale": ("benchmarks.scale", "run", 1),
    "costs": ("benchmarks.costs", "run", 1),
    "flink": ("benchmarks.flink.against_local", "run", 1),
}
"""For each benchmark: its module, which ``--help`` does not import; its function; its pairs."""

DEFAULT = ", ".join(f"{count} for {name}" for name, (*_, count) in BENCHMARKS.items())


@click.command()
@click.option("--only", type=click.Choice(list(BENCHMARKS)), help="One benchmark instead of all.")
@click.option(
    "--pairs",
    type=click.IntRange(min=1),
    help=f"Pairs to measure; repetitions of compare, load, scale and costs.  [default: {DEFAULT}]",
)
def main(only: str | None, pairs: int | None) -> None:
    """Compare huberflow with other implementations, in interleaved pairs, and with itself.

    \b
    losses    loss and gradient of HuberLoss against tf_keras's Huber; a minute
    run       `huberflow run` against a stock TFX pipeline; minutes per pair
    tracking  `huberflow run` with MLflow against one without; a minute per pair
    sweep     five trials in one sweep against five runs; minutes per pair
    compare   `huberflow compare` of 1,000 runs, in seconds
    export    the export's share of its run, and `reload.load` against a plain load_model; a
              minute per run
    verifying the files of a bundle of 2 GB against openssl, and its graph; two minutes
    serving   `huberflow serve` against MLflow's stock flavor; two minutes, then seconds per pair
    load      the same with 64 clients at once, and the signature in process; a minute each
    container `huberflow serve` in a container against outside; needs Docker; a minute per pair
    quality   the errors of a model with the defaults against trees, on real tables, in as many
              splits as pairs; half an hour
    scale     `huberflow run` on 15,002 rows, and on 50 and 100 times as many; ten minutes
    costs     the cost of each node per row, and one process against several; ten minutes
    flink     Beam's nodes of `huberflow run` on Flink against this machine; needs Java and Maven;
              six minutes per pair
    """  # noqa: D301 (click reads the \b)
    for name in [only] if only else BENCHMARKS:
        module, function, default = BENCHMARKS[name]
        try:
            with termination_as_interrupt():  # also ends the servers that it started
                getattr(importlib.import_module(module), function)(pairs or default)
        except KeyboardInterrupt as error:
            cause = str(error) or "Ctrl-C"
            raise click.ClickException(f"{name}: ended by {cause}, before its table") from error


if __name__ == "__main__":
    main()
