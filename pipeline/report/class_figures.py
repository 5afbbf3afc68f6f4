"""Figures of predicted classes, from a sample of rows."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from huberflow.pipeline.report.formatting import format_count
from huberflow.pipeline.report.predictions import ClassSample
from huberflow.pipeline.report.style import BLUE, INK, figure, legend, plain, tidy

MOST_NUMBERS = 20
"""The cells of more classes are too small for numbers."""

BINS = 10


def confusion_matrix(sample: ClassSample, label: str, classes: Sequence[str]) -> Figure:
    """How many rows of each class are predicted as which; on the diagonal, rightly."""
    drawn = figure(6.2, f"Predicted against true {label}")
    axes = drawn.subplots()
    places = {name: place for place, name in enumerate(classes)}
    rows = np.zeros((len(classes), len(classes)), int)
    for true, predicted in zip(sample.label, sample.prediction, strict=True):
        rows[places[true], places[predicted]] += 1
    shares = rows / np.maximum(rows.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if len(classes) <= MOST_NUMBERS:
        _numbers(axes, rows, shares)
    names = [plain(name, 20) for name in classes]
    axes.set_xticks(range(len(classes)), names, rotation=0 if len(classes) < 5 else 90)
    axes.set_yticks(range(len(classes)), names)
    tidy(axes, f"{format_count(len(sample.label), 'row')} of the eval split", "predicted", "true")
    axes.grid(visible=False)
    return drawn


def _numbers(axes: Axes, rows: np.ndarray, shares: np.ndarray) -> None:
    for (true, predicted), number in np.ndenumerate(rows):
        colour = "white" if shares[true, predicted] > 0.5 else INK
        text = axes.text(predicted, true, f"{number:,}", fontsize=9, color=colour)
        text.set(ha="center", va="center")


def reliability(sample: ClassSample, label: str, name: str) -> Figure:
    """How often rows are of the class, by the probability that the model gives them."""
    drawn = figure(5.2, f"Reliability of the probability of {name}")
    axes = drawn.subplots()
    probability, hit = sample.probability(name), sample.label == name
    bins = np.minimum((probability * BINS).astype(int), BINS - 1)
    filled = [bins == place for place in range(BINS) if (bins == place).any()]
    axes.plot([0, 1], [0, 1], color=INK, linewidth=1, linestyle="--", label="as often as predicted")
    axes.scatter(
        [probability[rows].mean() for rows in filled],
        [hit[rows].mean() for rows in filled],
        s=[20 + 400 * rows.mean() for rows in filled],
        color=BLUE,
        alpha=0.8,
        linewidths=0,
    )
    axes.set(xlim=(-0.04, 1.04), ylim=(-0.04, 1.04))
    note = (
        f"{format_count(len(hit), 'row')} of the eval split, in tenths; the larger, the more rows"
    )
    tidy(axes, note, f"probability of {label} = {name}", "share of the rows")
    legend(drawn, axes)
    return drawn
