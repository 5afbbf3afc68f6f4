"""The result of one check, and the table of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rich.table import Table

Severity = Literal["ok", "warning", "error"]


@dataclass(frozen=True)
class CheckResult:
    """What one check found.

    Attributes:
      subject: the thing that was checked.
      severity: ``warning`` where runs work, but slower or without some feature; ``error`` where
        runs do not work.
      value: what this machine has.
      consequence: what does not work, and how to fix it; empty when ``ok``.
    """

    subject: str
    severity: Severity
    value: str
    consequence: str = ""


def results_table(results: Sequence[CheckResult]) -> Table:
    """The results as a table for the terminal."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    styles = {"ok": "green", "warning": "yellow", "error": "bold red"}
    table = Table("", "Status", "Found", "What does not work, and the remedy", box=box.SIMPLE)
    for result in results:
        severity = Text(result.severity, style=styles[result.severity])
        # Text, not str: rich would read brackets in a value as markup.
        table.add_row(result.subject, severity, Text(result.value), Text(result.consequence))
    return table
