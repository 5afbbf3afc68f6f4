"""Columns of CSV that have nothing but true and false; see ``contracts.booleans``."""

import pyarrow as pa
import pyarrow.compute as pc

from huberflow.components.contracts.booleans import WORDS

_WORDS = pa.array(WORDS)


def are_booleans(texts: pa.StringArray) -> bool:
    """Whether every text is true or false, in upper or lower case."""
    return bool(pc.all(pc.is_in(as_words(texts), _WORDS)).as_py())


def as_words(texts: pa.StringArray) -> pa.StringArray:
    """Booleans as a Parquet file's are stored: ``true`` and ``false``."""
    return pc.ascii_lower(pc.ascii_trim_whitespace(texts))
