"""Amounts in columns of text, parsed in Arrow; see ``contracts.amount_formats``."""

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from huberflow.components.contracts.amount_formats import AmountFormat


def parse_amounts(texts: pa.StringArray, form: AmountFormat) -> pa.DoubleArray:
    """The numbers, null where a text is no amount in this format."""
    fits = pc.match_substring_regex(texts, f"^(?:{form.pattern})$")
    texts = pc.if_else(fits, texts, None)
    plain = pc.replace_substring_regex(texts, form.is_no_digit, "")
    values = pc.replace_substring(plain, ",", ".").cast(pa.float64())
    negative = pc.match_substring_regex(texts, form.is_negative)
    return pc.if_else(negative, pc.negate(values), values)


def as_numbers(table: pa.Table, formats: Mapping[str, str]) -> pa.Table:
    """The rows with the numbers of some columns of amounts in place of their texts.

    Args:
      table: some rows.
      formats: of the columns, by name; the table may lack some.
    """
    for place, name in enumerate(table.column_names):
        if name in formats:
            form, column = AmountFormat(formats[name]), table[name]
            texts = pa.types.is_string(column.type)
            values = parse_amounts(column, form) if texts else column.cast(pa.float64())
            table = table.set_column(place, name, values)
    return table
