"""Checks of constructor arguments, shared by the objects themselves and by the config.

Each check takes the argument's name and value, and returns the value as the object stores it.
InputError names the argument, what was expected and what was received.
"""

import math
from collections.abc import Callable
from contextlib import suppress
from typing import SupportsFloat, TypeVar

from .input_error import InputError

T = TypeVar("T")


def _number(expected: str, accepts: Callable[[float], bool]) -> Callable[[str, object], float]:
    """A check: the value is a finite number, and one that ``accepts``."""

    def check(argument: str, value: object) -> float:
        # bool is an int to Python, but `threshold=True` is a mistake. A NumPy scalar has __float__,
        # and so has NumPy's bool, which only its dtype gives away.
        boolean = isinstance(value, bool) or str(getattr(value, "dtype", "")) == "bool"
        number = math.nan
        if isinstance(value, SupportsFloat) and not boolean:
            with suppress(TypeError, ValueError, OverflowError):
                number = float(value)
        if not (math.isfinite(number) and accepts(number)):
            raise _error(argument, expected, value)
        return number

    return check


positive = _number("a finite number > 0", lambda number: number > 0)
non_negative = _number("a finite number >= 0", lambda number: number >= 0)
finite = _number("a finite number", lambda number: True)
open_fraction = _number("a number between 0 and 1", lambda number: 0 < number < 1)
fraction = _number("a number from 0 to 1", lambda number: 0 <= number <= 1)
part = _number("a number >= 0 and < 1", lambda number: 0 <= number < 1)
positive_fraction = _number("a number > 0 and <= 1", lambda number: 0 < number <= 1)
not_positive = _number("a finite number <= 0", lambda number: number <= 0)
rate = _number(
    "a finite number > 0, or a schedule: {name: CosineDecay, config: {…}}",
    lambda number: number > 0,
)


def optional(
    check: Callable[[str, object], object],
) -> Callable[[str, object], object]:
    """The same check, which takes None too."""
    return lambda argument, value: None if value is None else check(argument, value)


def whole(lowest: int) -> Callable[[str, object], int]:
    """A check: the value is a whole number, and not below ``lowest``."""

    def check(argument: str, value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < lowest:
            raise _error(argument, f"a whole number >= {lowest}", value)
        return value

    return check


def boolean(argument: str, value: object) -> bool:
    """True or False."""
    if not isinstance(value, bool):
        raise _error(argument, "true or false", value)
    return value


def list_of(check: Callable[[str, object], T]) -> Callable[[str, object], list[T]]:
    """A check: the value is a list of values that pass a check."""

    def check_each(argument: str, value: object) -> list[T]:
        if not isinstance(value, list | tuple):
            raise _error(argument, "a list", value)
        return [check(f"{argument}.{place}", each) for place, each in enumerate(value)]

    return check_each


def one_of(*names: str) -> Callable[[str, object], str]:
    """A check: the value is one of these names."""

    def check(argument: str, value: object) -> str:
        if value not in names:
            raise _error(argument, " or ".join(names), value)
        return str(value)

    return check


def optional_seed(argument: str, value: object) -> int | None:
    """A whole number, or None for a fresh draw at every call."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise _error(argument, "a whole number or None", value)
    return value


def _error(argument: str, expected: str, received: object) -> InputError:
    return InputError(
        argument, expected=expected, received=f"{received!r} ({type(received).__name__})"
    )
