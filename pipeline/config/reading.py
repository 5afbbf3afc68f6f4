"""Reads and validates a config: a YAML file, then each ``--set``; later values win."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from huberflow.custom_objects.catalogue import BUILT_IN, Catalogue
from huberflow.custom_objects.input_error import InputError, InputErrors
from huberflow.custom_objects.json_record import JSON
from huberflow.pipeline.config.mistakes import explain
from huberflow.pipeline.config.root import Config
from huberflow.pipeline.config.yaml_text import parse


@dataclass(frozen=True)
class Asked:
    """The settings of a user: a YAML file, then each ``--set``; later layers win."""

    layers: tuple[Mapping[str, JSON], ...]

    def over(self, values: Mapping[str, JSON]) -> dict[str, JSON]:
        """``values`` with all layers merged into them, in order."""
        merged = dict(values)
        for layer in self.layers:
            merged = _merge(merged, layer)
        return merged


def read(path: Path | None = None, settings: Sequence[str] = ()) -> Asked:
    """The settings in a file and in ``--set``, not yet validated.

    Args:
      path: a YAML file with any of the keys of ``Config``.
      settings: ``a.b=value`` each; the value is YAML.

    Raises:
      InputError: the file or a setting cannot be read.
    """
    file = [_read(path)] if path is not None else []
    return Asked((*file, *map(_parse_setting, settings)))


def validate(values: Mapping[str, JSON], catalogue: Catalogue = BUILT_IN) -> Config:
    """The config with these values; the catalogue has the objects that it may name.

    Raises:
      InputErrors: some values are wrong; an error for each.
    """
    try:
        # JSON mode reads lists as tuples and text as paths, and is strict about all else.
        text = json.dumps(values, default=str)
        return Config.model_validate_json(text, context={"catalogue": catalogue})
    except ValidationError as error:
        raise InputErrors(explain(error)) from error


def _merge(base: Mapping[str, JSON], over: Mapping[str, JSON]) -> dict[str, JSON]:
    """``over`` on top of ``base``, mapping by mapping.

    An object that gets another ``name``, or its name and arguments at once, drops the arguments of
    the one before.
    """
    replaced = "config" in base and "name" in over
    if replaced and "config" not in over:
        replaced = over["name"] != base.get("name")
    merged = {**base, "config": {}} if replaced else dict(base)
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


_WHOLE = {"amounts", "class_weight", "cyclic", "dates", "left_out", "values"}
"""Mappings with the user's own keys; they are replaced, not merged."""


def _read(path: Path) -> dict[str, JSON]:
    try:
        values = parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            "--config",
            expected="a readable file",
            received=f"{path} ({error.strerror})",
            write="huberflow config > my.yaml",
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(
            "--config", expected="YAML", received=str(path), hint=_in_one_line(error)
        ) from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise InputError(
            "--config",
            expected="a mapping of keys",
            received=f"{type(values).__name__} in {path}",
            write="training: {epochs: 5}",
        )
    return values


def _parse_setting(setting: str) -> dict[str, JSON]:
    key, separator, text = setting.partition("=")
    if not separator or not all(key.strip().split(".")):
        raise InputError(
            "--set",
            expected="key=value",
            received=repr(setting),
            write="--set training.loss.config.threshold=2.0",
        )
    try:
        value: Any = parse(text)
    except yaml.YAMLError as error:
        raise InputError(
            f"--set {key}", expected="YAML", received=repr(text), hint=_in_one_line(error)
        ) from error
    for part in reversed(key.strip().split(".")):
        value = {part: value}
    return value


def _in_one_line(error: Exception) -> str:
    return " ".join(str(error).split())
