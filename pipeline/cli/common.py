"""What the verbs share: options, exit codes, errors in words."""

import functools
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from huberflow.custom_objects.input_error import InputError, InputErrors

if TYPE_CHECKING:
    from huberflow.pipeline.config import Config
    from huberflow.pipeline.resolve.resolved_run import ResolvedConfig

FAILED, WRONG_INPUT, NOT_BLESSED, INTERRUPTED = 1, 2, 3, 130


def config_options(command: Any) -> Any:
    """Adds --workspace, --config and --set to a verb."""
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
            help="Where runs are kept; the same as --set workspace=FOLDER.",
        ),
    ):
        command = option(command)
    return command


def own_options(command: Any) -> Any:
    """Adds --data, --eval-data, --label and --objects to a verb that takes settings."""

    @click.option(
        "--data",
        metavar="PATH",
        help="Your own rows: a file, a folder or a pattern of CSV, Parquet or TFRecord files.",
    )
    @click.option(
        "--eval-data",
        metavar="PATH",
        help="Rows to judge the model by, where they lie in files of their own; all rows of --data "
        "are then trained on.",
    )
    @click.option(
        "--label", multiple=True, metavar="NAME", help="The column to predict; may be repeated."
    )
    @click.option(
        "--objects",
        multiple=True,
        metavar="PATH",
        help="A Python file or package with losses, metrics, layers of your own; may be repeated.",
    )
    @functools.wraps(command)
    def with_own(
        data: str | None,
        eval_data: str | None,
        label: tuple[str, ...],
        objects: tuple[str, ...],
        settings: tuple[str, ...],
        **others: Any,
    ) -> Any:
        named = {
            "data.path" if eval_data is None else "data.splits.files.train": data,
            "data.splits.files.eval": eval_data,
            "data.label": label[0] if len(label) == 1 else label or None,
            "objects": objects or None,
        }
        found = [f"{key}={json.dumps(value)}" for key, value in named.items() if value is not None]
        return command(settings=(*found, *settings), **others)

    return with_own


@contextmanager
def errors_in_words() -> Iterator[None]:
    """What can go wrong with a workspace, a run or a server, as a line and an exit code."""
    from huberflow.components.data.files import DataError
    from huberflow.pipeline.beam.beam_target import PreflightError
    from huberflow.pipeline.execution.hooks import NodeFailedError
    from huberflow.pipeline.history.workspace import WorkspaceError, disk_is_full
    from huberflow.pipeline.objects.sources import ObjectsError
    from huberflow.pipeline.tracking.port import TrackingError

    try:
        yield
    except (InputError, InputErrors, WorkspaceError, DataError, ObjectsError) as error:
        stop(str(error), WRONG_INPUT)
    except (NodeFailedError, PreflightError, TrackingError) as error:
        stop(str(error), FAILED)
    except KeyboardInterrupt:
        stop("interrupted; what had finished is kept, run again to go on", INTERRUPTED)
    except Exception as error:
        if not disk_is_full(error):
            raise
        stop("the disk is full; free some of it, and run again to go on", FAILED)


def workspace_setting(workspace: str) -> str:
    """The ``--set`` that ``--workspace`` stands for."""
    return f"workspace={json.dumps(workspace)}"  # text, even where it is 2024


def load(workspace: str | None, config_file: Path | None, settings: tuple[str, ...]) -> "Config":
    """The config of these options; a wrong one ends the command."""
    return resolve_config(workspace, config_file, settings).config


def resolve_config(
    workspace: str | None, config_file: Path | None, settings: tuple[str, ...]
) -> "ResolvedConfig":
    """The config of these options, and what its validation read; a wrong one ends the command."""
    from huberflow.pipeline.config.reading import ConfigError
    from huberflow.pipeline.resolve import resolved_run

    if workspace is not None:
        settings = (*settings, workspace_setting(workspace))
    try:
        return resolved_run.resolve_config(config_file, settings)
    except ConfigError as error:
        stop(str(error), WRONG_INPUT)


def show_warnings(resolved: "ResolvedConfig") -> None:
    """What a user should know about the data and the custom objects before a run."""
    for line in resolved.warnings():
        say(line)


def stop(message: str, code: int) -> NoReturn:
    """Ends the command with a message for the user."""
    for line in message.splitlines():
        say(line)
    sys.exit(code)


def say(line: str) -> None:
    """One line on stderr."""
    click.echo(f"huberflow: {line}", err=True)
