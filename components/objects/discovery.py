"""The classes and functions of a user's module that a config may name.

Names that start with an underscore are private; if a module has ``__all__``, it lists the public
names. The kind of a class follows from its base class in tf_keras; the kind of a function from its
parameters: ``(y_true, y_pred)`` is a loss and a metric, ``(x)`` is an activation. In a package,
``__init__.py`` decides what is public.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import tf_keras

from huberflow.custom_objects import user_objects
from huberflow.custom_objects.catalogue import ObjectKind, Task
from huberflow.custom_objects.input_error import InputError
from huberflow.custom_objects.registry import KerasObject

_BASES: dict[ObjectKind, type | tuple[type, ...]] = {
    "metric": tf_keras.metrics.Metric,  # before Layer: it is one
    "loss": tf_keras.losses.Loss,
    "layer": tf_keras.layers.Layer,
    "regularizer": tf_keras.regularizers.Regularizer,
    "initializer": tf_keras.initializers.Initializer,
    "constraint": tf_keras.constraints.Constraint,
    "optimizer": (tf_keras.optimizers.Optimizer, tf_keras.optimizers.legacy.Optimizer),
    "schedule": tf_keras.optimizers.schedules.LearningRateSchedule,
}
_FUNCTIONS: dict[tuple[str, ...], ObjectKind] = {("y_true", "y_pred"): "loss", ("x",): "activation"}


@dataclass(frozen=True)
class Candidate:
    """A user's class or function that a config may name, once it has been validated.

    Attributes:
      key: file and name, for messages.
      folder: where the user's code was imported from.
      task: the prediction that a loss or a metric is checked for.
      config: the constructor's arguments.
    """

    name: str
    kind: ObjectKind
    target: Callable[..., object]
    key: str
    folder: Path
    task: Task = "regression"
    config: Mapping[str, object] = field(default_factory=dict)

    def make(self) -> KerasObject:
        """An instance of the class, or the function itself."""
        return self.target(**self.config) if inspect.isclass(self.target) else self.target


def candidates(name: str, file: str, folder: Path) -> list[Candidate]:
    """Imports a module, and lists its public classes and functions that a config may name.

    Args:
      name: the name of the module or package.
      file: its file, for messages.
      folder: holds copies of the user's modules, and nothing else.

    Raises:
      InputError: a class belongs to Keras 3.
      Exception: any error of the user's code.
    """
    module = user_objects.import_from(folder, name)
    public = [each for each in vars(module) if not each.startswith("_")]
    found = []
    for each in getattr(module, "__all__", public):
        target = getattr(module, each)
        is_code = inspect.isclass(target) or inspect.isfunction(target)
        is_defined = is_code and target.__module__.partition(".")[0] == name
        if is_defined and target.__qualname__ == each and (kind := _kind(target, file)):
            found.append(Candidate(each, kind, target, f"{file}: {each}", folder))
    return found


def _kind(target: Callable[..., object], file: str) -> ObjectKind | None:
    if not inspect.isclass(target):
        return _FUNCTIONS.get(tuple(inspect.signature(target).parameters))
    for kind, base in _BASES.items():
        if issubclass(target, base):
            return kind
    if any(base.__module__.partition(".")[0] == "keras" for base in inspect.getmro(target)):
        raise InputError(
            f"{file}: {target.__name__}",
            expected="a class of tf_keras (Keras 2)",
            received="one of Keras 3",
            write="import tf_keras as keras",
        )
    return None
