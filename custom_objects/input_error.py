"""The error for all wrong input from a user."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any


class InputError(ValueError):
    """A value that cannot be used: its name, the accepted values, the actual value, and a remedy.

    Args:
      key: the value as the user names it: a key of the config, an option, an argument, a file.
      expected: the accepted values.
      received: the actual value.
      write: the line or option to write instead.
      hint: a remedy other than a line to write, such as ``free some space``.

    Example::

        >>> str(InputError("rate", expected="a number > 0", received="-1", write="rate=1"))
        'rate: expected a number > 0, received -1; write: rate=1'
    """

    def __init__(
        self,
        key: str,
        *,
        expected: str,
        received: str,
        write: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(key, expected, received)
        self.key = key
        self.expected = expected
        self.received = received
        self.write = write
        self.hint = hint

    def __str__(self) -> str:
        parts = [f"{self.key}: expected {self.expected}, received {self.received}"]
        if self.hint:
            parts.append(self.hint)
        if self.write:
            parts.append(f"write: {self.write}")
        return "; ".join(parts)

    def __reduce__(self) -> tuple[object, ...]:
        return partial(type(self), **self.to_json()), ()  # an error crosses processes as a pickle

    def with_key(self, key: str) -> "InputError":
        """The same error of another key."""
        return InputError(**{**self.to_json(), "key": key})

    def below(self, prefix: str) -> "InputError":
        """The same error, its key below another: ``threshold`` in ``training.loss.config``."""
        return self.with_key(".".join(filter(None, [prefix, self.key])))

    def to_json(self) -> dict[str, Any]:
        """The fields, for another process: see ``JsonRecord``, which may hold errors."""
        return {name: vars(self)[name] for name in _FIELDS}

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> "InputError":
        """The error whose ``to_json`` gave these values."""
        return InputError(**values)


class InputErrors(InputError):  # noqa: N818 (several of them)
    """Several values that cannot be used; the message has a line for each.

    Its own key, expected and received are those of the first.
    """

    def __init__(self, errors: Sequence[InputError]) -> None:
        super().__init__(**errors[0].to_json())
        self.errors = tuple(errors)

    def __str__(self) -> str:
        return "\n".join(map(str, self.errors))

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.errors,)

    def below(self, prefix: str) -> InputError:
        """The same errors, each key below another."""
        return InputErrors([error.below(prefix) for error in self.errors])


_FIELDS = ("key", "expected", "received", "write", "hint")
