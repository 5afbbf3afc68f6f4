"""Options of the verbs that also read the runs of pipelines that are not huberflow's."""

import functools
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.cli.common import Options, Verb

if TYPE_CHECKING:
    from huberflow.pipeline.history.pipeline_runs import PipelineRuns


@dataclass(frozen=True)
class AnyPipeline:
    """What --metadata and --pipeline ask for."""

    metadata: Path
    pipeline: str | None

    def read(self, experiment: str | None = None) -> "Sequence[PipelineRuns]":
        """The pipelines and their runs; see ``read_pipelines``.

        Raises:
          InputError: it cannot be read, or belongs to a workspace.
        """
        from huberflow.pipeline.history.pipeline_runs import read_pipelines
        from huberflow.pipeline.history.workspace import Workspace

        place = Workspace.at(self.metadata.parent)
        if place.metadata == self.metadata.absolute() and place.journals.is_dir():
            raise InputError(
                "--metadata",
                expected="the metadata store of another pipeline",
                received=f"{self.metadata}, that of a huberflow workspace",
                hint="its journals know more",
                write=shlex.join(["--workspace", str(self.metadata.parent)]),
            )
        return read_pipelines(self.metadata, self.pipeline, experiment)


def metadata_options(command: Verb) -> Verb:
    """Adds --metadata and --pipeline to a verb with options, which gets them as ``any_pipeline``.

    It is None where neither is given.
    """

    @click.option(
        "--metadata",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="SQLite file of ML Metadata: read the runs of any TFX pipeline, not of a workspace.",
    )
    @click.option(
        "--pipeline", metavar="NAME", help="Only this pipeline of --metadata; default: all."
    )
    @functools.wraps(command)
    def with_metadata(
        options: Options, metadata: Path | None, pipeline: str | None, **others: object
    ) -> object:
        given = [value for value in (options.file, *options.fixed, *options.settings) if value]
        if metadata is not None and given:
            raise InputError(
                "--metadata",
                expected="no --workspace, --config or --set beside it",
                received=f"{given[0]}",
                hint="a metadata store has runs without a config",
                write=shlex.join(["--metadata", str(metadata)]),
            )
        if pipeline is not None and metadata is None:
            raise InputError(
                "--pipeline",
                expected="--metadata beside it",
                received="none",
                write=shlex.join(["--metadata", "metadata.db", "--pipeline", pipeline]),
            )
        found = None if metadata is None else AnyPipeline(metadata, pipeline)
        return command(options=options, any_pipeline=found, **others)

    return with_metadata
