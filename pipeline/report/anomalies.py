"""The text file of ExampleValidator's findings."""

from collections.abc import Sequence

from huberflow.components.contracts.validation_findings import ShiftKind, ValidationFindings

_COMPARISONS: dict[ShiftKind, str] = {
    "drift": "drift, train rows compared with the last other data",
    "skew": "skew, train rows compared with eval rows",
}


def findings_text(findings: ValidationFindings) -> str:
    """Anomalies, drift and skew, a line each."""
    anomalies = [anomaly.line for anomaly in findings.anomalies]
    blocks = [_block("compared with the schema", anomalies or ["no anomalies"])]
    for kind, title in _COMPARISONS.items():
        is_measured = any(shift.kind == kind for shift in findings.shifts)
        none = "no column above its threshold" if is_measured else "nothing to compare with"
        lines = [shift.line for shift in findings.above_threshold(kind)]
        blocks.append(_block(title, lines or [none]))
    return "\n".join(blocks)


def _block(title: str, lines: Sequence[str]) -> str:
    return "\n".join([f"{title}:", *(f"  {line}" for line in lines)]) + "\n"
