"""Reads a config: defaults, then a YAML file, then ``--set``; the last wins."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from huberflow.pipeline.config.data import paths_of
from huberflow.pipeline.config.mistakes import explain
from huberflow.pipeline.config.root import Config
from huberflow.pipeline.config.yaml_text import parse


class ConfigError(Exception):
    """The config is wrong; each line of the message is one mistake and what to write instead."""


def load(path: Path | None = None, settings: Sequence[str] = ()) -> Config:
    """The config of a run.

    Args:
      path: a YAML file with any of the keys of ``Config``.
      settings: ``a.b=value`` each; the value is YAML.

    Raises:
      ConfigError: a file or setting is wrong; says which, what was expected, what to write.
    """
    asked = [*([_read(path)] if path is not None else []), *map(_parse_setting, settings)]
    together: dict[str, Any] = {}
    for over in asked:
        together = _merge(together, over)
    values = _defaults(together)
    for over in asked:
        values = _merge(values, over)
    with _objects_of(together) as check:
        try:
            # JSON mode reads lists as tuples and text as paths, and is strict about all else.
            config = Config.model_validate_json(json.dumps(values, default=str))
        except ValidationError as error:
            raise ConfigError("\n".join(explain(error))) from error
        check(config)
    return _held_to_data(config)


def _held_to_data(config: Config) -> Config:
    """Where the config leaves open how a column splits the rows, as they say; they are checked."""
    with _data_errors():
        if not config.data.paths():
            from huberflow.pipeline.data import taxi

            taxi.check(config)
            return config
        from huberflow.pipeline.resolve import data_defaults

        return data_defaults.with_splits(config)


def _defaults(asked: Mapping[str, Any]) -> dict[str, Any]:
    """All values, for what is asked to be laid over: on data of the user's own, as these decide."""
    data = asked.get("data")
    if not isinstance(data, Mapping) or not paths_of(data):
        return Config().plain()
    from huberflow.pipeline.resolve import (
        data_defaults,  # reads files, by libraries that take a while to import
    )

    with _data_errors():
        return data_defaults.defaults(asked)


@contextmanager
def _data_errors() -> Iterator[None]:
    from huberflow.components.data.files import DataError

    try:
        yield
    except DataError as error:
        raise ConfigError(str(error)) from error


@contextmanager
def _objects_of(asked: Mapping[str, Any]) -> Iterator[Callable[[Config], None]]:
    """Inside, a config may name the user's own objects; yields what tries them as it does."""
    from huberflow.pipeline.history.workspace import WorkspaceError
    from huberflow.pipeline.objects import chosen_objects

    try:
        if not chosen_objects.used(asked):
            yield lambda config: None
            return
        chosen_objects.make_known(asked)
        yield chosen_objects.check
    except (chosen_objects.ObjectsError, WorkspaceError) as error:
        raise ConfigError(str(error)) from error


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """``over`` on top of ``base``, mapping by mapping.

    An object that gets another ``name`` drops the arguments of the one before.
    """
    renamed = "config" in base and over.get("name", base.get("name")) != base.get("name")
    merged = {**base, "config": {}} if renamed else dict(base)
    for key, value in over.items():
        below = merged.get(key)
        if not isinstance(value, Mapping) or key in _WHOLE:
            merged[key] = value
        elif isinstance(below, Mapping):
            merged[key] = _merge(below, value)
        elif isinstance(below, list) and all(str(place).isdigit() for place in value):
            # `--set training.metrics.0.config.threshold=2.0`
            items = _merge({str(place): item for place, item in enumerate(below)}, value)
            merged[key] = list(items.values())
        else:
            merged[key] = value
    return merged


_WHOLE = {"cyclic", "dates", "left_out", "values"}
"""Mappings whose keys are the user's: given anew, not merged."""


def _read(path: Path) -> dict[str, Any]:
    try:
        values = parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"--config: expected a readable file, received {path} ({error.strerror}); "
            "write a first one with: huberflow config > my.yaml"
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"--config: {path} is not YAML: {_in_one_line(error)}") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(
            f"--config: expected a mapping of keys in {path}, received "
            f"{type(values).__name__}; write: training: {{epochs: 5}}"
        )
    return values


def _parse_setting(setting: str) -> dict[str, Any]:
    key, separator, text = setting.partition("=")
    if not separator or not all(key.strip().split(".")):
        raise ConfigError(
            f"--set: expected key=value, received {setting!r}; "
            "write: --set training.loss.config.threshold=2.0"
        )
    try:
        value = parse(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"--set {key}: {text!r} is not YAML: {_in_one_line(error)}") from error
    for part in reversed(key.strip().split(".")):
        value = {part: value}
    return value


def _in_one_line(error: Exception) -> str:
    return " ".join(str(error).split())
