"""Keras's registry of custom objects, with changes that are seen in one thread alone."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

from .keras_2 import keras_2


class Registry(MutableMapping[str, Any]):
    """Stands in for Keras's registry while a thread has one of its own.

    For all other threads it is the one that they know.

    Args:
      variables: those of Keras's module.
    """

    def __init__(self, variables: dict[str, Any]) -> None:
        self._variables = variables
        self._of_all: dict[str, Any] = variables[_NAME]
        self._in_thread = threading.local()
        self._lock, self._threads = threading.Lock(), 0  # held only in `_in_place`

    @contextmanager
    def own(self) -> Iterator[None]:
        """What this thread changes in the registry ends with the outermost such block."""
        if self._changes is not None:
            yield
            return
        with self._in_place(), self._with({}):
            yield

    @contextmanager
    def of_all(self) -> Iterator[None]:
        """Inside ``own``: the registry that all threads have, for code that all of them use."""
        with self._with(None):
            yield

    @contextmanager
    def _in_place(self) -> Iterator[None]:
        with self._lock:
            self._threads += 1
            self._variables[_NAME] = self
        try:
            yield
        finally:
            with self._lock:
                self._threads -= 1
                if not self._threads:
                    self._variables[_NAME] = self._of_all

    @property
    def _changes(self) -> dict[str, Any] | None:
        return getattr(self._in_thread, "changes", None)

    @contextmanager
    def _with(self, changes: dict[str, Any] | None) -> Iterator[None]:
        before, self._in_thread.changes = self._changes, changes
        try:
            yield
        finally:
            self._in_thread.changes = before

    def _seen(self) -> dict[str, Any]:
        if self._changes is None:
            return self._of_all
        changed = {**self._of_all, **self._changes}
        return {name: target for name, target in changed.items() if target is not _DELETED}

    def __getitem__(self, name: str) -> Any:
        return self._seen()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._seen())

    def __len__(self) -> int:
        return len(self._seen())

    def __setitem__(self, name: str, target: Any) -> None:
        if self._changes is None or _is_being_imported(target):
            self._of_all[name] = target
        else:
            self._changes[name] = target

    def __delitem__(self, name: str) -> None:
        if self._changes is None:
            del self._of_all[name]
        elif name in self:
            self._changes[name] = _DELETED
        else:
            raise KeyError(name)

    def copy(self) -> dict[str, Any]:
        """As a dictionary has it."""
        return dict(self._seen())


def registry() -> Registry:
    """The one for all loaders in the process: each bundle brings one."""
    keras = keras_2()
    variables = sys.modules[keras.utils.get_custom_objects.__module__].__dict__
    shared: Registry = vars(keras).setdefault("_reload_registry", Registry(variables))
    return shared


def _is_being_imported(target: Any) -> bool:
    """Whether a class or function is of a module that Python itself is importing now."""
    name = getattr(target, "__module__", None)
    module = sys.modules.get(name) if type(name) is str else None
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))


_NAME = "_GLOBAL_CUSTOM_OBJECTS"
_DELETED = object()
