"""What a user's module offers: classes and functions, defined in it, that a config may name.

Names that start with an underscore are private; where there is an ``__all__``, it alone says what
is public. A class counts by its base in tf_keras, a function by the names of its parameters:
``(y_true, y_pred)`` is a loss, ``(x)`` an activation. Of a package, its ``__init__.py`` says what
it offers.
"""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import tf_keras

from huberflow.components.objects.refusal import RefusalError, place_of, told
from huberflow.custom_objects import user_objects
from huberflow.custom_objects.catalogue import Task

BASES = {
    "metric": tf_keras.metrics.Metric,  # before Layer: it is one
    "loss": tf_keras.losses.Loss,
    "layer": tf_keras.layers.Layer,
    "regularizer": tf_keras.regularizers.Regularizer,
    "initializer": tf_keras.initializers.Initializer,
    "constraint": tf_keras.constraints.Constraint,
}
FUNCTIONS = {("y_true", "y_pred"): "loss", ("x",): "activation"}

Target = Any  # a class or a function


@dataclass(frozen=True)
class Subject:
    """A user's class or function that a config may name.

    Attributes:
      who: file and name, as messages start with them.
      folder: where the user's code was imported from.
      task: that a loss or a metric is tried for.
    """

    name: str
    kind: str
    target: Target
    who: str
    folder: Path
    task: Task = "regression"

    def make(self, **config: Any) -> Any:
        """An instance of a class; of a function, itself."""
        return self.target(**config) if inspect.isclass(self.target) else self.target


def imported(name: str, folder: Path, origin: Path) -> ModuleType:
    """The user's module, imported from its copy in ``folder``.

    Args:
      name: of the module or package.
      folder: holds it, and the user's other modules, and nothing else.
      origin: where the user keeps it, perhaps beside modules that were not named.

    Raises:
      RefusalError: it cannot be imported; names the line.
    """
    try:
        return user_objects.import_from(folder, name)
    except ModuleNotFoundError as error:
        raise RefusalError(_missing(error, name, folder, origin)) from error
    except (Exception, SystemExit) as error:
        place = place_of(error, folder) or name
        message = told(error, folder).removesuffix(f" ({place})")
        raise RefusalError(
            f"{place}: expected a module that can be imported in a fresh process, "
            f"received {message}"
        ) from error


def _missing(error: ModuleNotFoundError, name: str, folder: Path, origin: Path) -> str:
    wanted = (error.name or "").partition(".")[0]
    place = place_of(error, folder) or name
    if (origin / f"{wanted}.py").exists() or (origin / wanted).is_dir():
        return (
            f"{place}: expected an import that travels with the model, received {error.name!r}, "
            f"which lies beside {name} and stays behind; make both one package, a folder with an "
            f"__init__.py, and write: from . import {wanted}"
        )
    return (
        f"{place}: expected imports that are installed, received {error.name!r}; "
        f"write: pip install {wanted}"
    )


def offered(module: ModuleType, file: str, folder: Path) -> list[Subject]:
    """Everything that the module offers.

    Raises:
      RefusalError: it offers nothing, or ``__all__`` names what is not there.
    """
    found = public(module, file, folder)
    if not found:
        among = "what __all__ names" if hasattr(module, "__all__") else "what it defines"
        raise RefusalError(
            f"{file}: expected a class derived from tf_keras's Loss, Metric, Layer, Regularizer, "
            "Initializer or Constraint, or a function of (y_true, y_pred) or of (x), with a public "
            f"name at the top; received none among {among}"
        )
    return found


def public(module: ModuleType, file: str, folder: Path) -> list[Subject]:
    """The classes and functions of the module that count.

    Raises:
      RefusalError: ``__all__`` names what is not there.
    """
    return [
        Subject(name, kind, target, f"{file}: {name}", folder)
        for name, target in _public(module, file)
        if _defined_in(module, name, target) and (kind := _kind(target, f"{file}: {name}"))
    ]


def _public(module: ModuleType, file: str) -> Iterator[tuple[str, Any]]:
    names = getattr(module, "__all__", None)
    if names is None:
        names = [name for name in vars(module) if not name.startswith("_")]
    for name in names:
        if not hasattr(module, name):
            raise RefusalError(
                f"{file}: __all__: expected names that the module has, received {name!r}"
            )
        yield name, getattr(module, name)


def _defined_in(module: ModuleType, name: str, target: Any) -> bool:
    if not (inspect.isclass(target) or inspect.isfunction(target)):
        return False
    root = target.__module__.partition(".")[0]
    return root == module.__name__ and target.__qualname__ == name


def _kind(target: Target, who: str) -> str | None:
    if inspect.isfunction(target):
        return FUNCTIONS.get(tuple(inspect.signature(target).parameters))
    for kind, base in BASES.items():
        if issubclass(target, base):
            return kind
    for base in inspect.getmro(target):
        if base.__module__.partition(".")[0] == "keras":
            raise RefusalError(
                f"{who}: expected a class of tf_keras (Keras 2), received one of Keras 3; "
                "write: import tf_keras as keras"
            )
    return None
