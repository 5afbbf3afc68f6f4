"""Finds the custom objects that a model uses, and copies their source into the model."""

import importlib
import inspect
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import tf_keras

from huberflow.components.bundle import needed_source, reload
from huberflow.custom_objects import registry
from huberflow.custom_objects.input_error import InputError
from huberflow.custom_objects.json_record import JSON


def used_objects(model: tf_keras.Model) -> list[reload.CustomObject]:
    """Every custom object that the model or its compile arguments name.

    Raises:
      InputError: an object is not registered, so that a reload cannot find it; or it cannot be
        imported by its name, so that its source cannot be copied.
    """
    registered = tf_keras.utils.get_custom_objects()
    # TFT's layer, attached for serving, has no config; a reload takes its graph.
    transform = getattr(model, "transform", None)
    layers = [layer for layer in model.layers if layer is not transform]
    configs = [model.get_compile_config(), *map(tf_keras.utils.serialize_keras_object, layers)]
    used = {
        (name, json.dumps(config, default=repr, sort_keys=True)): config
        for each in configs
        for name, config in _custom_objects(each, registered)
    }
    return [_entry(name, registered[name], used[name, text]) for name, text in sorted(used)]


_PACKAGE = registry.__package__
"""The package of huberflow's custom objects; in a bundle its parent has nothing else."""

_PARENT = '''"""The part of huberflow that is copied into this model."""

from . import custom_objects


def __getattr__(name):
    return getattr(custom_objects, name)
'''


def copy_source(modules: Iterable[str], folder: Path) -> reload.Source:
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


def _custom_objects(node: JSON, registered: Mapping[str, Any]) -> Iterator[tuple[str, JSON]]:
    """Registered name and config of each custom object in a Keras config; {} for a function's."""
    if isinstance(node, str):
        if node in registered:
            yield node, {}
    elif isinstance(node, Mapping) and node.get("registered_name") in registered:
        yield str(node["registered_name"]), node["config"]
        yield from _custom_objects(node["config"], registered)
    elif isinstance(node, Mapping) and (name := _unregistered(node)):
        raise InputError(
            name,
            expected="a registered class or function, which a reload finds by its name",
            received="one that is not registered",
            hint="define it at the top of a module",
            write='@tf_keras.utils.register_keras_serializable("mine") above it',
        )
    elif isinstance(node, Mapping | list | tuple):
        for child in node.values() if isinstance(node, Mapping) else node:
            yield from _custom_objects(child, registered)


def _unregistered(node: Mapping[str, JSON]) -> str | None:
    """The name of an object in a Keras config that is neither Keras's nor registered."""
    name = node.get("class_name")
    if name == "function":
        return None if _is_known(str(node["config"])) else str(node["config"])
    of_keras = str(node.get("module")).partition(".")[0] in ("keras", "tf_keras")
    unregistered = node.get("registered_name") is not None and not of_keras
    return str(name) if unregistered or name == "__lambda__" else None


def _is_known(function: str) -> bool:
    """Whether Keras finds a function by this name: its own, or a registered one."""
    for get in (
        tf_keras.activations.get,
        tf_keras.losses.get,
        lambda name: getattr(tf_keras.metrics, name),
    ):
        with suppress(ValueError, AttributeError):
            get(function)
            return True
    return False


def _entry(name: str, target: Callable[..., Any], config: JSON) -> reload.CustomObject:
    module = importlib.import_module(target.__module__)
    if module.__name__ == "__main__" or getattr(module, target.__qualname__, None) is not target:
        raise InputError(
            name,
            expected="a class or function that can be imported",
            received=f"{target.__module__}.{target.__qualname__}",
            hint="define it at the top of a module",
        )
    file = module.__name__.replace(".", "/") + ("/__init__.py" if _is_package(module) else ".py")
    return {
        "name": name,
        "module": module.__name__,
        "class": target.__qualname__,
        "config": config,
        "file": file,
        "sha256": reload.digest(Path(inspect.getfile(module))),
    }


def _is_package(module: ModuleType) -> bool:
    return hasattr(module, "__path__")
