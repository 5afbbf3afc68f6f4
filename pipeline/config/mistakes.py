"""Says of each mistake in a config where it is, what was expected, and what to write instead."""

import difflib
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from huberflow.pipeline.config.root import Config
from huberflow.pipeline.config.writing import plain
from huberflow.pipeline.config.yaml_text import flow


def explain(error: ValidationError) -> Iterable[str]:
    """A line for each mistake."""
    mistakes = error.errors()
    for mistake in mistakes:
        path = [str(part) for part in mistake["loc"]]
        if mistake["type"] == "extra_forbidden":
            yield _unknown_key(path)
        elif mistake["type"] == "too_short" and _has_deeper(mistake["loc"], mistakes):
            continue  # pydantic also counts the items that it refused
        else:
            path, reason = _located(path, _expectation(mistake))
            form = "" if "; write: " in reason else _correct_form(path)
            yield f"{'.'.join(path)}: {reason}{form}"


def _has_deeper(place: tuple[Any, ...], mistakes: Iterable[Any]) -> bool:
    return any(m["loc"] != place and m["loc"][: len(place)] == place for m in mistakes)


def _expectation(mistake: Any) -> str:
    context = mistake.get("ctx", {})
    if mistake["type"] == "value_error":
        reason = str(context["error"])
    elif mistake["type"] == "too_short":
        reason = f"expected at least {context['min_length']} item"
    elif mistake["type"] == "missing":
        reason = "expected this key"
    elif mistake["type"] == "string_pattern_mismatch":
        reason = f"expected text like {context['pattern']}"
    else:
        reason = mistake["msg"].replace("Input should be", "expected")
    return reason if "received" in reason else f"{reason}, received {flow(mistake['input'])}"


def _located(path: list[str], reason: str) -> tuple[list[str], str]:
    """Our own checks of a section name the key below it: ``config.threshold: expected …``."""
    below, separator, rest = reason.partition(": ")
    if separator and " " not in below:
        return path + below.split("."), rest
    return path, reason


def _correct_form(path: Sequence[str]) -> str:
    default = _lookup(Config().plain(), path)
    if default is None:
        return "; see: huberflow config"
    if isinstance(default, dict | list) and not path[-1].isdigit():
        return f"; write, for example: {path[-1]}: {flow(_plain_default(path))}"
    setting = f"{'.'.join(path)}={flow(_plain_default(path))}"
    return f"; write, for example: --set {shlex.quote(setting)}"


def _plain_default(path: Sequence[str]) -> Any:
    value: Any = Config()
    for part in path:
        if isinstance(value, BaseModel):
            value = getattr(value, part)
        else:
            value = value[int(part)] if isinstance(value, tuple) else value[part]
    return plain(value)


def _unknown_key(path: Sequence[str]) -> str:
    siblings = _lookup(Config().plain(), path[:-1])
    known = list(siblings) if isinstance(siblings, dict) else []
    close = difflib.get_close_matches(path[-1], known, n=1)
    elsewhere = [key for key in _all_keys(Config().plain()) if key.endswith("." + path[-1])]
    hint = ".".join([*path[:-1], close[0]]) if close else next(iter(elsewhere), None)
    names = f"expected one of: {', '.join(known)}" if known else "see: huberflow config"
    expected = f"did you mean {hint}?" if hint else names
    return f"{'.'.join(path)}: no such key; {expected}"


def _all_keys(values: Mapping[str, Any], prefix: str = "") -> Iterable[str]:
    for key, value in values.items():
        yield prefix + key
        if isinstance(value, dict):
            yield from _all_keys(value, f"{prefix}{key}.")


def _lookup(values: Any, path: Sequence[str]) -> Any:
    for part in path:
        if isinstance(values, list) and part.isdigit() and int(part) < len(values):
            values = values[int(part)]
        elif isinstance(values, Mapping) and part in values:
            values = values[part]
        else:
            return None
    return values
