"""Keras losses, metrics, layers and so on; they are copied into the models that use them.

``from huberflow.custom_objects import HuberLoss`` imports TensorFlow only then: the package itself,
its ``catalogue`` and its ``arguments`` need the standard library alone. The catalogue is imported
only then, too: a node that uses no object does not run again because one was added.
"""

import importlib
from typing import Any


def __getattr__(name: str) -> Any:
    names = importlib.import_module(".catalogue", __name__).HUBERFLOW
    if name == "__all__":
        return sorted([*names, "create_huber"])
    if name == "create_huber":
        return importlib.import_module(".losses", __name__).create_huber
    if name in names:
        return getattr(importlib.import_module(names[name].module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __getattr__("__all__")
