"""Checks that an object's config has all that its constructor got."""

import inspect
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import tf_keras

from huberflow.components.objects.discovery import Candidate
from huberflow.components.objects.user_errors import user_code
from huberflow.custom_objects.input_error import InputError
from huberflow.custom_objects.registry import KerasObject

_OF_KERAS = {"name", "dtype", "reduction", "trainable", "dynamic"}
"""Arguments that Keras's own base classes take and keep."""


def constructor_arguments(target: Callable[..., object]) -> dict[str, object]:
    """The constructor's arguments, without Keras's, and their defaults; a function has none."""
    if not inspect.isclass(target):
        return {}
    parameters = list(inspect.signature(target.__init__).parameters.values())[1:]
    return {
        each.name: each.default
        for each in parameters
        if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD) and each.name not in _OF_KERAS
    }


def arguments(candidate: Candidate) -> dict[str, object]:
    """What a config may set: ``constructor_arguments``; of an optimizer, those of its base too.

    A class that takes ``**kwargs`` passes them to its base: ``clipnorm``, ``use_ema`` and so on.
    """
    own = constructor_arguments(candidate.target)
    parameters = inspect.signature(candidate.target).parameters.values()
    if candidate.kind != "optimizer" or all(each.kind != each.VAR_KEYWORD for each in parameters):
        return own
    return constructor_arguments(tf_keras.optimizers.Optimizer) | own


def with_other_values(candidate: Candidate) -> Candidate:
    """The candidate with arguments other than the defaults, where its constructor takes them."""
    for name, default in constructor_arguments(candidate.target).items():
        if isinstance(default, bool):
            other: object = not default
        elif isinstance(default, int | float):
            other = default + 1 if isinstance(default, int) else 0.5 * default + 0.13
        else:
            continue
        changed = replace(candidate, config={**candidate.config, name: other})
        with suppress(Exception):  # a refused value says nothing about the config
            changed.make()
            candidate = changed
    return candidate


def check(candidate: Candidate, made: KerasObject) -> None:
    """Refuses a class whose object, made with the candidate's config, cannot be rebuilt.

    Raises:
      InputError: ``get_config`` lacks an argument, changes a value, is no JSON, or gives another
        object.
    """
    names = constructor_arguments(candidate.target)
    entries = [f'"{name}": self.{name}' for name in names]
    if candidate.kind not in ("regularizer", "initializer", "constraint", "schedule"):
        entries.insert(0, "**super().get_config()")
    write = f"def get_config(self): return {{{', '.join(entries)}}}"
    expected, key = "a dict with every argument of __init__, as JSON", f"{candidate.key}.get_config"
    with user_code(key, expected, candidate.folder, write=write):
        config = dict(made.get_config())
        json.dumps(tf_keras.saving.serialize_keras_object(config))
    if missing := [name for name in names if name not in config]:
        received = f"none of {', '.join(missing)}"
        raise InputError(key, expected=expected, received=received, write=write)
    _compare(key, candidate.config, config, write)
    key, write = f"{candidate.key}.from_config", "return cls(**config)"
    hint = "take **kwargs in __init__, and pass them to super().__init__"
    with user_code(key, "an object from what get_config returned", candidate.folder, hint=hint):
        rebuilt = candidate.target.from_config(dict(config)).get_config()  # type: ignore[attr-defined]
    _compare(key, config, rebuilt, write)


def _compare(
    key: str, expected: Mapping[str, object], received: Mapping[str, object], write: str
) -> None:
    for name, value in expected.items():
        if not _same(received.get(name), value):
            raise InputError(
                key,
                expected=f"{name}={value!r}, as __init__ got",
                received=f"{name}={received.get(name)!r}",
                write=write,
            )


def _same(one: Any, other: Any) -> bool:
    try:
        return np.allclose(one, other, 1e-6, equal_nan=True)
    except (TypeError, ValueError):  # no numbers
        return bool(one == other)
