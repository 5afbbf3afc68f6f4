"""Figures of predictions, from a sample of rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from huberflow.components.contracts.model_config import ObjectChoice
from huberflow.components.contracts.predictions import PredictedRow, read_predictions
from huberflow.components.contracts.target import PREDICTION, of_label
from huberflow.pipeline.report import style
from huberflow.pipeline.report.formatting import format_count, format_share

MOST_NUMBERS = 20
"""The cells of more classes are too small for numbers."""

BINS = 10


@dataclass(frozen=True)
class NumberSample:
    """Labels and predictions of the same rows, in units of the label."""

    label: np.ndarray
    prediction: np.ndarray

    def finite(self) -> "NumberSample":
        """The rows in which both values are finite."""
        both = np.isfinite(self.label) & np.isfinite(self.prediction)
        return NumberSample(self.label[both], self.prediction[both])


@dataclass(frozen=True)
class ClassSample:
    """True and predicted class of the same rows, and the probability of each class."""

    label: np.ndarray
    prediction: np.ndarray
    rows: Sequence[PredictedRow]

    def probability(self, name: str) -> np.ndarray:
        """The probability of one class, for each row."""
        return np.array([row.outputs[f"probability_{name}"] for row in self.rows], float)


def read_classes(path: Path) -> ClassSample:
    """The sample in a file of predicted classes."""
    rows = list(read_predictions(path))
    label = np.array([row.label for row in rows], str)
    return ClassSample(label, np.array([row.outputs[PREDICTION] for row in rows], str), rows)


def read_numbers(path: Path, label: str | None = None) -> NumberSample:
    """The sample in a file of predicted numbers.

    Args:
      path: of the file.
      label: one of several labels; None where there is one.
    """
    output = PREDICTION if label is None else of_label(PREDICTION, label)
    pairs = [
        (
            row.label[label] if label and isinstance(row.label, Mapping) else row.label,
            row.outputs[output],
        )
        for row in read_predictions(path)
    ]
    return NumberSample(*np.array(pairs, float).reshape(-1, 2).T)


def predicted_against_true(sample: NumberSample, label: str) -> Figure:
    """A point per row; on the diagonal the prediction is right."""
    drawn = style.figure(6.2, f"Predicted against true {label}")
    axes = drawn.subplots()
    finite, far = sample.finite(), 0
    if len(finite.label):
        low, high = style.limits(finite.label, finite.prediction)
        far = style.outside([finite.label, finite.prediction], low, high)
        axes.plot(
            (low, high),
            (low, high),
            color=style.INK,
            linewidth=1,
            linestyle="--",
            label="prediction = truth",
        )
        axes.scatter(
            finite.label, finite.prediction, s=11, color=style.BLUE, alpha=0.35, linewidths=0
        )
        axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")
        style.legend(drawn, axes)
    units = f"in units of {label}"
    style.tidy(axes, _note(sample, far), f"true, {units}", f"predicted, {units}")
    return drawn


def residuals(sample: NumberSample, label: str, loss: ObjectChoice) -> Figure:
    """The errors of the predictions, and where the loss turns from quadratic to linear."""
    drawn = style.figure(3.9, f"Residuals of {label}")
    axes = drawn.subplots()
    finite, far = sample.finite(), 0
    if len(finite.label):
        errors = finite.prediction - finite.label
        low, high = style.limits(errors)
        far = style.outside([errors], low, high)
        rows, edges = np.histogram(errors, bins=60, range=(low, high))
        axes.stairs(rows, edges, fill=True, color=style.SKY)
        axes.axvline(0, color=style.GREY, linewidth=0.8)
        axes.set_xlim(low, high)
        _mark_threshold(axes, errors, loss)
        style.legend(drawn, axes)
    style.tidy(axes, _note(sample, far), f"predicted - true, in units of {label}", "rows")
    return drawn


def _mark_threshold(axes: Axes, errors: np.ndarray, loss: ObjectChoice) -> None:
    threshold = huber_threshold(loss)
    if threshold is None:
        return
    inside = format_share(int(np.sum(np.abs(errors) <= threshold)), len(errors))
    name = f"±{threshold:g}, where {loss.name} turns linear: {inside} of rows inside"
    for place, align, label in (
        (threshold, "left", style.plain(name)),
        (-threshold, "right", None),
    ):
        axes.axvline(place, color=style.VERMILLION, linewidth=1.4, linestyle="--", label=label)
        axes.annotate(
            f" {place:+g} ",
            (place, 0.97),
            xycoords=("data", "axes fraction"),
            annotation_clip=True,
            ha=align,
            va="top",
            fontsize=9,
            color=style.VERMILLION,
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


def confusion_matrix(sample: ClassSample, label: str, classes: Sequence[str]) -> Figure:
    """How many rows of each class are predicted as which; on the diagonal, rightly."""
    drawn = style.figure(6.2, f"Predicted against true {label}")
    axes = drawn.subplots()
    rows = np.zeros((len(classes), len(classes)), int)
    places = [
        [classes.index(name) for name in names] for names in (sample.label, sample.prediction)
    ]
    np.add.at(rows, tuple(places), 1)
    shares = rows / np.maximum(rows.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (true, predicted), number in np.ndenumerate(rows):
        if len(classes) <= MOST_NUMBERS:
            colour = "white" if shares[true, predicted] > 0.5 else style.INK
            text = axes.text(predicted, true, f"{number:,}", fontsize=9, color=colour)
            text.set(ha="center", va="center")
    names = [style.plain(name, 20) for name in classes]
    axes.set_xticks(range(len(classes)), names, rotation=0 if len(classes) < 5 else 90)
    axes.set_yticks(range(len(classes)), names)
    style.tidy(
        axes, f"{format_count(len(sample.label), 'row')} of the eval split", "predicted", "true"
    )
    axes.grid(visible=False)
    return drawn


def reliability(sample: ClassSample, label: str, name: str) -> Figure:
    """How often rows are of the class, by the probability that the model gives them."""
    drawn = style.figure(5.2, f"Reliability of the probability of {name}")
    axes = drawn.subplots()
    probability, hit = sample.probability(name), sample.label == name
    bins = np.minimum((probability * BINS).astype(int), BINS - 1)
    filled = [bins == place for place in range(BINS) if (bins == place).any()]
    axes.plot(
        [0, 1], [0, 1], color=style.INK, linewidth=1, linestyle="--", label="as often as predicted"
    )
    axes.scatter(
        [probability[rows].mean() for rows in filled],
        [hit[rows].mean() for rows in filled],
        s=[20 + 400 * rows.mean() for rows in filled],
        color=style.BLUE,
        alpha=0.8,
        linewidths=0,
    )
    axes.set(xlim=(-0.04, 1.04), ylim=(-0.04, 1.04))
    rows = format_count(len(hit), "row")
    note = f"{rows} of the eval split, in tenths; the larger, the more rows"
    style.tidy(axes, note, f"probability of {label} = {name}", "share of the rows")
    style.legend(drawn, axes)
    return drawn
