"""Whether parsed JSON has the form that a ``TypedDict`` describes."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict


def misfits(value: object, form: Any, place: str) -> Iterator[str]:
    """What does not fit, in words: ``golden.rows: expected a whole number, received null``.

    Args:
      value: parsed JSON.
      form: a type: a ``TypedDict``, a list, a dict, a union, a scalar, or ``Any``.
      place: the name of the value.
    """
    kind, arguments = get_origin(form) or form, get_args(form)
    if kind is Any:
        return
    if kind in (types.UnionType, Union):
        if all(any(misfits(value, each, place)) for each in arguments):
            yield _misfit(value, arguments, place)
    elif not isinstance(value, _held(kind)) or (isinstance(value, bool) and kind is not bool):
        yield _misfit(value, [kind], place)
    elif is_typeddict(form):
        for name, inner in get_type_hints(form, include_extras=True).items():
            required = get_origin(inner) is not NotRequired
            if name in value:
                known = inner if required else get_args(inner)[0]
                yield from misfits(value[name], known, f"{place}.{name}".lstrip("."))
            elif required:
                yield f"{place} lacks {name}".lstrip()
    elif kind is dict:
        for name, each in value.items():
            yield from misfits(each, arguments[1], f"{place}.{name}")
    elif kind is list:
        for position, each in enumerate(value):
            yield from misfits(each, arguments[0], f"{place}[{position}]")


def _held(kind: Any) -> Any:
    """The Python types of parsed JSON that are of a kind."""
    if is_typeddict(kind):
        return dict
    return (int, float) if kind is float else kind


def _misfit(value: object, kinds: Any, place: str) -> str:
    expected = " or ".join(_WORDS[_held(kind)] for kind in kinds)
    return f"{place}: expected {expected}, received {_WORDS[type(value)]}"


_WORDS: dict[Any, str] = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    (int, float): "a number",
    list: "a list",
    dict: "an object",
    types.NoneType: "null",
}
