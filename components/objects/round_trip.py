"""Checks that an object's config has all that its constructor got."""

import inspect
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import numpy as np
import tf_keras

from huberflow.components.objects.discovery import Candidate
from huberflow.components.objects.user_errors import user_code
from huberflow.custom_objects.input_error import InputError

_OF_KERAS = {"name", "dtype", "reduction", "trainable", "dynamic"}
"""Arguments that Keras's own base classes take and keep."""


def constructor_arguments(target: Callable[..., Any]) -> dict[str, object]:
    """The constructor's arguments, without Keras's, and their defaults; a function has none."""
    if not inspect.isclass(target):
        return {}
    parameters = list(inspect.signature(target.__init__).parameters.values())[1:]
    return {
        each.name: each.default
        for each in parameters
        if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD) and each.name not in _OF_KERAS
    }


def other_values(candidate: Candidate, defaults: Mapping[str, object]) -> dict[str, object]:
    """Values other than the defaults, as far as the constructor takes them."""
    values: dict[str, object] = {}
    for name, default in defaults.items():
        if isinstance(default, bool):
            other: object = not default
        elif isinstance(default, int | float):
            other = default + 1 if isinstance(default, int) else 0.5 * default + 0.13
        else:
            continue
        with suppress(Exception):  # a refused value says nothing about the config
            candidate.make(**values, **{name: other})
            values[name] = other
    return values


def check(candidate: Candidate, made: Any, values: Mapping[str, object]) -> None:
    """Refuses a class whose object cannot be rebuilt from its config.

    Args:
      candidate: the class.
      made: an object of it.
      values: arguments that ``made`` got, as far as they are known.

    Raises:
      InputError: the config lacks an argument, changes a value, is no JSON, or gives another
        object.
    """
    names = constructor_arguments(candidate.target)
    entries = [f'"{name}": self.{name}' for name in names]
    if candidate.kind not in ("regularizer", "initializer", "constraint"):
        entries.insert(0, "**super().get_config()")
    write = f"def get_config(self): return {{{', '.join(entries)}}}"
    expected, key = "a dict with every argument of __init__", f"{candidate.key}.get_config"
    with user_code(key, expected, candidate.folder, write=write):
        config = dict(made.get_config())
    if missing := [name for name in names if name not in config]:
        received = f"none of {', '.join(missing)}"
        raise InputError(key, expected=expected, received=received, write=write)
    for name, value in values.items():
        if not _same(config[name], value):
            expected = f"{name}={value!r}, as __init__ got"
            raise InputError(key, expected=expected, received=repr(config[name]), write=write)
    for name, value in config.items():
        with user_code(f"{key}: {name}", "a value that JSON can hold", candidate.folder):
            json.dumps(tf_keras.saving.serialize_keras_object(value))
    _check_from_config(candidate, config)


def _check_from_config(candidate: Candidate, config: Mapping[str, object]) -> None:
    key = f"{candidate.key}.from_config"
    hint = "take **kwargs in __init__, and pass them to super().__init__"
    with user_code(key, "an object from what get_config returned", candidate.folder, hint=hint):
        received = candidate.target.from_config(dict(config)).get_config()  # type: ignore[attr-defined]
    for name, value in config.items():
        if not _same(received.get(name), value):
            raise InputError(
                key,
                expected=f"the same object, with {name}={value!r}",
                received=f"one with {name}={received.get(name)!r}",
                write="return cls(**config)",
            )


def _same(one: Any, other: Any) -> bool:
    try:
        return np.allclose(one, other, 1e-6, equal_nan=True)
    except (TypeError, ValueError):  # no numbers
        return bool(one == other)
