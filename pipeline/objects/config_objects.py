"""The user-defined losses, metrics, layers and network that a config names."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel

from huberflow.components.contracts.features import FeaturesConfig
from huberflow.components.contracts.model_config import ModelConfig
from huberflow.components.contracts.target import Target
from huberflow.components.objects.protocol import ChoiceQuestion, NetworkQuestion
from huberflow.custom_objects.input_error import InputError
from huberflow.custom_objects.user_objects import UserNetwork, UserObjects
from huberflow.pipeline.config import Choice, Config
from huberflow.pipeline.history.workspace import Workspace
from huberflow.pipeline.objects import inspection, module_sources, network_function
from huberflow.pipeline.objects.inspection import ValidatedObjects
from huberflow.pipeline.objects.packing import packed


def inspect(asked: Mapping[str, object], workspace: Workspace) -> ValidatedObjects | None:
    """Validates the objects in the files that a user names, in a process of their own.

    Args:
      asked: what the user sets; ``objects`` and ``model.build`` are read.
      workspace: remembers which objects are valid.

    Returns:
      None where the user names neither.

    Raises:
      InputErrors: an object would fail later, or its name is taken.
    """
    model = asked.get("model")
    build = model.get("build") if isinstance(model, Mapping) else None
    paths = asked.get("objects") or []
    if not paths and build is None:
        return None
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise InputError(
            "objects",
            expected="a list of files",
            received=repr(paths),
            write="objects: [my_losses.py]",
        )
    network = None if build is None else network_function.parse(build)
    return inspection.inspect(map(Path, paths), _cache(workspace), network)


def check(objects: ValidatedObjects, config: Config, workspace: Workspace) -> None:
    """Builds each user-defined object with its arguments in the config, and the network.

    Raises:
      InputErrors: a constructor refuses its arguments, or the network would fail later.
    """
    asked = [
        ChoiceQuestion(key=key, name=each.name, task=config.model.task, config=each.config)
        for key, each in choices(config)
    ]
    network = objects.description.network
    question = _network_question(network, config) if network else None
    inspection.check_choices(objects, asked, _cache(workspace), question)


def _network_question(network: UserNetwork, config: Config) -> NetworkQuestion:
    target = Target(config.data.labels, config.data.classes)
    features = FeaturesConfig.from_json(config.features.plain())
    return NetworkQuestion(
        module=network.module,
        function=network.function,
        model=ModelConfig.from_json(config.model.plain()),
        numbers=features.numbers,
        categories=len(features.embedded),
        outputs=target.width,
        activation=target.activation,
        mixed_precision=config.training.mixed_precision,
        allow_ops=config.export.allow_ops,
    )


def install(objects: ValidatedObjects, workspace: Workspace) -> UserObjects:
    """Copies the source of the objects into the workspace, under its hash.

    Returns:
      Their description, with the ``folder`` of the copy.

    Raises:
      InputError: a file was changed since it was validated.
    """
    folder = module_sources.snapshot(objects.sources, workspace.objects_to_write())
    return replace(objects.description, folder=folder)


def embed(installed: UserObjects) -> UserObjects:
    """The description for another machine: packed ``sources`` in place of the ``folder``."""
    return replace(installed, folder=None, sources=packed(installed.source_files()))


def _cache(workspace: Workspace) -> Path:
    return workspace.objects / "validated"


def choices(section: BaseModel, prefix: str = "") -> Iterator[tuple[str, Choice]]:
    """Every object that a config names, by its key."""
    for key, value in section:
        items = value if isinstance(value, tuple) else (value,)
        for place, item in enumerate(items):
            name = f"{prefix}{key}.{place}" if isinstance(value, tuple) else f"{prefix}{key}"
            if isinstance(item, Choice):
                yield from _with_held(name, item)
            elif isinstance(item, BaseModel):
                yield from choices(item, f"{name}.")


def _with_held(key: str, choice: Choice) -> Iterator[tuple[str, Choice]]:
    """An object, and those that its arguments are, such as the schedule of a learning rate."""
    yield key, choice
    for argument, value in choice.config.items():
        if isinstance(value, Mapping) and "name" in value:
            held = Choice(name=value["name"], config=value.get("config") or {})
            yield from _with_held(f"{key}.config.{argument}", held)
