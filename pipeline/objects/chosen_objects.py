"""The losses, metrics, layers and network of the user's own that a config names."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from huberflow.components.contracts.features import FeaturesConfig
from huberflow.components.contracts.target import Target
from huberflow.custom_objects.user_objects import UserObjects
from huberflow.pipeline.config import Choice, Config
from huberflow.pipeline.history.workspace import Workspace
from huberflow.pipeline.objects import inspection
from huberflow.pipeline.objects.inspection import Objects
from huberflow.pipeline.objects.network import Network, named
from huberflow.pipeline.objects.packing import packed
from huberflow.pipeline.objects.sources import ObjectsError


def inspect(asked: Mapping[str, Any], workspace: Workspace) -> Objects | None:
    """The custom objects in the files that a user names, validated in a process of their own.

    Args:
      asked: what the user sets; ``objects`` and ``model.build`` are read.
      workspace: where it is remembered which objects are valid.

    Returns:
      None where the user names neither.

    Raises:
      ObjectsError: an object would fail later, or its name is taken.
    """
    network = _network(asked)
    paths = asked.get("objects") or []
    if not paths and network is None:
        return None
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise ObjectsError(
            f"objects: expected a list of files, received {paths!r}; write: objects: [my_losses.py]"
        )
    return inspection.inspect([Path(path) for path in paths], _cache(workspace), network)


def check(objects: Objects, config: Config, workspace: Workspace) -> None:
    """Builds each custom object with its arguments in the config, and the custom network.

    Raises:
      ObjectsError: a constructor refuses its arguments, or the network would fail later.
    """
    chosen = {key: choice.model_dump(mode="json") for key, choice in choices(config)}
    values = config.plain()
    target = Target.of(values["data"])
    ends = {
        "model": values["model"],
        "numbers": FeaturesConfig.from_json(values["features"]).numbers,
        "categories": len(config.features.categorical),
        "outputs": target.width,
        "activation": target.activation,
        "mixed_precision": config.training.mixed_precision,
    }
    inspection.check_choices(objects, chosen, config.model.task, _cache(workspace), ends)


def install(objects: Objects, workspace: Workspace) -> UserObjects:
    """Copies the source of custom objects into the workspace, under its hash.

    Returns:
      Their description, with the ``folder`` of the copy.

    Raises:
      ObjectsError: a file was changed since it was validated.
    """
    folder = inspection.snapshot(objects, workspace.objects)
    return replace(objects.description, folder=folder)


def embed(installed: UserObjects) -> UserObjects:
    """The description for another machine: packed ``sources`` in place of the ``folder``."""
    return replace(installed, folder=None, sources=packed(installed.source_files()))


def _network(asked: Mapping[str, Any]) -> Network | None:
    model = asked.get("model")
    written = model.get("build") if isinstance(model, Mapping) else None
    return None if written is None else named(written)


def _cache(workspace: Workspace) -> Path:
    return workspace.objects / "tried.json"


def choices(section: BaseModel, prefix: str = "") -> Iterator[tuple[str, Choice]]:
    """Every object that a config names, by its key."""
    for key, value in section:
        items = value if isinstance(value, tuple) else (value,)
        for place, item in enumerate(items):
            name = f"{prefix}{key}.{place}" if isinstance(value, tuple) else f"{prefix}{key}"
            if isinstance(item, Choice):
                yield name, item
            elif isinstance(item, BaseModel):
                yield from choices(item, f"{name}.")
