"""Errors of a disk, as Python, TensorFlow, ML Metadata and SQLite raise them."""

import errno
import os
import sqlite3

import pytest

from huberflow.pipeline.system.disk_failure import disk_failure, disk_is_full

FULL = "the disk is full; free some space, and run again to continue"


def of_system(number: int) -> OSError:
    return OSError(number, os.strerror(number), "/data/x")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (of_system(errno.ENOSPC), FULL),
        (of_system(errno.EDQUOT), FULL),
        (sqlite3.OperationalError("database or disk is full"), FULL),
        (RuntimeError("/data/x; No space left on device"), FULL),
        (
            of_system(errno.EROFS),
            "the disk is read-only: Read-only file system: /data/x; run again when it can be "
            "written",
        ),
        (
            RuntimeError(
                "Error when executing query: attempt to write a readonly database query:  UPDATE x"
            ),
            "the disk is read-only or fails: attempt to write a readonly database; run again when "
            "it can be written",
        ),
        (
            of_system(errno.EIO),
            "the disk fails: Input/output error: /data/x; run again when it can be written",
        ),
        (
            RuntimeError("Error when executing query: disk I/O error query: COMMIT;"),
            "the disk fails: disk I/O error; run again when it can be written",
        ),
        (of_system(errno.ENOENT), None),
        (ValueError("no rows"), None),
        (None, None),
    ],
)
def test_is_told_in_one_line(error, line):
    assert disk_failure(error) == line
    assert disk_is_full(error) == (line == FULL)


def test_that_caused_another_error_or_came_before_it_is_found():
    later = ValueError("while it was cleared away")
    later.__context__ = of_system(errno.ENOSPC)
    assert disk_failure(later) == FULL
    later.__cause__ = of_system(errno.EIO)
    assert disk_failure(later) == disk_failure(later.__cause__)


def test_of_a_disk_that_is_full_and_fails_is_told_as_full():
    error = of_system(errno.EIO)
    error.__context__ = of_system(errno.ENOSPC)
    assert disk_failure(error) == FULL
