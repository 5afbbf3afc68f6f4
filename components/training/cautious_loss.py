"""What early stopping compares where the label is a class: the validation loss, with caution."""

import numpy as np
import tensorflow as tf
import tf_keras

from huberflow.components.training.class_weight import rows_of

MOST_ROWS = 2**14
"""Of more validation rows, caution would change less than chance does."""


class CautiousLoss:
    """The loss of the validation rows, and of one more row whose class is drawn by lot.

    Once a model is right about all of few validation rows, their loss falls for as long as it grows
    surer: it has not met the row that it is wrong about. The rule of succession counts that one
    row. With n rows, K classes and the loss l, the mean over the rows, by weight, of

        n / (n + 1) · l(y, p) + 1 / (n + 1) · Σₖ l(k, p) / K

    For cross-entropy, this is label smoothing by 1 / (n + 1).

    Args:
      rows: blocks of validation rows: features, truth, and perhaps weights.
      classes: their number.
    """

    def __init__(self, rows: tf.data.Dataset, classes: int) -> None:
        self._rows, self._classes = rows, classes
        self._count = sum(len(block[1]) for block in rows)

    @property
    def is_needed(self) -> bool:
        """Whether there are few rows."""
        return 0 < self._count <= MOST_ROWS

    def __call__(self, model: tf_keras.Model) -> float:
        """The value for a compiled model."""
        total = total_weight = 0.0
        for features, truth, *weight in self._rows:
            values = self._of_rows(model, features, truth).numpy().astype(np.float64)
            weights = weight[0].numpy() if weight else np.ones(len(values))
            total += float(np.sum(weights * values))
            total_weight += float(np.sum(weights))
        return total / total_weight

    def _of_rows(
        self, model: tf_keras.Model, features: dict[str, tf.Tensor], truth: tf.Tensor
    ) -> tf.Tensor:
        predicted = model(features, training=False)

        def loss(labels: tf.Tensor) -> tf.Tensor:
            return rows_of(model.loss, labels[:, tf.newaxis], predicted)

        each = [loss(tf.fill(tf.shape(truth), float(place))) for place in range(self._classes)]
        share = 1 / (self._count + 1)
        return (1 - share) * loss(truth) + share * tf.add_n(each) / self._classes
