"""Checks of a user's optimizer and learning-rate schedule: a reload trains on as the model would.

A bundle carries an optimizer's config and its variables.
"""

import numpy as np
import tensorflow as tf
import tf_keras

from huberflow.components.bundle import optimizer_state, reload
from huberflow.components.objects.discovery import Candidate
from huberflow.custom_objects.input_error import InputError
from huberflow.custom_objects.registry import KerasObject

_X = np.linspace(-1, 1, 24, dtype=np.float32).reshape(8, 3)
_Y = _X[:, :1] + 0.5


def check_schedule(candidate: Candidate) -> None:
    """Refuses a schedule without a finite learning rate for each step.

    Raises:
      InputError: names what it gives instead.
    """
    schedule = tf.function(candidate.make())
    for step in (0, 1, 1000):
        rate = np.asarray(schedule(tf.constant(step, tf.int64)))
        if rate.shape != () or not np.isfinite(rate):
            raise InputError(
                f"{candidate.key}.__call__",
                expected="one finite number for each step",
                received=f"{rate} for step {step}",
                write="step = tf.cast(step, tf.float32)",
            )


def check_optimizer(candidate: Candidate) -> None:
    """Refuses an optimizer that learns nothing, or whose next step would differ after a reload.

    Raises:
      InputError: says what differs.
    """
    model = _model(candidate.make())
    before = model.get_weights()
    _take_steps(model, 2)
    after = model.get_weights()
    if all(map(np.array_equal, before, after)) or not all(np.isfinite(w).all() for w in after):
        raise InputError(
            f"{candidate.key}.update_step",
            expected="other weights after a step, and finite ones",
            received="the same" if np.isfinite(after[0]).all() else "nan or inf",
            write="variable.assign_sub(rate * gradient)",
        )
    try:
        optimizer_state.refuse_lost(model)
    except InputError as error:
        raise error.with_key(candidate.key) from error
    resumed = _model(type(model.optimizer).from_config(model.optimizer.get_config()))
    resumed.set_weights(after)
    reload.resuming.restore_optimizer(resumed, reload.resuming.optimizer_state(model))
    _take_steps(model, 1)
    _take_steps(resumed, 1)
    if not all(map(np.array_equal, model.get_weights(), resumed.get_weights())):
        raise InputError(
            candidate.key,
            expected="the same next step from its config and its variables",
            received="another one",
            hint="keep what changes from step to step in variables of the optimizer",
            write="self.add_variable_from_reference(variable, ...) for each variable in build",
        )


def _model(optimizer: KerasObject) -> tf_keras.Model:
    model = tf_keras.Sequential([tf_keras.layers.Dense(1, input_shape=(3,))])
    model.compile(optimizer, "mse")
    return model


def _take_steps(model: tf_keras.Model, count: int) -> None:
    for _ in range(count):
        model.train_on_batch(_X, _Y)
