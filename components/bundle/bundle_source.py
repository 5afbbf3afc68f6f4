"""Finds the custom objects that a model uses, and copies their source into the model."""

import importlib
import inspect
import itertools
import json
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import tensorflow as tf
import tf_keras
from tf_keras.src.engine.functional import Functional

from huberflow.components.bundle import needed_source, reload
from huberflow.custom_objects import registry
from huberflow.custom_objects.input_error import InputError
from huberflow.custom_objects.json_record import JSON


def used_objects(model: tf_keras.Model) -> list[reload.layout.CustomObject]:
    """Every custom object that the model or its compile arguments name.

    One that is not registered has the name of its class or function, by which Keras looks for it.

    Raises:
      InputError: an object cannot be imported by its name, so that its source cannot be copied; or
        two objects have one name, so that a reload would take one for the other; or it has a Lambda
        layer.
    """
    _refuse_lambda_layers(model)
    registry.registered()  # also those of a model that was loaded from a bundle
    configs = [_compile_config(model), *map(_layer_config, network(model))]
    held = _held(model)
    targets: dict[str, Any] = {}
    used: dict[tuple[str, str], JSON] = {}
    for name, target, config in (*_custom_objects(configs, held), *_own_class(model)):
        _refuse_second(name, targets.setdefault(name, target), target)
        used[name, json.dumps(config, default=repr, sort_keys=True)] = config
    return [_entry(name, targets[name], used[name, text]) for name, text in sorted(used)]


def by_name(objects: Iterable[reload.layout.CustomObject]) -> dict[str, Any]:
    """The classes and functions themselves, as a custom object scope takes them."""
    return {each["name"]: getattr(sys.modules[each["module"]], each["class"]) for each in objects}


def network(model: tf_keras.Model) -> list[tf_keras.layers.Layer]:
    """The model's layers; not those that are attached to it, as a transform is for serving."""
    called = [layer for layer in model.layers if layer.inbound_nodes]
    return called if isinstance(model, Functional) and called else model.layers


def inside(model: tf_keras.Model) -> list[tf.Module]:
    """All layers and models inside a model, those inside these as well.

    Its ``submodules`` fail where a recurrent layer has a dropout and was trained.
    """
    _, *found = tf.train.TrackableView(model).descendants()
    return [each for each in found if isinstance(each, tf.Module)]


def _refuse_lambda_layers(model: tf_keras.Model) -> None:
    for layer in inside(model):
        if isinstance(layer, tf_keras.layers.Lambda):
            raise InputError(
                layer.name,
                expected="layers whose code is in a module",
                received="a Lambda layer, which Keras saves as bytecode of this Python alone",
                write="class MyLayer(tf_keras.layers.Layer), with a method call(self, inputs)",
            )


def _compile_config(model: tf_keras.Model) -> JSON:
    """What ``compile`` was given."""
    try:
        config: JSON = model.get_compile_config()
    except TypeError as error:  # a functools.partial, or another callable object
        raise InputError(
            "compile",
            expected="functions and Keras objects that say what they are made with",
            received=str(error).partition(". ")[0],
            write="a class with get_config, such as class MyLoss(tf_keras.losses.Loss)",
        ) from error
    return config


def _layer_config(layer: tf_keras.layers.Layer) -> JSON:
    """A layer's config; none where it has none, such as TFT's: a reload takes its graph."""
    try:
        config: JSON = tf_keras.utils.serialize_keras_object(layer)
    except NotImplementedError:
        return None
    return config


_PACKAGE = registry.__package__
"""The package of huberflow's custom objects; in a bundle its parent has nothing else."""

_PARENT = '''"""The part of huberflow that is copied into this model."""

from . import custom_objects


def __getattr__(name):
    return getattr(custom_objects, name)
'''


def copy_source(modules: Iterable[str], folder: Path) -> reload.layout.Source:
    """Copies the source of the user's modules among these, and of those that they import.

    Each keeps the name that it is imported by. huberflow's custom objects are always copied, for
    ``register``.

    Returns:
      What was copied, what was not, and the distributions that the source needs.

    Raises:
      InputError: a module cannot be copied into a model, or uses Keras 3.
    """
    found = needed_source.needed(modules)
    for name, file in found.files.items():
        copy = folder.joinpath(*name.split("."))
        copy = copy / file.name if file.name == "__init__.py" else copy.with_suffix(".py")
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
    for package in {each for file in folder.rglob("*.py") for each in file.parents} - {
        folder,
        *folder.parents,
    }:
        (package / "__init__.py").touch()  # of a namespace, which has none at home
    ours = importlib.import_module(_PACKAGE)
    copy = folder.joinpath(*_PACKAGE.split("."))
    shutil.copytree(Path(inspect.getfile(ours)).parent, copy, ignore=_no_source)
    (copy.parent / "__init__.py").write_text(_PARENT, encoding="utf-8")
    return {
        "taken": sorted(found.files),
        "left": found.left(),
        "requirements": [
            {"name": name, "version": version}
            for name, version in sorted(found.requirements.items())
        ],
    }


def _no_source(folder: str, names: list[str]) -> list[str]:
    """The names to leave out: bytecode, and files that are no Python source."""
    return [
        name
        for name in names
        if name == "__pycache__" or not (name.endswith(".py") or Path(folder, name).is_dir())
    ]


def _own_class(model: tf_keras.Model) -> Iterator[tuple[str, Any, JSON]]:
    """The class of a subclassed model, if its config makes it anew; else a reload has its graph."""
    own = type(model)
    own_config = not _is_keras(own.get_config)
    is_functional = isinstance(model, Functional) and _is_keras(own.__init__)
    imported = _imported(own)  # of a model that a bundle gave, another class of the same name
    if not _is_keras(own) and imported and (own_config or is_functional):
        config = model.get_config() if own_config else {}
        yield tf_keras.saving.get_registered_name(own), imported, config


def _is_keras(target: Callable[..., Any]) -> bool:
    return target.__module__.partition(".")[0] in _KERAS


_Held = Mapping[str, Sequence[Callable[..., Any]]]
"""Functions and classes by their names; those of one name are different."""


def _held(model: tf_keras.Model) -> _Held:
    """Functions, and classes of objects, that the model, its layers and its compile arguments hold.

    A Keras config has a function's name alone, and no module of a class in a script.
    """
    compiled = getattr(model, "_compile_config", None)
    owners = [*(tf.nest.flatten(compiled.config) if compiled else []), *inside(model)]
    attributes = (
        getattr(each, "__dict__", {}).values() for each in owners if not inspect.isfunction(each)
    )
    held: dict[str, list[Callable[..., Any]]] = {}
    for each in (*owners, *itertools.chain.from_iterable(attributes)):
        target = each if inspect.isfunction(each) or inspect.isclass(each) else type(each)
        others = held.setdefault(target.__name__, [])
        if all(target is not other for other in others):
            others.append(target)
    return held


def _users(name: str, held: _Held) -> Callable[..., Any] | None:
    """The user's function or class of this name; None where there is none."""
    users = [each for each in held.get(name, ()) if not _is_keras(each)]
    for other in held[name] if users else ():
        _refuse_second(name, users[0], other)
    return users[0] if users else None


def _custom_objects(node: JSON, held: _Held) -> Iterator[tuple[str, Any, JSON]]:
    """Name, class or function, and config of each custom object in a Keras config."""
    registered = tf_keras.utils.get_custom_objects()
    if isinstance(node, str):
        if node in registered:
            yield node, registered[node], {}
        elif node in held and _keras_has(node) and (own := _users(node, held)):
            yield node, own, {}  # a reload would take Keras's
    elif isinstance(node, Mapping) and node.get("registered_name") in registered:
        name = str(node["registered_name"])
        yield name, registered[name], node["config"]
        yield from _custom_objects(node["config"], held)
    elif isinstance(node, Mapping) and node.get("class_name") in ("function", "__lambda__"):
        name = str(node["config"]) if node["class_name"] == "function" else "<lambda>"
        if name in registered or not _is_of_keras(name, held):
            own = _users(name, held)
            if own and name in registered:
                _refuse_second(name, registered[name], own)
            yield name, own or registered.get(name), {}
    elif isinstance(node, Mapping) and node.get("class_name") == "Function":
        raise InputError(
            str(node["config"]),
            expected="a function as it stands in its module: Keras traces it",
            received="a tf.function",
            write=f"def {node['config']}, without @tf.function",
        )
    elif isinstance(node, Mapping) and _is_class_of_others(node):
        name = str(node["class_name"])
        module = sys.modules.get(str(node["module"]))
        yield name, getattr(module, name, None) or _users(name, held), node["config"]
        yield from _custom_objects(node["config"], held)
    elif isinstance(node, Mapping | list | tuple):
        for child in node.values() if isinstance(node, Mapping) else node:
            yield from _custom_objects(child, held)


def _is_class_of_others(node: Mapping[str, JSON]) -> bool:
    of_keras = str(node.get("module")).partition(".")[0] in _KERAS
    return node.get("registered_name") is not None and not of_keras


_KERAS = ("keras", "tf_keras", "tensorflow")


def _is_of_keras(name: str, held: _Held) -> bool:
    """Whether Keras finds a function by this name, and the model uses no other of this name."""
    return _users(name, held) is None and _keras_has(name)


def _keras_has(name: str) -> bool:
    for get in (
        tf_keras.activations.get,
        tf_keras.losses.get,
        lambda name: getattr(tf_keras.metrics, name),
    ):
        with suppress(ValueError, AttributeError):
            get(name)
            return True
    return False


def _refuse_second(name: str, one: object, other: object) -> None:
    if one is not other:
        raise InputError(
            name,
            expected="one class or function of this name",
            received="two",
            write='@tf_keras.utils.register_keras_serializable("mine") above one of them',
        )


def _entry(
    name: str, target: Callable[..., Any] | None, config: JSON
) -> reload.layout.CustomObject:
    if target is None or not _is_at_the_top(target):
        raise _not_importable(name, target)
    module = sys.modules[target.__module__]
    file = module.__name__.replace(".", "/") + ("/__init__.py" if _is_package(module) else ".py")
    return {
        "name": name,
        "module": module.__name__,
        "class": target.__qualname__,
        "config": config,
        "file": file,
        "sha256": reload.integrity.digest(Path(inspect.getfile(module))),
    }


def _is_at_the_top(target: Callable[..., Any]) -> bool:
    return _imported(target) is target


def _imported(target: Callable[..., Any]) -> Any:
    """What this process imports by the module and name of a class or function; None for nothing."""
    module = sys.modules.get(str(target.__module__))
    return None if target.__module__ == "__main__" else getattr(module, target.__qualname__, None)


def _not_importable(name: str, target: Callable[..., Any] | None) -> InputError:
    expected = "a class or function at the top of a module, which a reload imports"
    if target is None or target.__name__ == "<lambda>":
        write = "def my_function(...): return ..., at the top of a module"
        return InputError(name, expected=expected, received="a lambda", write=write)
    own = target.__name__
    if target.__module__ == "__main__" and target.__qualname__ == own:
        received, hint = "one of a script or notebook", None
        write = f'{own} = huberflow.objects.write("my_objects.py", {own})'
    elif target.__module__ not in sys.modules:
        received, hint = f"{own} of {target.__module__}, which is not imported here", None
        write = f"import {target.__module__}"
    else:
        received = f"{target.__qualname__} of {target.__module__}"
        hint = "a class keeps its arguments in get_config; a function inside a function does not"
        write = f"class {own} or def {own}, without indentation"
    return InputError(name, expected=expected, received=received, hint=hint, write=write)


def _is_package(module: ModuleType) -> bool:
    return hasattr(module, "__path__")
