"""Functions of TensorFlow, replaced in one thread alone."""

from __future__ import annotations

import threading
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def replaced(function: types.FunctionType, here: Callable[..., Any]) -> Iterator[None]:
    """Within the block, a call of the function in this thread is one of ``here``.

    All other threads call what they did. The function gets other code, and so it does not matter
    under which names it was imported. One thread at a time may do so.

    Args:
      function: without a closure.
      here: takes the same arguments.
    """
    thread, elsewhere = threading.get_ident(), original(function)

    def chosen(*args: Any, **kwargs: Any) -> Any:
        return (here if threading.get_ident() == thread else elsewhere)(*args, **kwargs)

    code, defaults = function.__code__, function.__kwdefaults__
    function.__kwdefaults__ = {**(defaults or {}), "_chosen": chosen}
    function.__code__ = _in_place.__code__
    try:
        yield
    finally:
        function.__code__ = code
        function.__kwdefaults__ = defaults


def original(function: types.FunctionType) -> types.FunctionType:
    """A function that does what this one does now, whatever replaces it."""
    code, variables = function.__code__, function.__globals__
    copy = types.FunctionType(code, variables, function.__name__, function.__defaults__)
    copy.__kwdefaults__ = function.__kwdefaults__
    return copy


def _in_place(*args: Any, _chosen: Callable[..., Any], **kwargs: Any) -> Any:
    return _chosen(*args, **kwargs)
