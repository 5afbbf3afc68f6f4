"""A user's exception as an error in one line, with its place in the user's code."""

import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from huberflow.custom_objects.input_error import InputError


@contextmanager
def user_code(
    key: str, expected: str, folder: Path, *, hint: str | None = None, write: str | None = None
) -> Iterator[None]:
    """Turns an exception of the user's code in ``folder`` into an InputError."""
    try:
        yield
    except (Exception, SystemExit) as error:
        place = _place(error, folder)
        if isinstance(error, InputError) and place is None:
            raise  # by a check, not by the user's code
        received = f"{_message(error)} ({place})" if place else _message(error)
        raise InputError(
            key, expected=expected, received=received, hint=hint, write=write
        ) from error


@contextmanager
def collected(errors: list[InputError], key: str, expected: str, folder: Path) -> Iterator[None]:
    """Adds the error of a block to ``errors``, so that all of them are reported at once."""
    try:
        with user_code(key, expected, folder):
            yield
    except InputError as error:
        errors.append(error)


def prefixed(error: InputError, prefix: str) -> InputError:
    """The same error, its key after another: ``training.loss: my_losses.py: MyLoss``."""
    return error.with_key(f"{prefix}: {error.key}")


def _place(error: BaseException, folder: Path) -> str | None:
    """``my_losses.py, line 3``: the innermost line below ``folder`` that the exception passed."""
    frames = traceback.extract_tb(error.__traceback__)
    passed = [(frame.filename, str(frame.lineno)) for frame in frames]
    # Of code that AutoGraph has rewritten, only the message names the line.
    passed += re.findall(r'File "([^"]+)", line (\d+)', str(error))
    inside = [(Path(file), line) for file, line in passed if Path(file).is_relative_to(folder)]
    return f"{inside[-1][0].relative_to(folder)}, line {inside[-1][1]}" if inside else None


_NOISE = re.compile(
    r"\{\{[^}]*\}\} ?"  # TensorFlow: the function that an operation was wrapped in
    r"| ?\[Op:.*$"  # and its name
    r"|outer_factory\.<locals>\.inner_factory\.<locals>\.tf__"  # AutoGraph
    r"| \((?:/|[A-Z]:)[^)]*\)$"  # Python: the file of an installed module
)


def _message(error: BaseException) -> str:
    text = str(error)
    # Keras and AutoGraph wrap the exception in paragraphs that name it somewhere below.
    named = re.findall(r"^\s*(\w+(?:Error|Exception): .+)$", text, re.MULTILINE)
    wrapped = re.findall(r"^Exception encountered(?:: | when .*\n\s*)(.+)$", text, re.MULTILINE)
    first = (text.strip().splitlines() or [""])[0]
    message = named[-1] if named else f"{type(error).__name__}: {(wrapped or [first])[-1]}"
    return _NOISE.sub("", message).strip()
