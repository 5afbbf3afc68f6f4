"""What is wrong with a user's object, in words: the thing, the expectation, the line to write."""

import re
import traceback
from pathlib import Path


class RefusalError(Exception):
    """An object would break later; the message says which, where, and what to write instead."""


class UnfitError(RefusalError):
    """The object itself raised an exception: the data of another task may suit it."""


def told(error: BaseException, folder: Path) -> str:
    """A user's exception in one line, with its place in the user's code where it has one."""
    place = place_of(error, folder)
    return f"{_message(error)} ({place})" if place else _message(error)


def place_of(error: BaseException, folder: Path) -> str | None:
    """``my_losses.py, line 3``: the innermost line below ``folder`` that the exception passed."""
    frames = traceback.extract_tb(error.__traceback__)
    passed = [(frame.filename, str(frame.lineno)) for frame in frames]
    # Of code that AutoGraph has rewritten, the text alone says where it stands.
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
