"""Checks of constructor arguments, shared by the objects themselves and by the config.

Each check takes the argument's name and value, and returns the value as the object stores it.
InputError names the argument, what was expected and what was received.
"""

import math
from collections.abc import Callable
from typing import Any

from .input_error import InputError


def positive(argument: str, value: object) -> float:
    """A finite number above zero."""
    number = _finite(argument, value, "a finite number > 0")
    if number <= 0:
        raise _error(argument, "a finite number > 0", value)
    return number


def non_negative(argument: str, value: object) -> float:
    """A finite number, zero or above."""
    number = _finite(argument, value, "a finite number >= 0")
    if number < 0:
        raise _error(argument, "a finite number >= 0", value)
    return number


def finite(argument: str, value: object) -> float:
    """A finite number of either sign."""
    return _finite(argument, value, "a finite number")


def open_fraction(argument: str, value: object) -> float:
    """A number strictly between 0 and 1."""
    number = _finite(argument, value, "a number between 0 and 1")
    if not 0 < number < 1:
        raise _error(argument, "a number between 0 and 1", value)
    return number


def one_of(*names: str) -> Callable[[str, Any], str]:
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


def _finite(argument: str, value: object, expected: str) -> float:
    # bool is an int to Python, but `threshold=True` is a mistake. A NumPy scalar has __float__, and
    # so has NumPy's bool, which only its dtype gives away.
    boolean = isinstance(value, bool) or str(getattr(value, "dtype", "")) == "bool"
    if boolean or isinstance(value, (str, bytes)) or not hasattr(value, "__float__"):
        raise _error(argument, expected, value)
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise _error(argument, expected, value) from error
    if not math.isfinite(number):
        raise _error(argument, expected, value)
    return number


def _error(argument: str, expected: str, received: object) -> InputError:
    return InputError(
        argument, expected=expected, received=f"{received!r} ({type(received).__name__})"
    )
