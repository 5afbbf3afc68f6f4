"""Keras losses, metrics, layers and the like that travel with the models that use them.

``from huberflow.custom_objects import HuberLoss`` imports TensorFlow only then: the package itself,
its ``catalogue`` and its ``arguments`` need the standard library alone.
"""

import importlib
from typing import Any

from . import catalogue

__all__ = sorted([*catalogue.HUBERFLOW, "create_huber"])


def __getattr__(name: str) -> Any:
    if name == "create_huber":
        return importlib.import_module(".losses", __name__).create_huber
    if name in catalogue.HUBERFLOW:
        return getattr(importlib.import_module(catalogue.HUBERFLOW[name].module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
