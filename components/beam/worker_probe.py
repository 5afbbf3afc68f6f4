"""Tries on a worker what a pipeline needs there: imports and round-trips every custom object."""

import importlib
import json
import os
import platform
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import tf_keras

MARK = "did not arrive: "
"""Before the JSON in an error's message: Beam's runners carry back text, and no exceptions."""


def check(_: Any, modules: Iterable[str], objects: Iterable[Mapping[str, Any]]) -> None:
    """Imports the modules, and builds each object, from its config and again from its own.

    Args:
      _: an element; there is one for each worker, as good as can be had.
      modules: by name.
      objects: each one's ``module``, ``name``, ``registered`` name and ``config``.

    Raises:
      RuntimeError: ``MARK`` and, as JSON, the ``module``, the ``worker`` and the ``reason``.
    """
    for module in modules:
        with _named(module):
            importlib.import_module(module)
    for each in objects:
        with _named(each["module"]):
            _round_trip(each)


@contextmanager
def _named(module: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # whatever it is, the user has to read it
        worker = f"{platform.node()}, process {os.getpid()}"
        reason = f"{type(error).__name__}: {error}"
        found = json.dumps({"module": module, "worker": worker, "reason": reason})
        raise RuntimeError(MARK + found) from error


def _round_trip(each: Mapping[str, Any]) -> None:
    target = getattr(importlib.import_module(each["module"]), each["name"])
    if tf_keras.saving.get_registered_object(each["registered"]) is not target:
        raise LookupError(f"{each['registered']} is not in Keras's registry")
    if not hasattr(target, "get_config"):
        return  # a function
    config = target(**each["config"]).get_config()
    again = target.from_config(config).get_config()
    if again != config:
        raise ValueError(f"{each['name']}: expected {config} once more, received {again}")
