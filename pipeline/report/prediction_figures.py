"""Figures of predicted numbers, from a sample of rows."""

from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from huberflow.components.contracts.node_config import ObjectChoice
from huberflow.pipeline.report.formatting import format_count, format_share
from huberflow.pipeline.report.predictions import NumberSample
from huberflow.pipeline.report.style import (
    BLUE,
    GREY,
    INK,
    SKY,
    VERMILLION,
    figure,
    legend,
    limits,
    outside,
    plain,
    tidy,
)


def predicted_against_true(sample: NumberSample, label: str) -> Figure:
    """A point per row; on the diagonal the prediction is right."""
    drawn = figure(6.2, f"Predicted against true {label}")
    axes = drawn.subplots()
    finite = sample.finite()
    far = 0
    if len(finite.label):
        low, high = limits(finite.label, finite.prediction)
        far = outside([finite.label, finite.prediction], low, high)
        line = [low, high]
        axes.plot(line, line, color=INK, linewidth=1, linestyle="--", label="prediction = truth")
        axes.scatter(finite.label, finite.prediction, s=11, color=BLUE, alpha=0.35, linewidths=0)
        axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")
        legend(drawn, axes)
    units = f"in units of {label}"
    tidy(axes, _note(sample, far), f"true, {units}", f"predicted, {units}")
    return drawn


def residuals(sample: NumberSample, label: str, loss: ObjectChoice) -> Figure:
    """The errors of the predictions, and where the loss turns from quadratic to linear."""
    drawn = figure(3.9, f"Residuals of {label}")
    axes = drawn.subplots()
    finite = sample.finite()
    far = 0
    if len(finite.label):
        errors = finite.prediction - finite.label
        low, high = limits(errors)
        far = outside([errors], low, high)
        rows, edges = np.histogram(errors, bins=60, range=(low, high))
        axes.stairs(rows, edges, fill=True, color=SKY)
        axes.axvline(0, color=GREY, linewidth=0.8)
        axes.set_xlim(low, high)
        _mark_threshold(axes, errors, loss)
        legend(drawn, axes)
    tidy(axes, _note(sample, far), f"predicted - true, in units of {label}", "rows")
    return drawn


def _mark_threshold(axes: Axes, errors: np.ndarray, loss: ObjectChoice) -> None:
    threshold = huber_threshold(loss)
    if threshold is None:
        return
    inside = format_share(int(np.sum(np.abs(errors) <= threshold)), len(errors))
    name = f"±{threshold:g}, where {loss.name} turns linear: {inside} of rows inside"
    mark = partial(axes.axvline, color=VERMILLION, linewidth=1.4, linestyle="--")
    mark(threshold, label=plain(name))
    mark(-threshold)
    for place, align in ((-threshold, "right"), (threshold, "left")):
        axes.annotate(
            f" {place:+g} ",
            (place, 0.97),
            xycoords=("data", "axes fraction"),
            annotation_clip=True,
            ha=align,
            va="top",
            fontsize=9,
            color=VERMILLION,
        )


def huber_threshold(loss: ObjectChoice) -> float | None:
    """Where a Huber loss turns linear; None for other losses."""
    default = 1.0 if loss.name in ("HuberLoss", "huber_fn", "Huber") else None
    threshold = loss.config.get("threshold", loss.config.get("delta", default))
    return threshold if isinstance(threshold, int | float) else None


def _note(sample: NumberSample, far: int) -> str:
    finite = len(sample.finite().label)
    lost = len(sample.label) - finite
    parts = [
        f"{format_count(finite, 'row')} of the eval split",
        f"{far:,} of them beyond this view" if far else "",
        f"{lost:,} more without a finite value" if lost else "",
    ]
    return ", ".join(filter(None, parts))
