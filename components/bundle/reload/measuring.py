"""What a model computes: measured when it is exported, and again when it is checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .arrays import escaped, flat
from .keras_2 import keras_2
from .model_state import reset_states
from .resuming import is_compiled

if TYPE_CHECKING:
    import numpy as np
    import tf_keras

    from .arrays import Nested


def model_values(
    model: tf_keras.Model, inputs: Nested, labels: Nested = None, sample_weight: Nested = None
) -> dict[str, np.ndarray]:
    """The model's values for these rows, as one batch.

    Arrays by name: ``model/prediction``, with several outputs one below it for each;
    ``model/loss_per_example`` of a single loss; and ``model/<name>`` for the loss and each metric.
    Without labels, or where the model is not compiled, the predictions alone.
    """
    import numpy as np

    reset_states(model)
    prediction = model.predict_on_batch(inputs)
    values = flat("model/prediction", prediction)
    if not has_loss(model, labels):
        return values
    values |= loss_per_example(model, labels, prediction)
    model.reset_metrics()
    reset_states(model)
    measured = model.test_on_batch(inputs, labels, sample_weight, return_dict=True)
    return values | {f"model/{escaped(name)}": np.asarray(each) for name, each in measured.items()}


def has_loss(model: tf_keras.Model, labels: Nested) -> bool:
    """Whether a model that was called can be evaluated.

    A loss that it adds may need no labels, and so may steps of its own, as of an autoencoder.
    """
    if not is_compiled(model):
        return False
    own, keras = type(model), keras_2().Model
    has_own = own.train_step is not keras.train_step and own.test_step is not keras.test_step
    adds_all = model.loss is None or (not model.loss and (model.losses or has_own))
    return bool(labels is not None or adds_all)


def loss_per_example(
    model: tf_keras.Model, labels: Nested, prediction: Nested
) -> dict[str, np.ndarray]:
    """``model/loss_per_example``; empty where there is not a single loss with a value per row."""
    import numpy as np
    import tensorflow as tf

    parts = [tf.nest.flatten(part) for part in (model.loss, labels, prediction)]
    if any(len(part) != 1 or part[0] is None for part in parts):
        return {}
    (loss,), (label,), (predicted,) = parts
    if np.ndim(label) == 1 and np.ndim(predicted) == 2:  # as in Keras's training
        label = np.reshape(label, (-1, 1))
    if label.dtype.kind == predicted.dtype.kind == "f":
        label = label.astype(predicted.dtype)
    loss = keras_2().losses.get(loss)
    losses = np.asarray(getattr(loss, "call", loss)(tf.constant(label), tf.constant(predicted)))
    return {"model/loss_per_example": losses} if len(label) in losses.shape[:1] else {}


def step_losses(
    model: tf_keras.Model, inputs: Nested, labels: Nested = None, sample_weight: Nested = None
) -> np.ndarray:
    """The losses of two training steps on these rows; the second depends on the first step.

    Of a model whose ``train_step`` gives no loss, all that it gives.
    """
    import numpy as np

    reset_states(model)
    steps = [
        model.train_on_batch(inputs, labels, sample_weight, return_dict=True) for _ in range(2)
    ]
    return np.asarray([step.get("loss", [*step.values()]) for step in steps])
