"""Registers every custom object as ``custom_objects>Name`` with Keras.

Keras lets a second class replace a registered name in silence: a model then reloads with other
maths than it was trained with. Here a name keeps its code for as long as the process lives.
"""

import importlib
import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol, TypeAlias, TypeVar

import tf_keras

from .catalogue import BUILT_IN, HUBERFLOW, Catalogue, ObjectKind
from .input_error import InputError
from .keras_generation import for_keras_2
from .package import PACKAGE

T = TypeVar("T", bound=Callable[..., object])

KerasObject: TypeAlias = (
    tf_keras.losses.Loss
    | tf_keras.metrics.Metric
    | tf_keras.layers.Layer
    | tf_keras.regularizers.Regularizer
    | tf_keras.constraints.Constraint
    | tf_keras.initializers.Initializer
    | tf_keras.optimizers.Optimizer
    | tf_keras.optimizers.schedules.LearningRateSchedule
)
"""What a config can name. Keras takes a function in place of some of them."""

_registered: dict[str, Callable[..., object]] = {}


def register(target: T) -> T:
    """Class or function decorator: ``target`` is ``custom_objects>Name`` in saved models.

    Where Keras 3 calls it, it raises an InputError.

    Raises:
      InputError: different code has the name, or the source of ``target``, which is copied into
        the model, cannot be read.
    """
    name = target.__name__
    _check_file(target)
    other = _registered.get(name)
    if other is not None and inspect.getsource(other) != inspect.getsource(target):
        raise InputError(
            f"{PACKAGE}>{name}",
            expected=f"the code of {other.__module__}, which is registered already",
            received=f"different code from {target.__module__}",
            hint="rename the new object",
        )
    target = for_keras_2(target)
    tf_keras.utils.register_keras_serializable(package=PACKAGE, name=name)(target)
    _registered[name] = target
    return target


def adopt(target: Callable[..., object], package: str) -> str:
    """Registers a user's class or function as ``package>Name``, unless it is registered already.

    Returns:
      Its name in saved models.
    """
    if tf_keras.saving.get_registered_name(target) == target.__name__:
        tf_keras.utils.register_keras_serializable(package, target.__name__)(target)
    return tf_keras.saving.get_registered_name(target)


def forget(modules: Collection[str]) -> None:
    """Removes what these modules, and modules inside them, have registered."""
    for names in (_registered, tf_keras.utils.get_custom_objects()):
        for name, target in list(names.items()):
            if getattr(target, "__module__", "").partition(".")[0] in modules:
                del names[name]


def registered() -> dict[str, Callable[..., object]]:
    """Every custom object by its plain name, all modules of the catalogue imported."""
    for entry in HUBERFLOW.values():
        importlib.import_module(entry.module)
    return dict(sorted(_registered.items()))


def build(
    kind: ObjectKind, name: str, config: Mapping[str, object], catalogue: Catalogue = BUILT_IN
) -> KerasObject:
    """The object that a config names: an instance, or the function itself.

    Raises:
      InputError: see ``Catalogue.check``.
    """
    arguments = catalogue.check(kind, name, config)
    target = getattr(importlib.import_module(catalogue.of_kind(kind)[name].module), name)
    return (
        target(**built_arguments(kind, arguments, catalogue)) if inspect.isclass(target) else target
    )


def built_arguments(
    kind: ObjectKind, arguments: Mapping[str, Any], catalogue: Catalogue
) -> dict[str, Any]:
    """The arguments, with the objects that stand there as a name and a config."""
    built = dict(arguments)
    for argument, value in arguments.items():
        if held := catalogue.held(kind, argument, value):
            built[argument] = build(held, value["name"], value.get("config") or {}, catalogue)
    return built


class Choice(Protocol):
    """An object that a config names, and its constructor's arguments."""

    @property
    def name(self) -> str:
        """The class's or function's name."""

    @property
    def config(self) -> Mapping[str, object]:
        """The arguments."""


def build_choice(
    kind: ObjectKind, choice: Choice | None, catalogue: Catalogue = BUILT_IN
) -> KerasObject | None:
    """``build`` for a config's choice; None for no choice."""
    return None if choice is None else build(kind, choice.name, choice.config, catalogue)


def _check_file(target: Callable[..., object]) -> None:
    # Not by inspect.getsource: to find a class in its file takes longer than to import it.
    try:
        file = inspect.getsourcefile(target)
    except TypeError:
        file = None
    if file is None:
        raise InputError(
            target.__name__,
            expected="code in a file, which can be copied into a model",
            received="code from a prompt or a string",
        )
