"""A figure of the training curves."""

import math
from collections.abc import Sequence
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from matplotlib.typing import HashableList

from huberflow.pipeline.history.run_history import Epoch
from huberflow.pipeline.report.style import BLUE, VERMILLION, figure, legend, tidy


def training_curves(epochs: Sequence[Epoch]) -> Figure:
    """Loss per epoch on train and validation rows, and a small panel for each further metric."""
    names = list(dict.fromkeys(name for epoch in epochs for name in epoch.values))
    further = [name for name in names if name != "loss" and not name.startswith("val_")]
    layout = _layout(sorted(further, key=lambda name: name == "learning_rate"))
    drawn = figure(1.65 + 1.75 * len(layout), "Training")
    panels = drawn.subplot_mosaic(layout, height_ratios=[1.7, *[1] * (len(layout) - 1)])
    for name, axes in panels.items():
        _curve(axes, epochs, str(name))
    legend(drawn, panels["loss"])
    return drawn


def _layout(names: Sequence[str]) -> list[HashableList[str]]:
    """The loss above rows of two or three panels; ``.`` is matplotlib's sign for an empty one."""
    columns = 3 if len(names) > 4 else max(1, min(len(names), 2))
    padded: HashableList[str] = [*names, *["."] * (-len(names) % columns)]
    rows: list[HashableList[str]] = [
        padded[start : start + columns] for start in range(0, len(padded), columns)
    ]
    return [["loss"] * columns, *rows]


def _curve(axes: Axes, epochs: Sequence[Epoch], name: str) -> None:
    numbers = [epoch.number for epoch in epochs]
    train, validation = (
        np.array([epoch.values.get(key, math.nan) for epoch in epochs])
        for key in (name, f"val_{name}")
    )
    plot = partial(axes.plot, linewidth=1.6, marker="o", markersize=3)
    plot(numbers, train, color=BLUE, label="train")
    if np.isfinite(validation).any():
        best = np.nanargmin(np.where(np.isfinite(validation), validation, np.nan))
        lowest = f"validation, lowest {validation[best]:.4g} in epoch {numbers[best]}"
        plot(numbers, validation, color=VERMILLION, label=lowest)
    axes.set_xlim(numbers[0] - 0.5, numbers[-1] + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
    if name == "loss":
        tidy(axes, x="epoch", y="loss")
    else:
        tidy(axes, name.replace("_", " "))
