"""Dataclasses that are stored as JSON: configs of nodes, custom objects, files in artifacts."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Self, TypeAlias, get_args, get_origin, get_type_hints

JSON: TypeAlias = bool | int | float | str | Sequence["JSON"] | Mapping[str, "JSON"] | None
"""Any JSON value."""


@dataclass(frozen=True, kw_only=True)
class JsonRecord:
    """A dataclass of JSON values, of other classes with ``to_json``, and of tuples of both."""

    def to_json(self) -> dict[str, JSON]:
        """The fields as a JSON object, where "NaN" and "Infinity" are text, as in ProtoJSON."""
        return {each.name: _json(getattr(self, each.name)) for each in fields(self)}

    def to_text(self) -> str:
        """The JSON object as text; equal records have equal texts."""
        return json.dumps(self.to_json(), sort_keys=True)

    @classmethod
    def from_json(cls, values: Mapping[str, JSON]) -> Self:
        """The record whose ``to_json`` gave ``values``.

        Raises:
          TypeError: a field is missing, or unknown.
        """
        kinds = _kinds(cls)  # type: ignore[arg-type]  # a class is hashable
        return cls(**{name: _parsed(kinds.get(name), value) for name, value in values.items()})

    @classmethod
    def from_text(cls, text: str) -> Self:
        """The record whose ``to_text`` gave ``text``."""
        return cls.from_json(json.loads(text))

    def write(self, path: Path) -> None:
        """Writes a file of strict JSON; see ``to_json`` for numbers that are not finite."""
        path.write_text(json.dumps(self.to_json(), indent=1, allow_nan=False), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Self:
        """The record that ``write`` wrote."""
        return cls.from_text(path.read_text(encoding="utf-8"))


_NOT_FINITE = ("NaN", "Infinity", "-Infinity")


@cache  # evaluating the annotations takes longer than all else
def _kinds(record: type[JsonRecord]) -> Mapping[str, Any]:
    return get_type_hints(record)


def _json(value: Any) -> JSON:
    if hasattr(value, "to_json"):
        return _json(value.to_json())
    if isinstance(value, Mapping):
        return {key: _json(each) for key, each in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, list | tuple):
        return [_json(each) for each in value]
    return str(value) if isinstance(value, Path) else value


def _parsed(kind: Any, value: Any) -> Any:
    """A JSON value as a field of this type has it."""
    if isinstance(value, str) and Path in get_args(kind):
        return Path(value)
    if value is None or isinstance(value, str | int | float):
        is_text = str in (kind, *get_args(kind))
        return float(value) if value in _NOT_FINITE and not is_text else value
    if get_origin(kind) is UnionType:
        is_list = isinstance(value, list | tuple)
        members = [each for each in get_args(kind) if each is not NoneType]
        kind = next((each for each in members if (get_origin(each) is tuple) == is_list), None)
    if get_origin(kind) is tuple:
        return tuple(_parsed(get_args(kind)[0], each) for each in value)
    if get_origin(kind) is Mapping:
        return {key: _parsed(get_args(kind)[1], each) for key, each in value.items()}
    return kind.from_json(value) if hasattr(kind, "from_json") else value
