"""Python without docstrings, with which tf_keras and Beam cannot be imported."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

WITHOUT = (
    "expected Python with docstrings, as tf_keras and Apache Beam need them, received -OO or "
    "PYTHONOPTIMIZE=2; write: export PYTHONOPTIMIZE=1"
)


def lacks_docstrings() -> bool:
    """Whether this Python runs with ``-OO`` or ``PYTHONOPTIMIZE=2``."""
    return sys.flags.optimize >= 2


@contextmanager
def docstrings_named(user: str) -> Iterator[None]:
    """Where an import in the block fails without docstrings, the error says so.

    Args:
      user: what is being imported.

    Raises:
      ImportError: it needs docstrings.
    """
    try:
        yield
    except (AttributeError, TypeError) as error:
        if not lacks_docstrings():
            raise
        raise ImportError(f"{user}: {WITHOUT}") from error
