"""Converts columns of Arrow's many types to the few that huberflow works with."""

from collections.abc import Mapping

import pyarrow as pa
from pyarrow import types

from huberflow.custom_objects.input_error import InputError

PLAIN = (pa.null(), pa.int64(), pa.float64(), pa.string())
"""The types of columns with one value a row; each number type holds the values of those before."""


def plain_type(stored: pa.DataType) -> pa.DataType:
    """The type to convert to: int64, double, string or null; the same for any other."""
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


def plain_table(
    where: str, table: pa.Table, wider: Mapping[str, pa.DataType] | None = None
) -> pa.Table:
    """The columns in their plain types; dates become ISO text, booleans ``true`` and ``false``.

    Args:
      where: names the rows in an error.
      table: some rows.
      wider: types to cast the columns to afterwards, for those that are ``PLAIN``.

    Raises:
      InputError: a whole number does not fit into 64 bits, or a text is not UTF-8.
    """
    columns = {}
    for name in table.column_names:
        to = plain_type(table[name].type)
        wide = (wider or {}).get(name, to)
        try:
            columns[name] = table[name].cast(to)
            columns[name].validate(full=True)  # Parquet and TFRecords call any bytes text
            if wide in PLAIN:
                columns[name] = columns[name].cast(wide)
        except pa.ArrowInvalid as error:
            reason = " ".join(str(error).split())
            raise InputError(where, expected=f"{name} to be {to}", received=reason) from error
    return pa.table(columns)
