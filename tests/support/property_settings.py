"""One setting for every property test: the same examples each time, on a machine of any speed."""

from hypothesis import settings

properties = settings(deadline=None, derandomize=True, max_examples=50)
