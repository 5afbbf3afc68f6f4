"""The common look of all figures: size, colours, text."""

import io
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

DPI = 110
WIDTH = 720 / DPI

# Okabe and Ito's palette, which colour-blind people can tell apart.
BLUE, ORANGE, VERMILLION, SKY = "#0072B2", "#E69F00", "#D55E00", "#56B4E9"
INK, GREY, PALE = "#222222", "#767676", "#DDDDDD"


def figure(height: float, title: str) -> Figure:
    """An empty figure of the common width; the height is in inches."""
    new = Figure(figsize=(WIDTH, height), dpi=DPI, layout="constrained", facecolor="white")
    new.suptitle(plain(title), x=0.01, ha="left", fontsize=12, fontweight="bold", color=INK)
    return new


def tidy(axes: Axes, note: str = "", x: str = "", y: str = "") -> None:
    """Labels the axes, with a note above them, and removes lines that show no data."""
    axes.set_title(plain(note), loc="left", fontsize=9, color=GREY)
    axes.set_xlabel(plain(x), fontsize=9.5, color=INK)
    axes.set_ylabel(plain(y), fontsize=9.5, color=INK)
    axes.tick_params(labelsize=9, color=PALE, labelcolor=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(PALE)
    axes.grid(color=PALE, linewidth=0.6, alpha=0.7)
    axes.set_axisbelow(True)


def legend(drawn: Figure, axes: Axes) -> None:
    """Draws the legend below the axes, where it hides no data."""
    handles, labels = axes.get_legend_handles_labels()
    drawn.legend(handles, labels, loc="outside lower left", ncols=3, fontsize=9, frameon=False)


def plain(text: object, longest: int = 90) -> str:
    """One line of text for matplotlib, to which a plain dollar sign would begin a formula."""
    line = " ".join(str(text).split())
    line = line if len(line) <= longest else f"{line[: longest - 3]}..."
    return line.replace("$", r"\$")


def limits(*samples: np.ndarray) -> tuple[float, float]:
    """The range of all values but the outliers of each sample, with a margin.

    Outliers are more than six interquartile ranges beyond the quartiles. Tukey's three would cut
    tails that belong to the data, such as fares to the airport.
    """
    fences = [_fences(values) for values in samples]
    low, high = min(low for low, _ in fences), max(high for _, high in fences)
    margin = 0.04 * (high - low) or 0.04 * abs(high) or 2.0
    return low - margin, high + margin


def _fences(values: np.ndarray) -> tuple[float, float]:
    low, first, third, high = map(float, np.quantile(values, [0, 0.25, 0.75, 1]))
    reach = 6 * (third - first)
    return (max(low, first - reach), min(high, third + reach)) if reach else (low, high)


def outside(values: Sequence[np.ndarray], low: float, high: float) -> int:
    """How many points have a coordinate beyond the range."""
    return int(np.any([(v < low) | (v > high) for v in values], axis=0).sum())


def png(drawn: Figure) -> bytes:
    """The figure as a file's content."""
    content = io.BytesIO()
    drawn.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()
