"""The few types that a column of a user's table may have here."""

import pyarrow as pa
from pyarrow import types


def plain_type(stored: pa.DataType) -> pa.DataType:
    """How a column of Arrow's type is looked at: int64, double, string or null; others stay."""
    if types.is_dictionary(stored):
        return plain_type(stored.value_type)
    if types.is_integer(stored):
        return pa.int64()
    if types.is_floating(stored) or types.is_decimal(stored):
        return pa.float64()
    if types.is_boolean(stored) or types.is_date(stored) or types.is_timestamp(stored):
        return pa.string()
    if types.is_large_string(stored) or types.is_string_view(stored):
        return pa.string()
    return stored
