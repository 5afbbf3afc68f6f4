"""Writes a config as YAML with comments."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from huberflow.pipeline.config.choices import Choice
from huberflow.pipeline.config.root import Config
from huberflow.pipeline.config.yaml_text import flow


def to_yaml(config: Config) -> str:
    """The config as YAML, with the description of each key above it."""
    return "\n".join(_lines(config, 0)) + "\n"


def _lines(model: BaseModel, depth: int) -> Iterable[str]:
    indent = "  " * depth
    for key, field in type(model).model_fields.items():
        value = getattr(model, key)
        section = isinstance(value, BaseModel) and not isinstance(value, Choice)
        if section:
            if depth == 0:
                yield ""
            yield f"{indent}# {(type(value).__doc__ or '').strip()}"
            yield f"{indent}{key}:"
            yield from _lines(value, depth + 1)
            continue
        if field.description:
            yield f"{indent}# {field.description}"
        yield from (indent + line for line in _entry(field.alias or key, plain(value)))


def _entry(key: str, value: Any) -> list[str]:
    """The lines of a key and its value; a list of mappings has a line for each item."""
    line = f"{key}: {flow(value)}"
    if not isinstance(value, list):
        return [line]
    if len(line) > 90 or any(isinstance(item, dict) for item in value):
        return [f"{key}:", *(f"  - {flow(item)}" for item in value)]
    return [line]


def plain(value: object) -> object:
    """The value as a person would write it, without null or empty arguments of an object."""
    if isinstance(value, BaseModel):
        return {
            key: plain(item)
            for key, item in value
            if item is not None and not (key == "config" and item == {})
        }
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value
