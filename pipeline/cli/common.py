"""What the verbs share: options, exit codes, and messages in place of tracebacks."""

import functools
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, NoReturn

import click

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.system.utf8 import check_utf8

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn

    from huberflow.pipeline.config.reading import Asked
    from huberflow.pipeline.resolve.resolved_run import ResolvedConfig

Verb = Callable[..., object]
"""The function of a verb."""

FAILED, WRONG_INPUT, NOT_BLESSED, INTERRUPTED = 1, 2, 3, 130


@dataclass(frozen=True)
class Options:
    """What --config, --workspace and --set ask for."""

    file: Path | None
    fixed: tuple[str, ...]
    """The setting that --workspace stands for."""
    settings: tuple[str, ...]

    def with_setting(self, key: str, value: str) -> "Options":
        """The same, with one key set to text."""
        return replace(self, fixed=(*self.fixed, f"{key}={json.dumps(value)}"))

    @property
    def names_model(self) -> bool:
        """Whether a config, perhaps by its default, says which model is meant."""
        return self.file is not None or any(each.startswith("name=") for each in self.settings)

    def resolve(self) -> "ResolvedConfig":
        """The config, completed and checked by its data and custom objects."""
        from huberflow.pipeline.resolve.resolved_run import resolve_config

        return resolve_config(self.file, (*self.settings, *self.fixed))

    def read(self) -> "Asked":
        """What they set, not yet validated."""
        from huberflow.pipeline.config import reading

        return reading.read(self.file, (*self.settings, *self.fixed))


allow_ops_option = click.option(
    "--allow-op",
    "allow_ops",
    multiple=True,
    metavar="OP",
    help="An op of the model that may do more than compute, such as PyFunc; may be repeated.",
)


def config_options(command: Verb) -> Verb:
    """Adds --workspace, --config and --set to a verb, which gets them as ``options``."""

    @functools.wraps(command)
    def with_options(
        workspace: str | None, config_file: Path | None, settings: tuple[str, ...], **others: object
    ) -> object:
        # As JSON it is text, even where it is 2024.
        fixed = () if workspace is None else (f"workspace={json.dumps(workspace)}",)
        return command(options=Options(config_file, fixed, settings), **others)

    for option in (
        click.option(
            "--set",
            "settings",
            multiple=True,
            metavar="KEY=VALUE",
            help="Set one value, such as training.loss.config.threshold=2.0; may be repeated.",
        ),
        click.option(
            "--config",
            "config_file",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="YAML file with any of the keys that `huberflow config` prints.",
        ),
        click.option(
            "--workspace",
            metavar="FOLDER",
            help="Folder of the runs; the same as --set workspace=FOLDER.",
        ),
    ):
        with_options = option(with_options)
    return with_options


def own_options(command: Verb) -> Verb:
    """Adds --data, --eval-data, --label and --objects to a verb that takes settings."""

    @click.option(
        "--data",
        metavar="PATH",
        help="Your own data: a file, a folder or a pattern of CSV, Parquet or TFRecord files.",
    )
    @click.option(
        "--eval-data",
        metavar="PATH",
        help="Rows for evaluation, if they are in separate files; all rows of --data are then for "
        "training.",
    )
    @click.option(
        "--label", multiple=True, metavar="NAME", help="Column to predict; may be repeated."
    )
    @click.option(
        "--objects",
        multiple=True,
        metavar="PATH",
        help="Python file or package with your own losses, metrics, layers; may be repeated.",
    )
    @functools.wraps(command)
    def with_own(
        data: str | None,
        eval_data: str | None,
        label: tuple[str, ...],
        objects: tuple[str, ...],
        settings: tuple[str, ...],
        **others: object,
    ) -> object:
        named = {
            "data.path" if eval_data is None else "data.splits.files.train": data,
            "data.splits.files.eval": eval_data,
            "data.label": label[0] if len(label) == 1 else label or None,
            "objects": objects or None,
        }
        found = [f"{key}={json.dumps(value)}" for key, value in named.items() if value is not None]
        return command(settings=(*found, *settings), **others)

    return with_own


class Verbs(click.Group):
    """A group of verbs that ends with a line for the user and an exit code, not a traceback."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Refuses arguments, and a current folder, that are not UTF-8."""
        try:
            for text in args:
                check_utf8("argument", text)
            check_utf8("the current folder", os.getcwd())
        except InputError as error:
            stop(str(error), WRONG_INPUT)
        except FileNotFoundError:
            stop(
                "the current folder: expected one that exists, received a deleted one", WRONG_INPUT
            )
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        """Runs the verb.

        Raises:
          SystemExit: what was asked cannot be done, or failed.
          Exception: a bug; the traceback is what its report needs.
        """
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            stop("interrupted; finished steps are kept, run again to continue", INTERRUPTED)
        except InputError as error:
            stop(str(error), WRONG_INPUT)
        except Exception as error:
            from huberflow.components.bundle.clean_process import CheckError
            from huberflow.components.bundle.reload import ReloadError
            from huberflow.pipeline.beam.beam_target import PreflightError
            from huberflow.pipeline.execution.node_failure import NodeFailedError
            from huberflow.pipeline.system.disk_failure import disk_failure, disk_is_full
            from huberflow.pipeline.tracking.tracker import TrackingError

            of_disk = disk_failure(error)
            if of_disk and disk_is_full(error):
                stop(of_disk, FAILED)
            if isinstance(error, NodeFailedError | PreflightError | TrackingError):
                stop(str(error), FAILED)
            if isinstance(error, ReloadError | CheckError):  # the bundle is not as it was exported
                stop(f"refused: {error}", FAILED)
            if of_disk:
                stop(of_disk, FAILED)
            raise


def progress_bar(terminal: IO[str], *columns: "ProgressColumn") -> "Progress":
    """A bar that disappears at its end, with rich's columns by default; only on a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(file=terminal)
    return Progress(*columns, transient=True, console=console, disable=not terminal.isatty())


def show_warnings(resolved: "ResolvedConfig") -> None:
    """What a user should know about the data, the objects and the training before a run."""
    for line in [*resolved.warnings(), *resolved.training_plan()]:
        say(line)


def stop(message: str, code: int) -> NoReturn:
    """Ends the command with a message for the user."""
    for line in message.splitlines():
        say(line)
    sys.exit(code)


def say(line: str) -> None:
    """One line on stderr."""
    click.echo(f"huberflow: {line}", err=True)
