"""Files of gigabytes are compared with their hashes without being read into memory."""

import hashlib
import tracemalloc

import pytest

from huberflow.components.bundle import reload

MEGABYTE = 2**20


@pytest.mark.parametrize("size", [16 * MEGABYTE, 256 * MEGABYTE])
def test_memory_does_not_grow_with_the_file(size, tmp_path):
    """A hole in a file takes no disk; its zeros are read as any other bytes."""
    with (tmp_path / "weights").open("wb") as file:
        file.truncate(size)
    tracemalloc.start()
    try:
        digests = reload.integrity.digests(tmp_path, ["weights"])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert digests == {"weights": hashlib.sha256(bytes(size)).hexdigest()}
    assert peak < 8 * MEGABYTE
