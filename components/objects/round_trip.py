"""Whether an object's config says all that its constructor was told."""

import inspect
import json
import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import tf_keras

from huberflow.components.objects.calling import Make
from huberflow.components.objects.discovery import Subject
from huberflow.components.objects.refusal import RefusalError, told

OF_KERAS = {"name", "dtype", "reduction", "trainable", "dynamic"}
"""Arguments that Keras's own base classes take and keep."""


def arguments(subject: Subject) -> dict[str, Any]:
    """The constructor's own arguments with their defaults; a function has none.

    Raises:
      RefusalError: an argument has no default.
    """
    found = {} if inspect.isfunction(subject.target) else _parameters(subject.target)
    for name, default in found.items():
        if default is inspect.Parameter.empty:
            raise RefusalError(
                f"{subject.who}: {name}: expected a default, with which the object is tried, "
                f"received none; write: def __init__(self, {name}=0.5, ...)"
            )
    return found


def _parameters(target: type) -> dict[str, Any]:
    """The constructor's own arguments, with their defaults where they have one."""
    _, *parameters = inspect.signature(target.__init__).parameters.values()  # type: ignore[misc]
    named = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    return {p.name: p.default for p in named if p.name not in OF_KERAS}


def varied(subject: Subject, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Values other than the defaults, as far as the constructor takes them."""
    values: dict[str, Any] = {}
    for name, default in defaults.items():
        for other in _others(default):
            if _accepts(subject, {**values, name: other}):
                values[name] = other
                break
    return values


def _others(default: Any) -> Iterator[Any]:
    if isinstance(default, bool):
        yield not default
    elif isinstance(default, int):
        yield from (default + 1, default - 1)
    elif isinstance(default, float):
        others = (1.5 * default + 0.25, 0.5 * default + 0.125, 0.25 * default)
        yield from (other for other in others if other != default)


def _accepts(subject: Subject, values: Mapping[str, Any]) -> bool:
    try:
        subject.make(**values)
    except Exception:  # A value that the constructor refuses says nothing about the config.
        return False
    return True


def restorer(
    subject: Subject, defaults: Mapping[str, Any], values: Mapping[str, Any]
) -> Callable[[], Any]:
    """What builds an object from the config of one with these ``values``.

    Raises:
      RefusalError: the config lacks an argument, changes a value, is no JSON, or gives another
        object.
    """
    config = _config(subject, defaults, partial(subject.make, **values))
    _refuse_lacking(subject, defaults, config)
    for name, value in values.items():
        if not _same(config[name], value):
            raise RefusalError(
                f"{subject.who}.get_config: expected {name}={value!r}, as __init__ was told, "
                f'received {config[name]!r}; write: "{name}": self.{name}'
            )
    _refuse_unwritable(subject, config)
    _refuse_another(subject, defaults, config)
    return partial(subject.target.from_config, config)


def refuse_incomplete(subject: Subject, make: Make) -> None:
    """Refuses a class whose object, as ``make`` gives it, does not return from its config.

    Raises:
      RefusalError: the config lacks an argument, is no JSON, or gives another object.
    """
    names = _parameters(subject.target)
    config = _config(subject, names, make)
    _refuse_lacking(subject, names, config)
    _refuse_unwritable(subject, config)
    _refuse_another(subject, {name: config[name] for name in names}, config)


def _config(subject: Subject, defaults: Mapping[str, Any], make: Make) -> Mapping[str, Any]:
    try:
        config = make().get_config()
    except NotImplementedError:
        raise RefusalError(  # Keras's base says so, of a class with arguments or of any.
            f"{subject.who}.get_config: expected every argument of __init__, received a class "
            f"without a get_config of its own; write: {_get_config(subject, defaults)}"
        ) from None
    except Exception as error:
        raise RefusalError(
            f"{subject.who}.get_config: expected a dict of the arguments, received "
            f"{told(error, subject.folder)}"
        ) from error
    if not isinstance(config, Mapping):
        raise RefusalError(
            f"{subject.who}.get_config: expected a dict of the arguments, received "
            f"{type(config).__name__}; write: {_get_config(subject, defaults)}"
        )
    return config


def _refuse_lacking(
    subject: Subject, defaults: Mapping[str, Any], config: Mapping[str, Any]
) -> None:
    missing = ", ".join(name for name in defaults if name not in config)
    if missing:
        inherited = subject.target.get_config.__module__.startswith("tf_keras.")
        received = "a class without one of its own" if inherited else f"none of {missing}"
        raise RefusalError(
            f"{subject.who}.get_config: expected every argument of __init__, received {received}; "
            f"write: {_get_config(subject, defaults)}"
        )


def _get_config(subject: Subject, defaults: Mapping[str, Any]) -> str:
    """The method that the user should write."""
    own = [f'"{name}": self.{name}' for name in defaults]
    plain = subject.kind in ("regularizer", "initializer", "constraint")
    entries = ", ".join(own if plain else ["**super().get_config()", *own])
    return f"def get_config(self): return {{{entries}}}"


def _refuse_unwritable(subject: Subject, config: Mapping[str, Any]) -> None:
    for name, value in config.items():
        try:
            json.dumps(tf_keras.saving.serialize_keras_object(value))
        except Exception as error:
            raise RefusalError(
                f"{subject.who}.get_config: {name}: expected a number, text, list or dict, which "
                f"JSON can hold, received {type(value).__name__}"
            ) from error


def _refuse_another(
    subject: Subject, defaults: Mapping[str, Any], config: Mapping[str, Any]
) -> None:
    try:
        received = subject.target.from_config(dict(config)).get_config()
    except Exception as error:
        own = "".join(f"{name}={value!r}, " for name, value in defaults.items())
        raise RefusalError(
            f"{subject.who}.from_config: expected an object from what get_config returned, "
            f"received {told(error, subject.folder)}; "
            f"write: def __init__(self, {own}**kwargs): super().__init__(**kwargs)"
        ) from error
    for name, value in config.items():
        if not _same(received.get(name), value):
            raise RefusalError(
                f"{subject.who}.from_config: expected the same object, with {name}={value!r}, "
                f"received one with {name}={received.get(name)!r}; write: return cls(**config)"
            )


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float | np.floating) and isinstance(other, float | int):
        return math.isclose(one, other, rel_tol=1e-6) or (math.isnan(one) and math.isnan(other))
    try:
        return bool(np.all(np.equal(one, other)))
    except (TypeError, ValueError):
        return bool(one == other)
