"""What a request costs its reader."""

import sys
import tracemalloc
from collections.abc import Callable

from huberflow.custom_objects.input_error import InputError

SIZES = 1000, 4000


def assert_linear(reader: Callable[[bytes], object], bodies: list[bytes]) -> None:
    """Checks that work and memory grow with the size of the body, and no faster.

    Args:
      reader: of a body; it may refuse it in a few words.
      bodies: a small and a large one.
    """

    def read(body: bytes) -> None:
        message = ""
        try:
            reader(body)
        except InputError as error:
            message = str(error)
        assert len(message) < 300

    growth = len(bodies[1]) / len(bodies[0])
    for cost in (_calls, _peak):
        cost(read, bodies[0])  # the first of all also imports
        small, large = (cost(read, body) for body in bodies)
        assert large < 1.3 * growth * small + 10_000, (cost.__name__, small, large)


def _calls(read: Callable[[bytes], None], body: bytes) -> int:
    """Functions that were called, C's too."""
    count = 0

    def count_calls(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event.endswith("call")

    sys.setprofile(count_calls)
    try:
        read(body)
    finally:
        sys.setprofile(None)
    return count


def _peak(read: Callable[[bytes], None], body: bytes) -> int:
    """Bytes."""
    tracemalloc.start()
    try:
        read(body)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
