"""What ExampleValidator found, in words."""

from collections.abc import Mapping, Sequence
from typing import Any

from huberflow.components.validation import validation_findings


def text(found: Mapping[str, Any]) -> str:
    """Anomalies, drift and skew, a line each.

    Args:
      found: see ``huberflow.components.validation.validation_findings``.
    """
    anomalies = [validation_findings.anomaly_line(anomaly) for anomaly in found["anomalies"]]
    blocks = [_block("against the schema", anomalies or ["no anomalies"])]
    for kind, against in (
        ("drift", "drift, train rows against the last other data"),
        ("skew", "skew, train rows against eval rows"),
    ):
        measured = [shift for shift in found["shifts"] if shift["kind"] == kind]
        none = "no column above its threshold" if measured else "nothing to compare with"
        blocks.append(_block(against, validation_findings.high(kind, measured) or [none]))
    return "\n".join(blocks)


def _block(title: str, lines: Sequence[str]) -> str:
    return "\n".join([f"{title}:", *(f"  {line}" for line in lines)]) + "\n"
