"""Arrays in .npz files; text as its bytes and its lengths, as NumPy has no other form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import unquote

if TYPE_CHECKING:
    import numpy as np

    Nested: TypeAlias = np.ndarray | Sequence["Nested"] | Mapping[str, "Nested"] | None
    """An array, or a list or a dict of them, as Keras takes inputs, labels and weights."""


def flat(name: str, nested: Nested) -> dict[str, np.ndarray]:
    """The arrays of a structure by their names below this one: ``inputs/miles``, ``inputs/[0]``."""
    import numpy as np

    if nested is None:
        return {}
    if isinstance(nested, Mapping):
        children = {escaped(key): child for key, child in nested.items()}
    elif isinstance(nested, list | tuple):
        children = {f"[{place}]": child for place, child in enumerate(nested)}
    else:
        array = np.asarray(nested)
        # bfloat16, which NumPy writes but cannot read; as float32 it is the same number
        return {name: array.astype(np.float32) if array.dtype.kind == "V" else array}
    parts = (flat(f"{name}/{key}", child) for key, child in children.items())
    return {key: array for part in parts for key, array in part.items()}


def escaped(name: str) -> str:
    """A name as a part of a longer one; ``urllib.parse.unquote`` gives it back."""
    safe = name.translate({ord(each): f"%{ord(each):02X}" for each in "%/:[]\0"})
    # NumPy adds this ending to the names in a file, and would give "a" for "a.npy".
    return f"{safe.removesuffix('.npy')}%2Enpy" if safe.endswith(".npy") else safe


def nested(name: str, arrays: Mapping[str, np.ndarray]) -> Nested:
    """The structure that ``flat`` took apart; None where no array has the name."""
    if name in arrays:
        return arrays[name]
    inside = [each[len(name) + 1 :] for each in arrays if each.startswith(f"{name}/")]
    keys = list(dict.fromkeys(each.partition("/")[0] for each in inside))
    if not keys:
        return None
    if keys[0].startswith("["):
        return [nested(f"{name}/[{place}]", arrays) for place in range(len(keys))]
    return {unquote(key): nested(f"{name}/{key}", arrays) for key in keys}


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an .npz file by name; text as ``bytes`` in an array of objects."""
    import numpy as np

    with np.load(path, allow_pickle=False) as file:
        stored = {name: file[name] for name in file.files}
    arrays = {name: array for name, array in stored.items() if ":" not in name}
    for name, lengths in stored.items():
        if name.endswith(":lengths"):
            text = name.removesuffix(":lengths")
            arrays[text] = _texts(stored[f"{text}:bytes"], lengths)
    return arrays


def _texts(content: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    import numpy as np

    joined, ends = content.tobytes(), np.cumsum(lengths)
    texts = np.empty(lengths.size, object)
    for place, (end, length) in enumerate(zip(ends, lengths.ravel(), strict=True)):
        texts[place] = joined[end - length : end]
    return texts.reshape(lengths.shape)
