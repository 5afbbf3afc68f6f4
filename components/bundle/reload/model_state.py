"""The variables of a model and the states of its layers, put back after a measurement."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .keras_2 import keras_2
from .seeding import generators_unchanged

if TYPE_CHECKING:
    import tensorflow as tf
    import tf_keras


@contextmanager
def unchanged(root: Any, *more: tf.Variable) -> Iterator[None]:
    """Restores the state of a model, or of a loaded SavedModel, after the block.

    That is all its variables and ``more``, the states of its layers, and its random generators.
    """
    import tensorflow as tf

    found = (*tf.train.TrackableView(root).descendants(), *_states(root), *more)
    # The vocabulary of a lookup layer, which no training changes, is in a table.
    variables = {id(each): each for each in found if isinstance(each, tf.Variable)}.values()
    before = [variable.numpy() for variable in variables]
    with generators_unchanged(root):
        try:
            yield
        finally:
            for variable, value in zip(variables, before, strict=True):
                variable.assign(value)


def _states(root: Any) -> list[tf.Variable]:
    """What recurrent layers with ``stateful=True`` keep from one batch to the next."""
    import tensorflow as tf

    below = tf.train.TrackableView(root).descendants()
    layers = [each for each in below if isinstance(each, keras_2().layers.RNN) and each.stateful]
    states = (state for layer in layers for state in tf.nest.flatten(layer.states))
    return [state for state in states if isinstance(state, tf.Variable)]


def reset_states(model: tf_keras.Model) -> None:
    """Sets the states of recurrent layers to zero."""
    for state in _states(model):
        state.assign(state * 0)
