"""The names of a request's columns, checked before anything is built of them."""

import reprlib
from collections.abc import Collection, Iterable

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.data.source import did_you_mean

_MOST_LETTERS = 100
"""Of a name for which a similar one is looked for; the search takes memory for each letter."""


def check_names(names: Iterable[object], known: Collection[str]) -> None:
    """Checks that each name is one that the model reads.

    Raises:
      InputError: one is not.
    """
    for name in names:
        if name not in known:
            raise InputError(
                "columns",
                expected=f"any of {', '.join(known)}",
                received=reprlib.repr(name),
                hint=did_you_mean(str(name)[:_MOST_LETTERS], known),
            )


def refuse_twice(names: Iterable[str], key: str = "columns", expected: str = "each once") -> None:
    """Checks that no name is there twice.

    Raises:
      InputError: one is.
    """
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InputError(key, expected=expected, received=f"{reprlib.repr(name)} twice")
        seen.add(name)
