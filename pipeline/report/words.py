"""Numbers, shares and times as people read them."""

import math

NOTHING = "-"
"""Stands where there is no value."""


def number(value: float | None) -> str:
    """Four digits, or whole with separators from ten thousand on."""
    if value is None or math.isnan(value):
        return NOTHING
    if math.isfinite(value) and 1e4 <= abs(value) < 1e12:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def metric(name: str, value: float | None) -> str:
    """A metric as tables in a terminal have it: four digits, or a whole number of rows."""
    if value is None or math.isnan(value):
        return NOTHING
    return f"{value:{',.0f' if name == 'example_count' else '.4g'}}"


def count(number: float, noun: str) -> str:
    """``1 row``, ``2,978 rows``."""
    return f"{number:,.0f} {noun}" if number == 1 else f"{number:,.0f} {noun}s"


def change(value: float | None, before: float | None) -> str:
    """From the value before to this one, as a share; empty where there is none."""
    if value is None or not before or math.isnan(value / before):
        return ""
    return f"{value / before - 1:+.1%}"


def share(part: float, whole: float) -> str:
    """In per cent; never 0% where there is some."""
    if not whole:
        return NOTHING
    return "<0.1%" if 0 < part / whole < 0.001 else f"{part / whole:.1%}"


def duration(seconds: float | None) -> str:
    """``8.2 s``, ``3 min 20 s``."""
    if seconds is None:
        return NOTHING
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes:,} min {rest} s"
