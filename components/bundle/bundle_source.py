"""Which custom objects a model uses, and their source, which travels with it."""

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

from huberflow.components.bundle import reload
from huberflow.custom_objects import registry, user_objects


def used_objects(model: tf_keras.Model) -> list[dict[str, Any]]:
    """Every custom object that the model or its compile arguments name, as a certificate has it.

    Raises:
      ValueError: an object is not registered, so that no reload finds it; or it cannot be imported
        by its name, so that its source cannot travel.
    """
    registered = tf_keras.utils.get_custom_objects()
    # TFT's layer, attached for serving, has no config; a reload takes its graph.
    transform = getattr(model, "transform", None)
    layers = [layer for layer in model.layers if layer is not transform]
    parts = [model.get_compile_config(), *map(tf_keras.utils.serialize_keras_object, layers)]
    used = {
        (name, json.dumps(config, default=repr, sort_keys=True)): config
        for part in parts
        for name, config in _named(part, registered)
    }
    return [_entry(name, registered[name], used[name, text]) for name, text in sorted(used)]


_OURS = registry.__package__
"""The package of our own objects; it travels below a package of its parent's name."""

_PARENT = '''"""The part of huberflow that travels with this model."""

from . import custom_objects


def __getattr__(name):
    return getattr(custom_objects, name)
'''


def copy_source(objects: Iterable[Mapping[str, Any]], folder: Path) -> None:
    """Copies the source of these objects: of a package all modules, else the one module.

    Our package always travels along: ``register`` is there. So do all of a user's own modules, if
    one does: it may import the others. Each keeps the name that it is imported by.
    """
    roots = {_OURS, *(_root(each["module"]) for each in objects)}
    if not roots.isdisjoint(user_objects.loaded_modules()):
        roots.update(user_objects.loaded_modules())
    for root in sorted(roots):
        module = importlib.import_module(root)
        file = Path(inspect.getfile(module))
        copy = folder.joinpath(*root.split("."))
        if _is_package(module):
            shutil.copytree(file.parent, copy, ignore=_no_source)
        else:
            shutil.copyfile(file, copy.with_suffix(".py"))
    (folder / _OURS.partition(".")[0] / "__init__.py").write_text(_PARENT, encoding="utf-8")


def _root(module: str) -> str:
    return _OURS if f"{module}.".startswith(f"{_OURS}.") else module.partition(".")[0]


def _no_source(folder: str, names: list[str]) -> list[str]:
    """Names to leave out: files other than Python's source, and folders of bytecode."""
    return [
        name
        for name in names
        if name == "__pycache__" or not (name.endswith(".py") or Path(folder, name).is_dir())
    ]


def _named(node: Any, registered: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Registered name and config of each custom object in a Keras config; {} for a function's."""
    if isinstance(node, str) and node in registered:
        yield node, {}
    elif isinstance(node, Mapping) and node.get("registered_name") in registered:
        yield node["registered_name"], node["config"]
        yield from _named(node["config"], registered)
    elif isinstance(node, Mapping) and (unknown := _unknown(node)):
        raise ValueError(
            f"{unknown}: expected a registered class or function, which a reload finds by its "
            "name; define it at the top of a module, and write above it: "
            '@tf_keras.utils.register_keras_serializable("mine")'
        )
    elif isinstance(node, (Mapping, list, tuple)):
        for child in node.values() if isinstance(node, Mapping) else node:
            yield from _named(child, registered)


def _unknown(node: Mapping[str, Any]) -> str | None:
    """The name in a Keras config, not of a registered object, that a reload would not find."""
    name = node.get("class_name")
    if name == "function":
        return None if _is_known(node["config"]) else node["config"]
    of_keras = str(node.get("module")).partition(".")[0] in ("keras", "tf_keras")
    unregistered = node.get("registered_name") is not None and not of_keras
    return name if unregistered or name == "__lambda__" else None


def _is_known(function: str) -> bool:
    """Whether Keras finds a function by this name: its own, or a registered one."""
    for find in (
        tf_keras.activations.get,
        tf_keras.losses.get,
        lambda name: getattr(tf_keras.metrics, name),
    ):
        with suppress(ValueError, AttributeError):
            find(function)
            return True
    return False


def _entry(name: str, target: Callable[..., Any], config: Any) -> dict[str, Any]:
    module = importlib.import_module(target.__module__)
    if module.__name__ == "__main__" or getattr(module, target.__qualname__, None) is not target:
        raise ValueError(
            f"{name}: expected a class or function that can be imported, received "
            f"{target.__module__}.{target.__qualname__}; define it at the top of a module"
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
