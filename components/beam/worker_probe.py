"""Checks on a Beam worker what a pipeline needs there: imports, and every custom object."""

import importlib
import json
import os
import platform
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import tf_keras

from huberflow.custom_objects.json_record import JSON

_MARK = "worker probe failed: "


@dataclass(frozen=True)
class ProbedObject:
    """A class or function: its module and name, its registered name, its arguments."""

    module: str
    name: str
    registered: str
    config: Mapping[str, JSON]


@dataclass(frozen=True)
class ProbeFailure:
    """A module that cannot be used on a worker, and why."""

    module: str
    worker: str
    reason: str

    def to_message(self) -> str:
        """The failure as text: from a worker, Beam's runners pass on text but no exceptions."""
        return _MARK + json.dumps(asdict(self))

    @classmethod
    def from_message(cls, message: str) -> "ProbeFailure | None":
        """The failure within the message of a failed job; None if another one."""
        _, mark, rest = message.partition(_MARK)
        return cls(**json.JSONDecoder().raw_decode(rest)[0]) if mark else None


def probe_worker(_: int, modules: Iterable[str], objects: Iterable[ProbedObject]) -> None:
    """Imports the modules; builds each object from its config, and again from its ``get_config``.

    Args:
      _: an element; there are some for each worker.
      modules: by name.
      objects: custom objects.

    Raises:
      RuntimeError: its message is that of a ``ProbeFailure``.
    """
    for module in modules:
        with _reported(module):
            importlib.import_module(module)
    for each in objects:
        with _reported(each.module):
            _round_trip(each)


@contextmanager
def _reported(module: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # user-defined code may raise anything
        worker = f"{platform.node()}, process {os.getpid()}"
        failure = ProbeFailure(module, worker, f"{type(error).__name__}: {error}")
        raise RuntimeError(failure.to_message()) from error


def _round_trip(each: ProbedObject) -> None:
    target = getattr(importlib.import_module(each.module), each.name)
    if tf_keras.saving.get_registered_object(each.registered) is not target:
        raise LookupError(f"{each.registered} is not in Keras's registry")
    if not hasattr(target, "get_config"):
        return  # a function
    config = target(**each.config).get_config()
    again = target.from_config(config).get_config()
    if again != config:
        raise ValueError(f"{each.name}: expected the same config again, {config}, received {again}")
