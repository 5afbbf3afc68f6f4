"""Names every custom object ``custom_objects>Name`` in Keras's registry, and knows its source.

Keras lets a second class take over a registered name in silence: a model then reloads with other
maths than it was trained with. Here a name keeps its code for as long as the process lives.
"""

import importlib
import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol, TypeVar

import tf_keras

from .catalogue import BUILT_IN, HUBERFLOW, Catalogue, ObjectKind

PACKAGE = "custom_objects"

T = TypeVar("T", bound=Callable[..., Any])

_registered: dict[str, Any] = {}


def register(target: T) -> T:
    """Class or function decorator: saved models name ``target`` ``custom_objects>Name``.

    Raises:
      ValueError: the name is taken by different code, or the source of ``target`` cannot be read
        (it is what travels with the model).
    """
    name = target.__name__
    known = _registered.get(name)
    if known is not None and _source(known) != _source(target):
        raise ValueError(
            f"{PACKAGE}>{name}: expected the code that is registered already, from "
            f"{known.__module__}, received different code from {target.__module__}; "
            "give the new object a name of its own"
        )
    _refuse_without_file(target)
    tf_keras.utils.register_keras_serializable(package=PACKAGE, name=name)(target)
    _registered[name] = target
    return target


def adopt(target: Callable[..., Any], package: str) -> str:
    """Registers a user's class or function as ``package>Name``, unless it has a name already.

    Returns:
      The name that saved models have for it.
    """
    if tf_keras.saving.get_registered_name(target) == target.__name__:
        tf_keras.utils.register_keras_serializable(package, target.__name__)(target)
    return tf_keras.saving.get_registered_name(target)


def forget(modules: Collection[str]) -> None:
    """Drops all that these modules and those below them registered: other code may follow."""
    for names in (_registered, tf_keras.utils.get_custom_objects()):
        for name, target in list(names.items()):
            if getattr(target, "__module__", "").partition(".")[0] in modules:
                del names[name]


def registered() -> dict[str, Any]:
    """Every custom object by its plain name, all modules of the catalogue imported."""
    for entry in HUBERFLOW.values():
        importlib.import_module(entry.module)
    return dict(sorted(_registered.items()))


def build(
    kind: ObjectKind, name: str, config: Mapping[str, Any], catalogue: Catalogue = BUILT_IN
) -> Any:
    """The object that a config names: an instance, or the function itself.

    Raises:
      InputError: see ``Catalogue.check``.
    """
    catalogue.check(kind, name, config)
    target = getattr(importlib.import_module(catalogue.of_kind(kind)[name].module), name)
    return target(**config) if inspect.isclass(target) else target


class Choice(Protocol):
    """An object that a config names, and its constructor's arguments."""

    @property
    def name(self) -> str:
        """The class's or function's name."""

    @property
    def config(self) -> Mapping[str, Any]:
        """The arguments."""


def build_choice(kind: ObjectKind, choice: Choice | None, catalogue: Catalogue = BUILT_IN) -> Any:
    """``build`` for a config's choice; None for no choice."""
    return None if choice is None else build(kind, choice.name, choice.config, catalogue)


def _source(target: Any) -> str:
    _refuse_without_file(target)
    return inspect.getsource(target)


def _refuse_without_file(target: Any) -> None:
    # Not all of its source: to find a class in it takes longer than to import it.
    try:
        file = inspect.getsourcefile(target)
    except TypeError:
        file = None
    if file is None:
        raise ValueError(
            f"{target.__name__}: its source cannot be read, so it cannot travel with a model; "
            "define it in a file, not in a prompt or a string"
        )
