"""JSON as RFC 8259 has it: without the tokens NaN and Infinity, which browsers refuse."""

import json
import math
from collections.abc import Mapping


def dumps(value: object, indent: int | None = None) -> str:
    """The value as JSON; a number that is not finite becomes null."""
    return json.dumps(_finite(value), indent=indent, allow_nan=False)


def _finite(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
