"""Which texts of a column stand for missing values; see ``contracts.missing``."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from huberflow.components.contracts.missing import MARKS

_MARKS = pa.array(["", *MARKS])


def are_marks(texts: pa.StringArray) -> pa.BooleanArray:
    """Whether each text is a mark among numbers or dates; a null is one too."""
    written = pc.ascii_lower(pc.ascii_trim_whitespace(texts))
    return pc.or_(pc.is_in(written, _MARKS), pc.is_null(texts))


def without(table: pa.Table, texts: Sequence[str]) -> pa.Table:
    """The rows with null in place of these texts, in columns of text."""
    if not texts:
        return table
    for place, field in enumerate(table.schema):
        if pa.types.is_string(field.type):
            absent = pc.is_in(table[place], pa.array(texts))
            table = table.set_column(place, field, pc.if_else(absent, None, table[place]))
    return table
