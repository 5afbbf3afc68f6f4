"""Refuses Keras 3, which accepts objects of Keras 2 and then gets wrong numbers from them.

To Keras 3 a metric of Keras 2 is a function: it is never reset, and sample weights do not reach it.
Which generation calls shows in the call stack alone: the tensors are TensorFlow's in both.
"""

import functools
import inspect
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import tensorflow as tf

from .input_error import InputError

T = TypeVar("T", bound=Callable[..., Any])


def for_keras_2(target: T) -> T:
    """The class or function, which raises an InputError where Keras 3 calls it or its instances."""
    if not inspect.isclass(target):
        return _guarded(target, target.__name__)
    for name in ("__call__", "update_state"):
        if any(name in vars(base) for base in target.__mro__):
            setattr(target, name, _guarded(getattr(target, name), target.__name__))
    return target


def _guarded(call: T, name: str) -> T:
    @functools.wraps(call)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        _refuse_keras_3(name, (*args, *kwargs.values()))
        return call(*args, **kwargs)

    return guarded  # type: ignore[return-value]


@tf.autograph.experimental.do_not_convert
def _refuse_keras_3(name: str, arguments: tuple[object, ...]) -> None:
    caller = _keras_3_caller() or next(filter(_is_of_keras_3, map(_type_name, arguments)), None)
    if caller is None:
        return
    error = InputError(
        name,
        expected="a model of tf_keras (Keras 2)",
        received=f"one of Keras 3 ({caller})",
        hint="without TF_USE_LEGACY_KERAS=1, tf.keras is Keras 3",
        write="import tf_keras, and tf_keras.Model for tf.keras.Model; or set "
        "TF_USE_LEGACY_KERAS=1 before TensorFlow is imported",
    )
    vars(error)["_keras_call_info_injected"] = True  # Keras replaces the message otherwise
    raise error


_OF_A_METRIC = ("tf_keras.src.metrics.base_metric", "tf_keras.src.utils.metrics_utils")
"""A metric's own update_state passes through these, whoever called it."""


def _keras_3_caller() -> str | None:
    """The module of Keras 3 that calls; None where tf_keras does, or no Keras.

    A callback of Keras 3 may call what it likes: Keras does not see the result.
    """
    frame = sys._getframe() if "keras" in sys.modules else None
    while frame is not None:
        module = str(frame.f_globals.get("__name__"))
        if module.startswith("tf_keras.") and module not in _OF_A_METRIC:
            return None
        if _is_of_keras_3(module):
            return None if module.startswith("keras.src.callbacks.") else module
        frame = frame.f_back
    return None


def _is_of_keras_3(module: str) -> bool:
    return module.startswith("keras.")


def _type_name(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"
