"""What a user is told of how a table was read."""

import pytest

from huberflow.pipeline.data.profile import profile_rows
from huberflow.pipeline.data.remarks import describe_marks, describe_skipped
from huberflow.pipeline.data.source import find_source


@pytest.fixture
def table(tmp_path):
    def table(**columns):
        lines = [",".join(columns), *map(",".join, zip(*columns.values(), strict=True))]
        (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
        return profile_rows(find_source(tmp_path / "a.csv"))

    return table


def test_what_was_taken_for_missing_is_told_with_counts(table):
    found = table(x=["1", "NA", "NA", "?"], day=["-", *["2024-01-31"] * 3], word=[*"ab", "NA", "-"])
    assert describe_marks(found) == [
        "taken for missing values: x (2 x 'NA', 1 x '?'), day (1 x '-')"
    ]


@pytest.mark.parametrize(("columns", "behind"), [(6, "1 more column"), (8, "3 more columns")])
def test_many_columns_are_told_in_one_line(table, columns, behind):
    (line,) = describe_marks(table(**{f"x{n}": ["1", "NA"] for n in range(columns)}))
    assert line.endswith(f"x4 (1 x 'NA'), and in {behind}")


def test_nothing_is_told_of_empty_fields(table):
    assert describe_marks(table(x=["1", ""], word=["a", ""])) == []


def test_files_that_are_not_read_are_told(tmp_path):
    for name in ("a.csv", "below/b.csv", "below/_c.csv", "_SUCCESS", ".a.csv.crc"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x\n1\n")
    (line,) = describe_skipped([str(tmp_path)])
    assert line.endswith(f": {tmp_path}/below/_c.csv")
    assert describe_skipped([str(tmp_path / "a.csv")]) == []
