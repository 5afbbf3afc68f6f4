"""Refuses the other generation of Keras, which accepts an object and then gets wrong numbers.

To Keras 3 a metric of Keras 2 is a function: it is never reset, and sample weights do not reach it.
To Keras 2 a loss of Keras 3 is a function, whose mean it takes for one value per sample. Which
generation calls shows in the call stack alone: on TensorFlow the tensors are the same in both.
"""

import functools
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import tensorflow as tf

from .input_error import InputError

T = TypeVar("T", bound=Callable[..., Any])


@dataclass(frozen=True)
class _Generation:
    """A generation of Keras."""

    package: str
    name: str
    hint: str
    write: str
    """What to write where an object of this generation meets the other one."""


_KERAS_2 = _Generation(
    "tf_keras",
    "tf_keras (Keras 2)",
    "without TF_USE_LEGACY_KERAS=1, tf.keras is Keras 3",
    "import tf_keras, and tf_keras.Model for tf.keras.Model; or set TF_USE_LEGACY_KERAS=1 before "
    "TensorFlow is imported",
)
_KERAS_3 = _Generation(
    "keras",
    "Keras 3",
    "huberflow.keras has the objects of Keras 3, huberflow those of tf_keras",
    "from huberflow import {name}",
)


def for_keras_2(target: T) -> T:
    """The class or function, which raises an InputError where Keras 3 calls it or its instances."""
    return _for(target, _KERAS_2, _KERAS_3)


def for_keras_3(target: T) -> T:
    """The same, which raises it where tf_keras calls."""
    return _for(target, _KERAS_3, _KERAS_2)


def _for(target: T, own: _Generation, other: _Generation) -> T:
    if not inspect.isclass(target):
        return _guarded(target, target.__name__, own, other)
    for name in ("__call__", "update_state"):
        if any(name in vars(base) for base in target.__mro__):
            guarded = _guarded(getattr(target, name), target.__name__, own, other)
            setattr(target, name, guarded)
    if hasattr(target, "update_state"):  # for whose variables ``compile`` asks first
        variables = target.variables.fget  # type: ignore[attr-defined]
        guarded = property(_guarded(variables, target.__name__, own, other))
        target.variables = guarded  # type: ignore[attr-defined]
    return target


def _guarded(call: T, name: str, own: _Generation, other: _Generation) -> T:
    @functools.wraps(call)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        _refuse_other(name, own, other, (*args, *kwargs.values()))
        return call(*args, **kwargs)

    return guarded  # type: ignore[return-value]


@tf.autograph.experimental.do_not_convert
def _refuse_other(
    name: str, own: _Generation, other: _Generation, arguments: tuple[object, ...]
) -> None:
    of_other = (each for each in map(_type_name, arguments) if _is_of(other, each))
    caller = _caller(own, other) or next(of_other, None)
    if caller is None:
        return
    error = InputError(
        name,
        expected=f"a model of {own.name}",
        received=f"one of {other.name} ({caller})",
        hint=own.hint,
        write=own.write.format(name=name),
    )
    vars(error)["_keras_call_info_injected"] = True  # Keras replaces the message otherwise
    raise error


_OF_A_METRIC = (
    "tf_keras.src.metrics.base_metric",
    "tf_keras.src.utils.metrics_utils",
    "keras.src.metrics.metric",
)
"""A metric's own update_state passes through these, whoever called it."""


def _caller(own: _Generation, other: _Generation) -> str | None:
    """The module of the other generation that calls; None where the own one does, or no Keras.

    A callback may call what it likes: Keras does not see the result.
    """
    frame = sys._getframe() if other.package in sys.modules else None
    while frame is not None:
        module = str(frame.f_globals.get("__name__"))
        if _is_of(own, module) and module not in _OF_A_METRIC:
            return None
        if _is_of(other, module) and module not in _OF_A_METRIC:
            return None if ".src.callbacks." in module else module
        frame = frame.f_back
    return None


def _is_of(generation: _Generation, module: str) -> bool:
    return module.startswith(f"{generation.package}.")


def _type_name(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"
