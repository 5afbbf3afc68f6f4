"""Class weights: how much the rows of each class count in the loss, and in nothing else."""

from collections.abc import Callable, Mapping, Sequence

import tensorflow as tf
import tf_keras

from huberflow.components.contracts.constant_prediction import ConstantPrediction
from huberflow.components.contracts.model_config import ClassWeight
from huberflow.components.contracts.target import Target


def class_weights(
    asked: ClassWeight | None, target: Target, constant: ConstantPrediction
) -> tuple[float, ...]:
    """The weight of each class, whose mean over the train rows is 1; empty where none is asked for.

    Balanced weights give all classes that have train rows the same sum. Others have those of the
    table, and 1 where it names none.

    Args:
      asked: ``training.class_weight``.
      target: has the classes.
      constant: has their shares of the train rows.
    """
    if asked is None:
        return ()
    shares = constant.values if target.width > 1 else (1 - constant.values[0], *constant.values)
    if isinstance(asked, Mapping):
        weights = [asked.get(name, 1.0) for name in target.classes]
    else:
        weights = [1 / share if share else 1.0 for share in shares]
    mean = sum(weight * share for weight, share in zip(weights, shares, strict=True))
    return tuple(weight / mean for weight in weights)


def rows_of(
    loss: tf_keras.losses.Loss | Callable[..., tf.Tensor], y_true: tf.Tensor, y_pred: tf.Tensor
) -> tf.Tensor:
    """The loss of each row, ``[batch]``; ``loss`` is an object, or a function of the same."""
    values = (loss.call if isinstance(loss, tf_keras.losses.Loss) else loss)(y_true, y_pred)
    return tf.reduce_mean(tf.reshape(values, [tf.shape(y_true)[0], -1]), axis=-1)


class ClassWeightedLoss(tf_keras.losses.Loss):
    """A loss in which each row counts by the weight of its class, beside any weight of its own.

    Args:
      loss: an object, or a function ``(y_true, y_pred)``, which gives a value for each row.
      weights: of each class; the label is its index.
    """

    def __init__(
        self, loss: tf_keras.losses.Loss | Callable[..., tf.Tensor], weights: Sequence[float]
    ) -> None:
        reduction = getattr(loss, "reduction", tf_keras.losses.Reduction.AUTO)
        super().__init__(reduction=reduction)
        self._loss = loss
        self._weights = weights

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """The weighted loss of each row."""
        values = rows_of(self._loss, y_true, y_pred)
        classes = tf.cast(tf.reshape(y_true, [-1]), tf.int32)
        return values * tf.gather(tf.constant(self._weights, values.dtype), classes)
