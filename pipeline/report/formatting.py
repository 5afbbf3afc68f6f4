"""Numbers, shares and durations as text for people."""

import math

NO_VALUE = "-"


def format_number(value: float | None) -> str:
    """Four digits, or a whole number with separators from ten thousand on."""
    if value is None or math.isnan(value):
        return NO_VALUE
    if math.isfinite(value) and 1e4 <= abs(value) < 1e12:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def format_metric(name: str, value: float | None) -> str:
    """A metric in a table of the terminal: four digits, or a whole number of rows."""
    if value is None or math.isnan(value):
        return NO_VALUE
    return format_rows(value) if name == "example_count" else f"{value:.4g}"


def format_rows(rows: float | None) -> str:
    """A whole number of rows, where they were counted."""
    return NO_VALUE if rows is None else f"{rows:,.0f}"


def format_count(number: float, noun: str) -> str:
    """``1 row``, ``2,978 rows``."""
    return f"{number:,.0f} {noun}" if number == 1 else f"{number:,.0f} {noun}s"


def format_change(value: float | None, before: float | None) -> str:
    """The change from the value before as a share, ``+10.0%``; empty where there is none."""
    if value is None or not before or math.isnan(value / before):
        return ""
    return f"{value / before - 1:+.1%}"


def format_share(part: float, whole: float) -> str:
    """A share in per cent; never 0% where there is some."""
    if not whole:
        return NO_VALUE
    return "<0.1%" if 0 < part / whole < 0.001 else f"{part / whole:.1%}"


def format_memory(megabytes: float | None) -> str:
    """``1,234 MB``."""
    return NO_VALUE if megabytes is None else f"{megabytes:,.0f} MB"


def format_duration(seconds: float | None) -> str:
    """``8.2 s``, ``3 min 20 s``."""
    if seconds is None:
        return NO_VALUE
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes:,} min {rest} s"
