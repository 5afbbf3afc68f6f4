"""Verbs for an exported model: verify, predict, serve."""

import gc
import json
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from huberflow.pipeline.cli.common import (
    FAILED,
    INTERRUPTED,
    Options,
    allow_ops_option,
    config_options,
    progress_bar,
    say,
    stop,
)
from huberflow.pipeline.cli.signatures import Trust, trust_options
from huberflow.pipeline.deploy.ending import GRACE

if TYPE_CHECKING:
    from huberflow.components.bundle.reload import CheckReport
    from huberflow.pipeline.deploy.batch import BatchResult

_existing_file = click.Path(exists=True, dir_okay=False, path_type=Path)

_device = click.option(
    "--device",
    type=click.Choice(["cpu", "gpu"]),
    help="Where the model must run; default: a GPU if there is one.",
)


@click.command()
@click.argument("model", required=False)
@config_options
@_device
@trust_options
@allow_ops_option
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def verify(
    model: str | None,
    options: Options,
    device: str | None,
    trust: Trust,
    allow_ops: tuple[str, ...],
    as_json: bool,
) -> None:
    """Check that an exported model is still the model that was trained.

    No file may have changed since the export. Then predictions, losses, metrics, two training
    steps and the signatures' answers on this machine are compared with those that the model has
    recorded; a line says what that proves. The exit code is 1 if a value differs. With a public
    key, the model must be signed with it; this is checked first.

    MODEL is a folder, a run (`latest`, its id or name), or a model in MLflow; default: the newest
    pushed version.

    \b
      huberflow verify
      huberflow verify models:/taxi@champion --device gpu
      huberflow verify bundle --public-key signing.pub
    """  # noqa: D301 (click reads the \b)
    from huberflow.pipeline.system.display_path import display_path

    with _located(model, options, trust) as (folder, signature):
        report, warned = _checked(folder, device, allow_ops)
        report["signature"] = signature
    for line in warned:
        say(line)
    if as_json:
        click.echo(json.dumps(report, indent=1))
    else:
        in_mlflow = model if model and model.startswith(("models:/", "runs:/")) else None
        _show(report, in_mlflow or display_path(folder))
    sys.exit(0 if report["ok"] else FAILED)


@click.command()
@click.argument("model", required=False)
@config_options
@click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Rows to predict: a file .csv, .csv.gz or .parquet, a folder of them, or a pattern.",
)
@click.option(
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Output with the same rows and their predictions: .csv, .csv.gz or .parquet.",
)
@click.option(
    "--bad",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Output for rows that the model cannot read; default: the output's name and .bad.csv.",
)
@_device
@trust_options
@allow_ops_option
def predict(
    model: str | None,
    options: Options,
    data: Path,
    output: Path,
    bad: Path | None,
    device: str | None,
    trust: Trust,
    allow_ops: tuple[str, ...],
) -> None:
    """Predict all rows of a file or a folder, which may be larger than memory.

    The output has all columns of the input, in the same order, and a column for each output of the
    model, such as `prediction`. Rows that the model cannot read are written to a separate file,
    with line and reason; the exit code is then 1.

    MODEL is a folder, a run (`latest`, its id or name), or a model in MLflow; default: the newest
    pushed version.

    \b
      huberflow predict --data trips.csv --output fares.csv
      huberflow predict models:/taxi@champion --data trips.parquet --output fares.parquet
    """  # noqa: D301 (click reads the \b)
    bad = bad or output.with_name(f"{output.name}.bad.csv")
    with _located(model, options, trust) as (folder, _):
        result = _predicted(folder, data, output, bad, device, allow_ops)
    for name in result.absent:
        say(f"{data} has no column {name}; its value is missing in every row")
    if [*result.outputs] != [*result.outputs.values()]:
        added = ", ".join(result.outputs.values())
        say(f"{data} has a column with the name of an output of the model, which writes: {added}")
    click.echo(f"predicted {result.rows:,} rows: {output}")
    if result.first_bad:
        first = result.first_bad
        stop(
            f"bad rows: {result.bad:,} of {result.rows + result.bad:,}, see {bad}; "
            f"the first, in line {first.line}: {first.reason}",
            FAILED,
        )


@click.command()
@click.argument("model", required=False)
@config_options
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=8080,
    show_default=True,
    help="Port to listen on.",
)
@_device
@trust_options
@allow_ops_option
@click.option(
    "--share-port",
    is_flag=True,
    help="Share the port with an older server, to replace it without downtime; then stop that one.",
)
@click.option(
    "--grace",
    type=click.FloatRange(1),
    default=GRACE,
    show_default=True,
    help="Seconds for requests on their way when the server is stopped; then it ends.",
)
@click.option(
    "--token-file",
    type=_existing_file,
    metavar="FILE",
    help="Answer only requests with a token of this file, one a line; probes need none.",
)
@click.option("--tls-cert", type=_existing_file, metavar="FILE", help="Serve HTTPS, with this PEM.")
@click.option("--tls-key", type=_existing_file, metavar="FILE", help="The key of --tls-cert.")
@click.option("--access-log", is_flag=True, help="Print a line of JSON for each request.")
@click.option("--name", help="The model's name in TensorFlow Serving's API; default: its folder's.")
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Processes that serve; each has the model in memory.",
)
def serve(model: str | None, options: Options, trust: Trust, workers: int, **settings: Any) -> None:
    """Serve an exported model over HTTP; Ctrl-C stops it.

    The API is that of MLflow's scoring server, and of TensorFlow Serving's REST. The model is first
    compared with its certificate: /health answers from the start, /ready once the model is served.

    MODEL is a folder, a run (its id, the start of its id, its name, `latest`) or an address in
    MLflow (models:/NAME@ALIAS, runs:/ID/model); default: the newest pushed version.

    \b
      huberflow serve
      huberflow serve latest --port 8081
    \b
    Replace a version without downtime; stop the old server when the new one prints "serving":
      huberflow serve --share-port
    \b
    Serve nothing that somebody else signed, or nobody:
      huberflow serve --require-signature --public-key signing.pub
    """  # noqa: D301 (click reads the \b)
    from huberflow.pipeline.deploy import access, server
    from huberflow.pipeline.deploy.workers import serve_by_workers

    chosen = server.Settings(**settings)
    if not access.is_loopback(chosen.host) and not (chosen.token_file and chosen.tls_cert):
        say(
            f"who can reach {chosen.host}:{chosen.port} can ask the model, or read the answers; "
            "unless a proxy prevents it, add --token-file, --tls-cert and --tls-key"
        )

    def on_ready(url: str, body: str) -> None:
        click.echo(f"serving: {url} {model or bundle}")
        click.echo(f"try:     {server.curl(url, body, chosen)}")

    try:
        with _located(model, options, trust) as (bundle, _):
            if workers > 1:
                serve_by_workers(bundle, chosen, workers, on_ready=on_ready)
            else:
                server.serve(bundle, chosen, on_ready=on_ready)
    except server.ServerError as error:
        stop(str(error), FAILED)


@contextmanager
def _located(reference: str | None, options: Options, trust: Trust) -> Iterator[tuple[Path, str]]:
    """The folder of the model that a reference names, and who signed it, checked by ``trust``."""
    from huberflow.pipeline.deploy.locate import locate_model

    resolved = options.resolve()
    config, named = resolved.config, options.names_model
    with locate_model(reference, config, resolved.workspace, named=named) as folder:
        yield folder, trust.signer(folder)


def _checked(
    folder: Path, device: str | None, allow_ops: tuple[str, ...]
) -> tuple["CheckReport", list[str]]:
    """The report of ``reload.check`` and its warnings, such as other versions."""
    from huberflow.components.bundle import reload
    from huberflow.pipeline.system import logs

    with logs.quiet(), warnings.catch_warnings(record=True) as seen:
        report = reload.check(folder, device, allow_ops=allow_ops)
    return report, [str(each.message) for each in seen if each.filename == reload.checking.__file__]


def _predicted(
    folder: Path,
    data: Path,
    output: Path,
    bad: Path,
    device: str | None,
    allow_ops: tuple[str, ...],
) -> "BatchResult":
    """Runs ``batch.predict_file`` behind a progress bar."""
    from huberflow.pipeline.system import logs
    from huberflow.pipeline.system.interruption import termination_as_interrupt

    try:
        with (
            termination_as_interrupt(),
            logs.quiet() as terminal,
            progress_bar(terminal) as progress,
        ):
            bar = progress.add_task(data.name, total=1.0)
            from huberflow.pipeline.deploy import batch
            from huberflow.pipeline.deploy.scorer import Scorer

            _use(device)
            scorer = Scorer(folder, allow_ops)
            gc.freeze()  # Python would look through all of TensorFlow every few rows.

            def on_batch(done: float) -> None:
                progress.update(bar, completed=done)

            return batch.predict_file(scorer, data, output, bad, on_batch=on_batch)
    except OSError as error:
        stop(f"nothing was written: {error}", FAILED)
    except KeyboardInterrupt:
        stop("interrupted; nothing was written", INTERRUPTED)


def _use(device: str | None) -> None:
    import tensorflow as tf

    from huberflow.components.bundle.reload import ReloadError

    if device == "cpu":
        tf.config.set_visible_devices([], "GPU")
    if device == "gpu" and not tf.config.list_physical_devices("GPU"):
        raise ReloadError("device: expected a GPU, but TensorFlow finds none; use --device cpu")


def _show(report: "CheckReport", model: str) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from huberflow.components.bundle.reload.comparing import on_another_machine

    table = Table("value", box=None, pad_edge=False)
    for heading in ("off by", "relative", "allowed"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for name, value in report["values"].items():
        figures = (f"{value[key]:.3g}" for key in ("absolute", "relative", "allowed"))
        failed = " ".join(["[bold red]FAILED", escape(value.get("reason", ""))])
        table.add_row(escape(name), *figures, "[green]ok" if value["ok"] else failed)
    Console().print(table)
    seconds = ", ".join(
        f"{name.replace('_', ' ')} {value:.2f} s" for name, value in report["seconds"].items()
    )
    click.echo(report["statement"])
    click.echo(report["signature"])
    click.echo(f"on {report['device']}, tolerances of {report['precision']}; {seconds}")
    if report["differences"]:
        click.echo(on_another_machine(report["differences"]))
    click.echo(f"{'ok' if report['ok'] else 'FAILED'}  {model}")
