"""Reports of evaluations whose gate's metric is ``huber``."""

from huberflow.components.contracts.evaluation_report import EvaluationReport, SliceMetrics


def slice_row(
    huber: float = 2.0,
    rows: int = 1000,
    before: float | None = None,
    constant: float | None = None,
    **key,
):
    """A slice; ``before`` is the baseline's value, ``constant`` that of the constant prediction."""

    def values(huber: float) -> dict[str, float]:
        return {"example_count": float(rows), "calibration": 1.0, "huber": huber}

    of_constant = None if constant is None else {"calibration": 1.0, "huber": constant}
    return SliceMetrics(key, values(huber), None if before is None else values(before), of_constant)


def report(*rows: SliceMetrics, reasons=(), baseline_dropped=None) -> EvaluationReport:
    """A report of these slices; without reasons the model is blessed."""
    slices = rows if any(not row.slice for row in rows) else (slice_row(), *rows)
    return EvaluationReport(
        metrics=("example_count", "calibration", "huber"),
        blessed=not reasons,
        reasons=tuple(reasons),
        slices=slices,
        baseline_dropped=baseline_dropped,
        constant="median" if slices[0].constant else None,
    )
