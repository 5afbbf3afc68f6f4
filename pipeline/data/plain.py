"""Brings Arrow's many types to the few that a column is looked at in."""

import pyarrow as pa

from huberflow.components.data.arrow import plain_type
from huberflow.components.data.files import DataError


def plain(where: str, table: pa.Table) -> pa.Table:
    """The columns as int64, double, string or null; nested ones and bytes as they are.

    Dates become ISO text, booleans ``true`` and ``false``.

    Raises:
      DataError: a whole number does not fit into 64 bits, a text is not UTF-8.
    """
    columns = {}
    for name in table.column_names:
        to = plain_type(table[name].type)
        try:
            columns[name] = table[name].cast(to)
            columns[name].validate(full=True)  # Parquet and TFRecords call any bytes text
        except pa.ArrowInvalid as error:
            reason = " ".join(str(error).split())
            raise DataError(f"{where}: expected {name} to be {to}: {reason}") from error
    return pa.table(columns)
