"""The verb that serves a model: serve."""

import click

from huberflow.pipeline.cli.common import FAILED, Options, config_options, stop


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
@click.option(
    "--device",
    type=click.Choice(["cpu", "gpu"]),
    help="Where the model must run; default: a GPU if there is one.",
)
@click.option(
    "--share-port",
    is_flag=True,
    help="Share the port with an older server, to replace it without a gap; then stop that one.",
)
def serve(
    model: str | None, options: Options, host: str, port: int, device: str | None, share_port: bool
) -> None:
    """Serve an exported model over HTTP; Ctrl-C stops it.

    The API is that of MLflow's scoring server. The model is first compared with its certificate:
    /health answers from the start, /ready once the model is served.

    MODEL is a folder, a run (its id, the start of its id, its name, `latest`) or an address in
    MLflow (models:/NAME@ALIAS, runs:/ID/model); default: the newest pushed version.

    \b
      huberflow serve
      huberflow serve latest --port 8081
    \b
    Replace a version without a gap; stop the old server when the new one prints "serving":
      huberflow serve --share-port
    """  # noqa: D301 (click reads the \b)
    from huberflow.pipeline.deploy import server
    from huberflow.pipeline.deploy.locate import locate_model

    def on_ready(url: str, body: str) -> None:
        click.echo(f"serving: {url} {model or bundle}")
        click.echo(f"try:     {server.curl(url, body)}")

    found = options.resolve()
    try:
        with locate_model(model, found.config, found.workspace) as bundle:
            server.serve(
                bundle,
                host=host,
                port=port,
                device=device,
                share_port=share_port,
                on_ready=on_ready,
            )
    except server.ServerError as error:
        stop(str(error), FAILED)
