"""Which texts of a column stand for missing values; see ``contracts.missing``."""

import pyarrow as pa
import pyarrow.compute as pc

from huberflow.components.contracts.missing import MARKS

_MARKS = pa.array(["", *MARKS])


def are_marks(texts: pa.StringArray) -> pa.BooleanArray:
    """Whether each text is a mark among numbers or dates; a null is one too."""
    written = pc.ascii_lower(pc.ascii_trim_whitespace(texts))
    return pc.or_(pc.is_in(written, _MARKS), pc.is_null(texts))
