"""The one generation of Keras that bundles speak."""

from __future__ import annotations

import sys
import types
from typing import TYPE_CHECKING, Any

from .errors import ReloadError
from .layout import KERAS_GENERATION

if TYPE_CHECKING:
    pass


def keras_2() -> types.ModuleType:
    """tf_keras.

    Raises:
      ReloadError: it is not installed, or of another generation.
    """
    try:
        import tf_keras
    except ImportError as error:
        raise ReloadError(
            f"this model needs {KERAS_GENERATION}, which is not installed: pip install tf-keras"
        ) from error
    except AttributeError as error:
        if sys.flags.optimize < 2:
            raise
        raise ReloadError(
            "tf_keras cannot be imported without docstrings: expected Python without -OO and "
            "PYTHONOPTIMIZE=2; 1 works"
        ) from error
    if not tf_keras.__version__.startswith("2."):
        raise ReloadError(
            f"tf_keras: expected version 2, received {tf_keras.__version__}; "
            'pip install "tf-keras<3"'
        )
    return tf_keras


def unlisted_optimizers() -> dict[str, Any]:
    """tf_keras's own optimizers that it does not find by their names in a SavedModel."""
    return {name: getattr(keras_2().optimizers, name) for name in ("Adafactor", "Lion")}
