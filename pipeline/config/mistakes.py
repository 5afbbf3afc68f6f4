"""Turns the errors of pydantic into ``InputError``s."""

import difflib
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.config.root import Config
from huberflow.pipeline.config.writing import plain
from huberflow.pipeline.config.yaml_text import flow


def explain(error: ValidationError) -> list[InputError]:
    """Each error of pydantic, with its key and the line to write instead."""
    mistakes = error.errors()
    return [
        _explained(mistake)
        for mistake in mistakes
        # pydantic also counts the items that it refused
        if not (mistake["type"] == "too_short" and _has_deeper(mistake["loc"], mistakes))
    ]


def _has_deeper(place: tuple[Any, ...], mistakes: Iterable[Any]) -> bool:
    return any(m["loc"] != place and m["loc"][: len(place)] == place for m in mistakes)


def _explained(mistake: Any) -> InputError:
    path = [str(part) for part in mistake["loc"]]
    if mistake["type"] == "extra_forbidden":
        return _unknown_key(path)
    if mistake["type"] == "value_error":
        wrong = mistake["ctx"]["error"].below(".".join(path))  # of our own validators
    else:
        received = flow(mistake["input"])
        wrong = InputError(".".join(path), expected=_expectation(mistake), received=received)
    return wrong if wrong.write or wrong.hint else _with_default(wrong)


def _expectation(mistake: Any) -> str:
    context = mistake.get("ctx", {})
    match mistake["type"]:
        case "too_short":
            return f"at least {context['min_length']} item"
        case "missing":
            return "this key"
        case "string_pattern_mismatch":
            return f"text like {context['pattern']}"
    return mistake["msg"].replace("Input should be ", "")


def _with_default(wrong: InputError) -> InputError:
    """The same error, with the default as an example of what to write."""
    path = wrong.key.split(".")
    default = _lookup(Config().plain(), path)
    if default is None:
        wrong.hint = "see: huberflow config"
    elif isinstance(default, dict | list) and not path[-1].isdigit():
        wrong.write = f"{path[-1]}: {flow(_plain_default(path))}"
    else:
        wrong.write = "--set " + shlex.quote(f"{wrong.key}={flow(_plain_default(path))}")
    return wrong


def _plain_default(path: Sequence[str]) -> Any:
    value: Any = Config()
    for part in path:
        if isinstance(value, BaseModel):
            value = getattr(value, part)
        else:
            value = value[int(part)] if isinstance(value, tuple) else value[part]
    return plain(value)


def _unknown_key(path: Sequence[str]) -> InputError:
    siblings = _lookup(Config().plain(), path[:-1])
    keys = list(siblings) if isinstance(siblings, dict) else []
    close = difflib.get_close_matches(path[-1], keys, n=1)
    elsewhere = [key for key in _all_keys(Config().plain()) if key.endswith("." + path[-1])]
    meant = ".".join([*path[:-1], close[0]]) if close else next(iter(elsewhere), None)
    return InputError(
        ".".join(path),
        expected=f"one of {', '.join(keys)}" if keys else "a key that `huberflow config` prints",
        received=f"the unknown key {path[-1]!r}",
        hint=f"did you mean {meant}?" if meant else None,
    )


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
