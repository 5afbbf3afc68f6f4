"""Where Beam runs: in this process, in several, or on a cluster; as Beam's own arguments."""

import difflib
import io
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from typing import TYPE_CHECKING

from huberflow.custom_objects.input_error import InputError
from huberflow.custom_objects.user_objects import UserObjects
from huberflow.pipeline.beam.wheel import build_wheel, unpacked
from huberflow.pipeline.config import Beam, Config, Data
from huberflow.pipeline.history.workspace import Workspace

if TYPE_CHECKING:
    from apache_beam.options.pipeline_options import PipelineOptions

MANY_BYTES = 500 * 2**20
"""Size of the rows from which several processes on this machine are faster than one.

Each process imports TensorFlow again at every node; ``docs/costs.md`` has the measurements.
"""

_RUNNERS = {
    # Prism, Beam's default, starts a server per job; this one starts at once.
    "local": "FnApiRunner",
    "flink": "huberflow.pipeline.beam.portable_runners.FlinkRunner",
    "spark": "huberflow.pipeline.beam.portable_runners.SparkRunner",
    "dataflow": "DataflowRunner",
}

_PROCESSES = "multi_processing"

_IN_PROCESS: Mapping[str, object] = {
    "runner": _RUNNERS["local"],
    "direct_running_mode": "in_memory",
    # Without an image, TFX packages itself for remote workers at every node: a second each time,
    # and a copy that stays in the temporary folder. There are no remote workers in this case.
    "sdk_container_image": "none",
}

_KEEP_WORKERS: Mapping[str, object] = {
    # Otherwise a worker ends with its stage, and the next stage starts another one, which imports
    # TensorFlow again.
    "environment_cache_millis": 10_000,
}

_REQUIRED = {"dataflow": ("project", "region", "temp_location")}


class PreflightError(Exception):
    """The workers are not ready; the message names the module, the worker, and the remedy."""


@dataclass(frozen=True)
class BeamTarget:
    """Where the Beam jobs of a run are processed."""

    arguments: tuple[str, ...]
    """Beam's command-line arguments."""
    has_workers: bool
    """Whether rows are processed outside this process."""
    description: str
    """For the user."""
    import_folder: str | None = None
    """A folder that workers on this machine import from, besides what is installed."""

    @contextmanager
    def worker_imports(self) -> Iterator[None]:
        """Worker processes that are started inside the block import from ``import_folder``."""
        before = os.environ.get("PYTHONPATH", "")
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [self.import_folder, before]))
        try:
            yield
        finally:
            os.environ["PYTHONPATH"] = before


def resolve_target(config: Config, objects: UserObjects | None, workspace: Workspace) -> BeamTarget:
    """Where the rows of a config are processed, and how the workers get their code.

    Packages for workers are built in the workspace.
    """
    beam = config.beam
    if beam.runner == "local":
        return _local(config, objects, workspace)
    wheel = build_wheel(workspace.objects_to_write(), objects)
    options = {
        "runner": _RUNNERS[beam.runner],
        # Dataflow's default would pickle the command line's modules and all that they import.
        "no_save_main_session": True,
        **_KEEP_WORKERS,
        **beam.options,
        "extra_package": str(wheel),
    }
    return BeamTarget(_arguments(options), True, f"{beam.runner}, with {wheel.name}")


def in_process_arguments() -> tuple[str, ...]:
    """Beam's arguments to process rows in the calling process."""
    return _arguments(_IN_PROCESS)


def check_options(beam: Beam) -> None:
    """Refuses options that Beam does not have or cannot parse.

    Takes seconds where options are set, because Beam itself parses them. The job servers of Flink
    and Spark have options that Beam's Python does not have; an unknown option is refused there
    only if it looks like a spelling mistake.

    Raises:
      InputError: an option is missing, unknown, or has a wrong value.
    """
    if beam == Beam():
        return
    from apache_beam.options.pipeline_options import PipelineOptions
    from apache_beam.options.pipeline_options_validator import PipelineOptionsValidator

    for name in _REQUIRED.get(beam.runner, ()):
        if name not in beam.options:
            raise InputError(
                f"beam.options.{name}",
                expected=f"a value, which {beam.runner} needs",
                received="none",
                write=f"--set beam.options.{name}=...",
            )
    options = PipelineOptions(list(_arguments(beam.options)))
    beams, given = PipelineOptions([]).get_all_options(), _parsed(options, beam)
    for name in sorted(given.keys() - beams.keys()):
        close = difflib.get_close_matches(name, beams, n=1, cutoff=0.8)
        if close or beam.runner in ("local", "dataflow"):
            raise InputError(
                "beam.options",
                expected="options of Beam",
                received=name,
                hint=f"did you mean {close[0]}?" if close else None,
            )
    for mistake in PipelineOptionsValidator(options, None).validate():
        raise InputError(
            "beam.options",
            expected="options that Beam accepts",
            received=", ".join(beam.options) or "none",
            hint=mistake,
        )


def _parsed(options: "PipelineOptions", beam: Beam) -> Mapping[str, object]:
    """All of Beam's options with their values, unknown ones too."""
    usage = io.StringIO()
    try:
        with redirect_stderr(usage):
            return options.get_all_options(retain_unknown_options=True)
    except SystemExit as error:  # argparse's way to refuse
        _, _, mistake = usage.getvalue().strip().rpartition("argument --")
        name, _, reason = mistake.partition(": ")
        raise InputError(
            f"beam.options.{name}",
            expected="a value that Beam can parse",
            received=repr(beam.options.get(name)),
            hint=reason,
        ) from error


def _local(config: Config, objects: UserObjects | None, workspace: Workspace) -> BeamTarget:
    given, size = config.beam.options, _bytes(config.data)
    mode = given.get("direct_running_mode", _PROCESSES if size > MANY_BYTES else None)
    several = {"direct_running_mode": _PROCESSES, "direct_num_workers": os.cpu_count()}
    options = {**_IN_PROCESS, **(several if mode == _PROCESSES else {}), **given}
    rows = f"local, {size / 2**20:,.1f} MB of rows in"
    if mode != _PROCESSES:
        return BeamTarget(_arguments(options), False, f"{rows} this process")
    folder = unpacked(build_wheel(workspace.objects_to_write(), objects))
    description = f"{rows} {options['direct_num_workers']} worker processes"
    return BeamTarget(_arguments(options), True, description, str(folder))


def _bytes(data: Data) -> int:
    from huberflow.pipeline.data import source, taxi

    sources = source.find_sources(data.paths() or {"data.path": str(taxi.folder())})
    return sum(file.stat().st_size for each in sources.values() for file in each.files)


def _arguments(options: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(argument for name, value in options.items() for argument in _argument(name, value))


def _argument(name: str, value: object) -> Iterator[str]:
    if value is True:
        yield f"--{name}"
    elif isinstance(value, Mapping):
        yield f"--{name}={json.dumps(value)}"
    else:
        for item in value if isinstance(value, list | tuple) else [value]:
            yield f"--{name}={item}"
