"""Where Beam processes rows: from a config to Beam's own arguments."""

import difflib
import io
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from typing import Any

from huberflow.pipeline.beam.wheel import build_wheel, unpacked
from huberflow.pipeline.config import Beam, Config, Data
from huberflow.pipeline.history.workspace import Workspace

MANY = 500 * 2**20
"""Bytes of rows from which several processes on this machine are faster than one.

Each imports TensorFlow anew at every node; ``docs/costs.md`` has what was measured.
"""

_RUNNERS = {
    # Prism, Beam's default, starts a server per job; this one starts at once.
    "local": "FnApiRunner",
    "flink": "huberflow.pipeline.beam.portable_runners.FlinkRunner",
    "spark": "huberflow.pipeline.beam.portable_runners.SparkRunner",
    "dataflow": "DataflowRunner",
}

_PROCESSES = "multi_processing"

_ALONE: Mapping[str, Any] = {
    "runner": _RUNNERS["local"],
    "direct_running_mode": "in_memory",
    # Without an image named, TFX packs itself up for remote workers at every node: a second each
    # time, and a copy of it left in the folder for temporary files. Here are no such workers.
    "sdk_container_image": "none",
}

_KEPT: Mapping[str, Any] = {
    # Else a worker ends with the stage that it was started for, and the next one is another, which
    # imports TensorFlow anew.
    "environment_cache_millis": 10_000,
}

_NEEDED = {"dataflow": ("project", "region", "temp_location")}


class EngineError(ValueError):
    """Beam's options cannot be right; one line for the user."""


class PreflightError(Exception):
    """The workers are not ready; one line that says which module, where, and what to do."""


@dataclass(frozen=True)
class BeamTarget:
    """Where the Beam jobs of a run go.

    Attributes:
      arguments: Beam's, as on a command line.
      processes: whether the workers are other processes than this one.
      words: the same for people.
      path: a folder that workers on this machine import from, besides what is installed.
    """

    arguments: tuple[str, ...]
    processes: bool
    words: str
    path: str | None = None

    @contextmanager
    def import_path(self) -> Iterator[None]:
        """Inside the block, worker processes that are started on this machine find ``path``."""
        before = os.environ.get("PYTHONPATH")
        if self.path is not None:
            os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [self.path, before]))
        try:
            yield
        finally:
            if before is None:
                os.environ.pop("PYTHONPATH", None)
            else:
                os.environ["PYTHONPATH"] = before


def resolve_target(config: Config, objects: Mapping[str, Any] | None) -> BeamTarget:
    """Where a config wants its rows to be processed, and how their code gets there.

    Args:
      config: validated.
      objects: the user's own, see ``own_objects.installed``.
    """
    beam = config.beam
    if beam.runner == "local":
        return _local(config, objects)
    wheel = build_wheel(Workspace.at(config.workspace).objects, objects)
    told = {
        "runner": _RUNNERS[beam.runner],
        # Dataflow's default: it would bring the command line, and want all that this imports.
        "no_save_main_session": True,
        **_KEPT,
        **beam.options,
        "extra_package": str(wheel),
    }
    return BeamTarget(_arguments(told), True, f"{beam.runner}, with {wheel.name}")


def in_process_arguments() -> tuple[str, ...]:
    """Beam's arguments for the process that it is called from, and no other."""
    return _arguments(_ALONE)


def check_options(beam: Beam) -> None:
    """Refuses options that Beam does not know or cannot read.

    Where any are set it takes seconds, for it asks Beam.

    Flink's and Spark's job servers have options that Beam's Python does not know: one of those is
    refused only if it looks like a slip of the pen.

    Raises:
      EngineError: an option is missing, unknown, or has a value that it cannot have.
    """
    if beam == Beam():
        return
    from apache_beam.options.pipeline_options import PipelineOptions
    from apache_beam.options.pipeline_options_validator import PipelineOptionsValidator

    for name in _NEEDED.get(beam.runner, ()):
        if name not in beam.options:
            raise EngineError(
                f"beam.options.{name}: expected a value, for {beam.runner} needs it, received "
                f"none; write: --set beam.options.{name}=..."
            )
    options = PipelineOptions(list(_arguments(beam.options)))
    known, told = PipelineOptions([]).get_all_options(), _parsed(options)
    for name in sorted(told.keys() - known.keys()):
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
        if close or beam.runner in ("local", "dataflow"):
            hint = f" (did you mean {close[0]}?)" if close else ""
            raise EngineError(f"beam.options: expected options of Beam, received {name!r}{hint}")
    for mistake in PipelineOptionsValidator(options, None).validate():
        raise EngineError(f"beam.options: {mistake}")


def _parsed(options: Any) -> dict[str, Any]:
    """All of Beam's options with their values, unknown ones too."""
    usage = io.StringIO()
    try:
        with redirect_stderr(usage):
            return options.get_all_options(retain_unknown_options=True)
    except SystemExit as error:
        _, _, mistake = usage.getvalue().strip().rpartition("argument --")
        raise EngineError(f"beam.options.{mistake}") from error


def _local(config: Config, objects: Mapping[str, Any] | None) -> BeamTarget:
    asked, size = config.beam.options, _bytes(config.data)
    several = {"direct_running_mode": _PROCESSES, "direct_num_workers": os.cpu_count()}
    mode = asked.get("direct_running_mode", _PROCESSES if size > MANY else None)
    told = {**_ALONE, **(several if mode == _PROCESSES else {}), **asked}
    rows = f"local, {size / 2**20:,.1f} MB of rows in"
    if mode != _PROCESSES:
        return BeamTarget(_arguments(told), False, f"{rows} this process")
    path = unpacked(build_wheel(Workspace.at(config.workspace).objects, objects))
    words = f"{rows} {told['direct_num_workers']} worker processes"
    return BeamTarget(_arguments(told), True, words, str(path))


def _bytes(data: Data) -> int:
    from huberflow.pipeline.data import source, taxi

    found = source.each(data.paths() or {"data.path": str(taxi.folder())})
    return sum(file.stat().st_size for each in found.values() for file in each.files)


def _arguments(options: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(argument for name, value in options.items() for argument in _argument(name, value))


def _argument(name: str, value: Any) -> Iterator[str]:
    if value is True:
        yield f"--{name}"
    elif isinstance(value, Mapping):
        yield f"--{name}={json.dumps(value)}"
    else:
        for item in value if isinstance(value, list | tuple) else [value]:
            yield f"--{name}={item}"
