"""The losses, metrics, layers and network of the user's own that a config names."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from huberflow.components.contracts.features import count_numbers
from huberflow.components.contracts.target import Target
from huberflow.custom_objects import catalogue, own
from huberflow.pipeline.config import Choice, Config
from huberflow.pipeline.history.workspace import Workspace
from huberflow.pipeline.objects import inspection
from huberflow.pipeline.objects.inspection import Objects
from huberflow.pipeline.objects.network import Network, named
from huberflow.pipeline.objects.packing import packed
from huberflow.pipeline.objects.sources import ObjectsError


def make_known(asked: Mapping[str, Any]) -> None:
    """Tries the objects of the files that a config names; from now on it may name the objects.

    Args:
      asked: what the user has set, ``objects`` or ``model.build`` at least.

    Raises:
      ObjectsError: an object would break later, or its name is taken.
    """
    paths = asked.get("objects") or []
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise ObjectsError(
            f"objects: expected a list of files, received {paths!r}; write: objects: [my_losses.py]"
        )
    workspace = Path(str(asked.get("workspace") or Config().workspace))
    files = [Path(path) for path in paths]
    found = inspection.inspect(files, _tried(workspace), _network(asked))
    catalogue.add(own.entries(found.plain()))


def check(config: Config) -> None:
    """Builds each of the user's objects with the arguments that the config has for it.

    The network is built for the columns that the config names.

    Raises:
      ObjectsError: a constructor refuses them, or the network would break later.
    """
    chosen = {key: choice.model_dump(mode="json") for key, choice in choices(config)}
    values = config.plain()
    target = Target.of(values["data"])
    ends = {
        "model": values["model"],
        "numbers": count_numbers(values["features"]),
        "categories": len(config.features.categorical),
        "outputs": target.width,
        "activation": target.activation,
        "mixed_precision": config.training.mixed_precision,
    }
    inspection.check_choices(
        _found(config), chosen, config.model.task, _tried(config.workspace), ends
    )


def warnings(config: Config) -> tuple[str, ...]:
    """What works, and may surprise."""
    return _found(config).warnings if used(config.plain()) else ()


def used(asked: Mapping[str, Any]) -> bool:
    """Whether these values name any objects, or a network, of the user's own."""
    return bool(asked.get("objects") or _network(asked))


def _network(asked: Mapping[str, Any]) -> Network | None:
    model = asked.get("model")
    written = model.get("build") if isinstance(model, Mapping) else None
    return None if written is None else named(written)


def installed(config: Config) -> dict[str, Any] | None:
    """The description that ``custom_objects.own.load`` reads, and the ``folder`` of its snapshot.

    Returns:
      None where the config names none.

    Raises:
      ObjectsError: a file was changed meanwhile.
    """
    if not used(config.plain()):
        return None
    found = _found(config)
    folder = inspection.snapshot(found, _tried(config.workspace).parent)
    return {**found.plain(), "folder": str(folder)}


def embedded(config: Config) -> dict[str, Any] | None:
    """As ``installed``, for another machine: the ``sources``, packed, in place of the folder.

    Raises:
      ObjectsError: a file was changed meanwhile.
    """
    found = installed(config)
    if found is None:
        return None
    folder = Path(found.pop("folder"))
    files = [file for module in found["modules"].values() for file in module["files"]]
    sources = {file: (folder / file).read_text(encoding="utf-8") for file in files}
    return {**found, "sources": packed(sources)}


def _found(config: Config) -> Objects:
    return inspection.inspect(config.objects, _tried(config.workspace), _network(config.plain()))


def _tried(workspace: Path) -> Path:
    return Workspace.at(workspace).objects / "tried.json"


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
