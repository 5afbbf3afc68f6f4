"""Defaults of the network and its training that follow from the number of rows and the label.

They were chosen on some real tables, and measured on others: ``benchmarks/quality``.
"""

import math
from collections.abc import Sequence
from typing import Any

from huberflow.custom_objects.catalogue import Task
from huberflow.pipeline.config import Config, Splits
from huberflow.pipeline.data.profile import ColumnProfile

STEPS = 4000
"""The largest number of steps, unless the rows need more for ``PASSES``."""

PASSES = 20
"""The smallest number of times that training may see each row."""

EPOCH_STEPS = 100
"""The smallest number of steps in an epoch: validation after fewer is mostly noise."""

PATIENCE_STEPS = 1000
"""Steps without a better validation loss before training stops."""

BATCHES = 40
"""Steps in a pass over the rows, within the limits of ``BATCH_SIZES``."""

BATCH_SIZES = (32, 256)


def training_defaults(
    task: Task, train_rows: int, labels: Sequence[ColumnProfile]
) -> dict[str, dict[str, Any]]:
    """Values of the config's sections, by section.

    Args:
      task: of the model.
      train_rows: the number of rows to train on, about.
      labels: profiles of the columns to predict.
    """
    sections: dict[str, dict[str, Any]] = {
        "features": {"bins": 16},
        "model": {
            "hidden_units": [128, 64],
            # Penalties are added to the loss, whose size is that of the label: weight decay is not.
            "regularizer": None,
            "activity_regularization": None,
        },
        "training": {
            **_budget(train_rows),
            "optimizer": {
                "name": "AdamW",
                "config": {
                    "learning_rate": 0.003,
                    "weight_decay": 0.02,
                    # The average over some hundred steps is validated and kept: less noise.
                    "use_ema": True,
                    "ema_momentum": 0.99,
                },
            },
        },
    }
    if task == "regression":
        heavy = all(label.has_heavy_tail for label in labels)
        sections["model"]["label_scale"] = "log" if heavy else "standard"
    return sections


def huber_threshold(labels: Sequence[ColumnProfile]) -> float:
    """A tenth of the smallest deviation of a label, to one digit; 1 where all rows are equal."""
    least = min(label.deviation for label in labels) / 10
    return float(f"{least:.0e}") or 1.0


def train_rows(rows: int, splits: Splits) -> int:
    """The number of rows to train on, about: their share of all."""
    return max(1, rows * splits.train // (splits.train + splits.validation + splits.eval))


def describe_training(config: Config, rows: int) -> list[str]:
    """The steps of training, and the scale of the label where it is not the usual one.

    Args:
      config: complete.
      rows: with a label, in all splits.
    """
    training, count = config.training, train_rows(rows, config.data.splits)
    steps = training.steps_per_epoch or math.ceil(count / training.batch_size)
    most = "" if training.early_stopping_patience is None else "up to "
    lines = [
        f"training: {most}{training.epochs * steps:,} steps in batches of "
        f"{training.batch_size:,}, for about {count:,} rows"
    ]
    if config.model.label_scale == "log":
        label = " and ".join(config.data.labels)
        lines.append(f"scale: log(1 + {label}) inside the network (model.label_scale)")
    return lines


def _budget(rows: int) -> dict[str, int | None]:
    smallest, largest = BATCH_SIZES
    batch = min(largest, max(smallest, 2 ** round(math.log2(max(1, rows / BATCHES)))))
    one_pass = math.ceil(rows / batch)
    steps = max(EPOCH_STEPS, one_pass)
    return {
        "batch_size": batch,
        "steps_per_epoch": steps if one_pass < EPOCH_STEPS else None,
        "epochs": max(PASSES if one_pass == steps else 1, math.ceil(STEPS / steps)),
        "early_stopping_patience": max(5, PATIENCE_STEPS // steps),
    }
