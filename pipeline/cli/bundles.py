"""The verb that makes a bundle of a model which another program trained."""

from pathlib import Path

import click

from huberflow.pipeline.cli.common import allow_ops_option, say

_file = click.Path(path_type=Path)


@click.command()
@click.argument("saved_model", type=_file)
@click.option(
    "--objects",
    multiple=True,
    type=_file,
    metavar="PATH",
    help="Python file or package that defines the model's own losses, metrics, layers; may be "
    "repeated.",
)
@click.option(
    "--data",
    type=_file,
    metavar="FILE",
    help="Rows: .csv, .csv.gz or .parquet, with a column for each input of the model; the first "
    "256 are taken.",
)
@click.option(
    "--label",
    "labels",
    multiple=True,
    metavar="NAME",
    help="Column that the model was trained on; may be repeated.",
)
@click.option("--weight", metavar="NAME", help="Column with the weight of a row.")
@allow_ops_option
@click.option(
    "--to", "out", required=True, type=_file, metavar="FOLDER", help="The bundle: a new folder."
)
def bundle(
    saved_model: Path,
    objects: tuple[Path, ...],
    data: Path | None,
    labels: tuple[str, ...],
    weight: str | None,
    allow_ops: tuple[str, ...],
    out: Path,
) -> None:
    """Make a bundle of a Keras model that was saved as a SavedModel.

    The bundle has the source of the model's own losses, metrics and layers, the answers of the
    saved model to your rows, and a certificate. A clean process reloads it and compares; the last
    line says what that proves. In Python, where the model was trained, `huberflow.save_bundle`
    proves more.

    \b
      huberflow bundle fares --objects my_losses.py --data rows.csv --label fare --to bundle
    """  # noqa: D301 (click reads the \b)
    from huberflow.custom_objects.input_error import InputError
    from huberflow.pipeline.system import logs

    if data is None and (labels or weight):
        raise InputError("--data", expected="a file with these columns", received="none")
    with logs.quiet():
        from huberflow.pipeline.deploy.bundling import make_bundle

        report = make_bundle(
            saved_model,
            out,
            objects=objects,
            data=data,
            labels=labels,
            weight=weight,
            allow_ops=allow_ops,
        )
    if data is None:
        say("without --data no value of the model is compared")
    click.echo(f"bundled: {out}")
    click.echo(report["statement"])
