"""Settings by dotted key, such as ``training.loss.config.threshold``."""

from collections.abc import Collection, Mapping

from huberflow.custom_objects.json_record import JSON


def flatten(values: Mapping[str, JSON], prefix: str = "") -> dict[str, JSON]:
    """Nested mappings, and lists of mappings, as one mapping with dotted keys.

    A list of plain values is one value; an empty mapping leaves none.
    """
    flat: dict[str, JSON] = {}
    for key, value in values.items():
        if isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
            value = {str(place): item for place, item in enumerate(value)}
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def short_names(keys: Collection[str]) -> dict[str, str]:
    """The shortest suffix of each dotted key that is unique and does not start with a digit."""
    ends: dict[str, set[str]] = {}
    for key in keys:
        for end in _ends(key):
            ends.setdefault(end, set()).add(key)
    return {
        key: next((end for end in _ends(key) if len(ends[end]) == 1 and not end[0].isdigit()), key)
        for key in keys
    }


def _ends(key: str) -> list[str]:
    names = key.split(".")
    return [".".join(names[place:]) for place in reversed(range(len(names)))]
