"""What was found of one thing, and the table of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rich.table import Table

Status = Literal["ok", "note", "lack"]


@dataclass(frozen=True)
class Finding:
    """One thing that was examined.

    Attributes:
      subject: what was looked at.
      status: ``ok``; ``note`` when something works less well or not at all that a run can do
        without; ``lack`` when a run cannot do without it.
      value: what was found.
      prevents: what this prevents, and the line that mends it; empty when ``ok``.
    """

    subject: str
    status: Status
    value: str
    prevents: str = ""


def render(findings: Sequence[Finding]) -> Table:
    """The findings as a table for the terminal."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    styles = {"ok": "green", "note": "yellow", "lack": "bold red"}
    table = Table("", "Status", "Found", "What this prevents, and the remedy", box=box.SIMPLE)
    for finding in findings:
        status = Text(finding.status, style=styles[finding.status])
        # Text, not str: a value may hold brackets, which rich would take for markup.
        table.add_row(finding.subject, status, Text(finding.value), Text(finding.prevents))
    return table
