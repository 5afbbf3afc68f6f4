"""A figure of one metric by slice."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from huberflow.components.contracts.evaluation_config import Direction
from huberflow.components.contracts.evaluation_report import EvaluationReport, SliceMetrics
from huberflow.pipeline.report import slices
from huberflow.pipeline.report.formatting import format_count, format_number, format_rows
from huberflow.pipeline.report.style import BLUE, INK, ORANGE, SKY, figure, legend, plain, tidy

MOST_SLICES = 20
"""More bars are too many to read."""


def error_by_slice(report: EvaluationReport, metric: str, direction: Direction | None) -> Figure:
    """A bar per slice for one metric, the baseline's value on it, all rows as a line."""
    shown = slices.worst(report, metric, direction, MOST_SLICES)
    drawn = figure(1.5 + 0.27 * max(len(shown), 2), f"{metric} by slice")
    axes = drawn.subplots()
    _bars(axes, shown, metric)
    _baseline(axes, shown, metric)
    overall = report.overall.candidate.get(metric, math.nan)
    if math.isfinite(overall):
        label = f"all rows {overall:.4g}"
        axes.axvline(overall, color=INK, linewidth=1, linestyle="--", label=label)
    names = [f"{plain(row.name, 34)}  ({format_rows(row.example_count)})" for row in shown]
    axes.set_yticks(range(len(shown)), names)
    axes.invert_yaxis()
    axes.margins(y=0.02)
    total = format_count(sum(bool(row.slice) for row in report.slices), "slice")
    tidy(axes, f"{len(shown)} of {total}, the worst first; rows in brackets", metric)
    axes.grid(visible=False, axis="y")
    legend(drawn, axes)
    return drawn


def _bars(axes: Axes, shown: Sequence[SliceMetrics], metric: str) -> None:
    values = np.array([row.candidate[metric] for row in shown], float)
    small = np.array([slices.is_small(row) for row in shown], bool)
    for some, colour, name in (
        (~small, BLUE, "this model"),
        (small, SKY, f"fewer than {slices.SMALLEST_SLICE} rows: little evidence"),
    ):
        if some.any():
            axes.barh(np.flatnonzero(some), values[some], 0.72, color=colour, label=name)
    for place, value in enumerate(values):
        # To the right of the axes, where no bar and no marker reaches.
        beside = axes.text(1.01, place, format_number(value), transform=axes.get_yaxis_transform())
        beside.set(va="center", fontsize=9, color=INK)


def _baseline(axes: Axes, shown: Sequence[SliceMetrics], metric: str) -> None:
    values = {
        place: row.baseline[metric]
        for place, row in enumerate(shown)
        if row.baseline and metric in row.baseline
    }
    if values:
        axes.scatter(
            list(values.values()),
            list(values),
            s=34,
            marker="D",
            color=ORANGE,
            edgecolors="white",
            linewidths=0.8,
            zorder=3,
            label="last blessed model",
        )
