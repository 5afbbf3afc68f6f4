"""How good predictions are, drawn from a sample of rows."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from huberflow.pipeline.report.predictions import Sample
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
from huberflow.pipeline.report.words import count, share


def predicted_against_true(sample: Sample, label: str) -> Figure:
    """A point per row; on the diagonal the prediction is right."""
    drawn = figure(6.2, f"Predicted against true {label}")
    axes = drawn.subplots()
    known = sample.finite()
    far = 0
    if len(known.label):
        low, high = limits(known.label, known.prediction)
        far = outside([known.label, known.prediction], low, high)
        line = [low, high]
        axes.plot(line, line, color=INK, linewidth=1, linestyle="--", label="prediction = truth")
        axes.scatter(known.label, known.prediction, s=11, color=BLUE, alpha=0.35, linewidths=0)
        axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")
        legend(drawn, axes)
    units = f"in units of {label}"
    tidy(axes, _note(sample, far), f"true, {units}", f"predicted, {units}")
    return drawn


def residuals(sample: Sample, label: str, loss: Mapping[str, Any]) -> Figure:
    """How far predictions are off, and where the loss turns from quadratic to linear."""
    drawn = figure(3.9, f"Residuals of {label}")
    axes = drawn.subplots()
    known = sample.finite()
    far = 0
    if len(known.label):
        errors = known.prediction - known.label
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


def _mark_threshold(axes: Axes, errors: np.ndarray, loss: Mapping[str, Any]) -> None:
    threshold = huber_threshold(loss)
    if threshold is None:
        return
    inside = share(int(np.sum(np.abs(errors) <= threshold)), len(errors))
    name = f"±{threshold:g}, where {loss['name']} turns linear: {inside} of rows inside"
    style: Mapping[str, Any] = {"color": VERMILLION, "linewidth": 1.4, "linestyle": "--"}
    axes.axvline(threshold, label=plain(name), **style)
    axes.axvline(-threshold, **style)
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


def huber_threshold(loss: Mapping[str, Any]) -> float | None:
    """Where a Huber loss turns linear; none where a loss has no such place."""
    config = loss.get("config", {})
    default = 1.0 if loss["name"] in ("HuberLoss", "huber_fn", "Huber") else None
    found: float | None = config.get("threshold", config.get("delta", default))
    return found


def _note(sample: Sample, far: int) -> str:
    known = len(sample.finite().label)
    lost = len(sample.label) - known
    parts = [
        f"{count(known, 'row')} of the eval split",
        f"{far:,} of them beyond this view" if far else "",
        f"{lost:,} more without a finite value" if lost else "",
    ]
    return ", ".join(filter(None, parts))
