"""Dataclasses that TFX stores as JSON: between two nodes, and in a node's ``custom_config``."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import NoneType, UnionType
from typing import Any, Self, TypeAlias, get_args, get_origin, get_type_hints

JSON: TypeAlias = None | bool | int | float | str | Sequence["JSON"] | Mapping[str, "JSON"]
"""Any JSON value."""


@dataclass(frozen=True, kw_only=True)
class JsonRecord:
    """A dataclass of JSON values, other records, and tuples of both."""

    def to_json(self) -> dict[str, JSON]:
        """The fields as a JSON object."""
        fields: dict[str, JSON] = json.loads(self.to_text())
        return fields

    def to_text(self) -> str:
        """The JSON object as text; equal records have equal texts."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, fields: Mapping[str, JSON]) -> Self:
        """The record whose ``to_json`` gave ``fields``.

        Raises:
          TypeError: a field is missing, or unknown.
        """
        kinds = get_type_hints(cls)
        return cls(**{name: _parsed(kinds.get(name), value) for name, value in fields.items()})

    @classmethod
    def from_text(cls, text: str) -> Self:
        """The record whose ``to_text`` gave ``text``."""
        return cls.from_json(json.loads(text))


def _parsed(kind: Any, value: Any) -> Any:
    """A JSON value as a field's type has it."""
    if value is None:
        return None
    if get_origin(kind) is UnionType:
        is_list = isinstance(value, (list, tuple))
        members = [each for each in get_args(kind) if each is not NoneType]
        kind = next((each for each in members if (get_origin(each) is tuple) == is_list), None)
    if get_origin(kind) is tuple:
        return tuple(_parsed(get_args(kind)[0], each) for each in value)
    if isinstance(kind, type) and issubclass(kind, JsonRecord) and isinstance(value, Mapping):
        return kind.from_json(value)
    return value
