"""Files as a short text that no quoting makes longer, for a container's argument."""

import base64
import json
import zlib
from collections.abc import Mapping


def packed(files: Mapping[str, str]) -> str:
    """The files, by path, as base64 of compressed JSON.

    On its way to a container, a spec is JSON within JSON, nested several times; each time
    doubles the backslashes of plain source.
    """
    return base64.b64encode(zlib.compress(json.dumps(files).encode(), 9)).decode()


def unpacked(text: str) -> dict[str, str]:
    """The files of a text that ``packed`` made."""
    return json.loads(zlib.decompress(base64.b64decode(text)))
