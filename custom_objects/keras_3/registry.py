"""Registers every object as ``custom_objects>Name`` with Keras 3."""

from collections.abc import Callable
from typing import Any, TypeVar

import keras

from ..keras_generation import for_keras_3
from ..package import PACKAGE

T = TypeVar("T", bound=Callable[..., Any])


def register(target: T) -> T:
    """Class or function decorator: ``target`` is ``custom_objects>Name`` in saved models.

    Where tf_keras calls it, it raises an InputError.
    """
    target = for_keras_3(target)
    keras.saving.register_keras_serializable(package=PACKAGE, name=target.__name__)(target)
    return target
