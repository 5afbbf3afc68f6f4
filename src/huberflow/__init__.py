"""TFX pipelines whose custom Keras losses and metrics survive every border.

The losses, metrics, layers and the like are here by their names, and imported only when asked for::

    from huberflow import HuberLoss

    model.compile(loss=HuberLoss(threshold=2.0))
"""

from typing import Any

from huberflow import custom_objects

__all__ = custom_objects.__all__


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(custom_objects, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
