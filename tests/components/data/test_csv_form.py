"""CSV as people write it, read as if it were written with commas alone."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huberflow.components.data.csv_form import CsvForm, read_form
from huberflow.components.data.csv_reading import read_batches
from huberflow.components.data.files import Source

ROWS = [["x", "word", "y"], ["1.5", "a", "2"], ["2.5", "b, c", "3"], ["", "d", "4"]]
VALUES = [
    {"x": "1.5", "word": "a", "y": "2"},
    {"x": "2.5", "word": "b, c", "y": "3"},
    {"x": None, "word": "d", "y": "4"},
]


def written(rows=ROWS, end="\n", **options) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator=end, **options).writerows(rows)
    return text.getvalue()


def of_r(rows) -> str:
    """As R's write.csv does: quoted names, and row names below none."""
    return written([["", *rows[0]], *([str(n), *row] for n, row in enumerate(rows[1:], start=1))])


def read(folder: Path, text: str) -> list[dict]:
    file = folder / "a.csv"
    file.write_text(text, newline="")
    return [row for batch in read_batches(Source("csv", (file,))) for row in batch.to_pylist()]


WAYS = {
    "commas": written(),
    "every field in quotes": written(quoting=csv.QUOTE_ALL),
    "semicolons": written(delimiter=";"),
    "tabs": written(delimiter="\t", end="\r\n"),
    "bars": written(delimiter="|"),
    "blanks after commas": 'x, word, y\n1.5, a, 2\n2.5, "b, c", 3\n, d, 4\n',
    "blanks after commas and quotes": '"x", "word", "y"\n1.5, "a", 2\n2.5,  "b, c", 3\n, "d", 4\n',
    "a comma at each end": "".join(f"{line},\n" for line in written().splitlines()),
    "Excel's mark": "\ufeff" + written(),
}


@pytest.mark.parametrize("text", WAYS.values(), ids=WAYS)
def test_is_read_alike(text, tmp_path):
    assert read(tmp_path, text) == VALUES


def test_names_may_have_anything(tmp_path):
    rows = [["Price, USD", 'a "good" one', "two\nlines"], ["1", "2", "3"]]
    assert read(tmp_path, written(rows)) == [dict(zip(*rows, strict=True))]


def test_row_names_are_named_as_by_pandas(tmp_path):
    found = read(tmp_path, of_r(ROWS))
    assert found == [{"Unnamed: 0": str(n), **row} for n, row in enumerate(VALUES, start=1)]


cell = st.text(alphabet="ab ,;|\t", max_size=4)


@given(
    rows=st.integers(2, 4).flatmap(
        lambda width: st.lists(
            st.lists(cell, min_size=width, max_size=width), min_size=3, max_size=5
        )
    )
)
def test_a_delimiter_is_known_by_what_fits_all_rows(rows):
    """With every field in quotes, only the delimiter itself makes columns."""
    header = [f"n{place}" for place in range(len(rows[0]))]
    for delimiter in ",;\t|":
        lines = written([header, *rows], delimiter=delimiter, quoting=csv.QUOTE_ALL).encode()
        first, _, sample = lines.partition(b"\n")
        assert read_form(Path("a.csv"), first, sample) == CsvForm(tuple(header), delimiter)
