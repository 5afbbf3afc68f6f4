"""A file that others read is whole at any time."""

from __future__ import annotations

import pytest

from huberflow.pipeline.system.atomic_write import written_atomically


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file.json"
    path.write_text("before")
    return path


def test_is_as_before_until_it_is_written(file):
    with written_atomically(file) as temporary:
        temporary.write_text("after")
        assert file.read_text() == "before"
    assert file.read_text() == "after"
    assert [*file.parent.iterdir()] == [file]


def test_is_as_before_where_writing_fails(file):
    def fail():
        with written_atomically(file) as temporary:
            temporary.write_text("half")
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        fail()
    assert file.read_text() == "before"
    assert [*file.parent.iterdir()] == [file]


def test_may_be_written_by_two_at_a_time(file):
    with written_atomically(file) as one, written_atomically(file) as other:
        one.write_text("one")
        other.write_text("other")
    assert file.read_text() == "one"
    assert [*file.parent.iterdir()] == [file]
