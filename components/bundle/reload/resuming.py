"""The optimizer's state, with which training goes on: ``optimizer.npz``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import ReloadError
from .keras_2 import keras_2
from .layout import OPTIMIZER

if TYPE_CHECKING:
    import numpy as np
    import tensorflow as tf
    import tf_keras


def is_compiled(model: tf_keras.Model) -> bool:
    """Whether the model has an optimizer, and so can be trained and evaluated."""
    return getattr(model, "optimizer", None) is not None


def optimizer_variables(model: tf_keras.Model) -> list[tf.Variable]:
    """The optimizer's state, in a fixed order; none of a model that is not compiled."""
    if not is_compiled(model):
        return []
    optimizer = model.optimizer
    if isinstance(optimizer, keras_2().optimizers.legacy.Optimizer):
        optimizer._create_all_weights(model.trainable_variables)
    else:
        optimizer.build(optimized_weights(model))
    variables = optimizer.variables
    listed = list(variables() if callable(variables) else variables)
    # An optimizer does not list all: Nadam's product, a loss scale, a learning rate, a user's own.
    seen = {id(each) for each in (*listed, *model.variables)}
    return [*listed, *_variables_in(optimizer, seen)]


def optimized_weights(model: tf_keras.Model) -> list[tf.Variable]:
    """The weights that the optimizer was built for; before it is, all that are trainable."""
    optimizer = inner_optimizer(model)
    places: Mapping[str, int] = getattr(optimizer, "_index_dict", {})
    if not places:
        return list(model.trainable_variables)
    by_key = {optimizer._var_key(each): each for each in model.variables if _is_variable(each)}
    keys = sorted((key for key in places if key in by_key), key=places.__getitem__)
    return [by_key[key] for key in keys]


def _is_variable(value: object) -> bool:
    """Not the table of a lookup layer, which Keras lists, too."""
    import tensorflow as tf

    return isinstance(value, tf.Variable)


def _variables_in(node: Any, seen: set[int]) -> Iterator[tf.Variable]:
    """The variables that an optimizer holds, in itself, in lists and in what else it holds."""
    import tensorflow as tf

    if id(node) in seen:
        return
    seen.add(id(node))
    schedule = keras_2().optimizers.schedules.LearningRateSchedule
    children: Sequence[Any] = ()
    if isinstance(node, tf.Variable):
        yield node
    elif isinstance(node, Mapping):
        children = [*node.values()]
    elif isinstance(node, list | tuple):
        children = node
    elif isinstance(node, schedule | tf.__internal__.tracking.Trackable):
        children = [each for name, each in sorted(vars(node).items()) if name not in _COPIES]
    for child in children:
        yield from _variables_in(child, seen)


_COPIES = ("_coalesced_children", "_self_unconditional_checkpoint_dependencies")
"""Attributes that have what others have, in some processes only."""


def inner_optimizer(model: tf_keras.Model) -> Any:
    """The model's optimizer; of one that scales the loss, the one inside it."""
    return getattr(model.optimizer, "inner_optimizer", model.optimizer)


def optimizer_state(model: tf_keras.Model) -> dict[str, np.ndarray]:
    """The arrays of ``optimizer.npz``; none of a model that is not compiled."""
    import numpy as np

    if not is_compiled(model):
        return {}
    variables = optimizer_variables(model)
    state = {str(place): variable.numpy() for place, variable in enumerate(variables)}
    decays = getattr(inner_optimizer(model), "_use_weight_decay", None)
    weights = optimized_weights(model)
    if decays is not None:
        state[_UNDECAYED] = np.array([not decays(each) for each in weights], bool)
    if [*map(id, weights)] != [*map(id, model.trainable_variables)]:
        places = {id(each): place for place, each in enumerate(model.variables)}
        state[_WEIGHTS] = np.array([places[id(each)] for each in weights], np.int64)
    return state


_UNDECAYED = "without_weight_decay"
"""Which of its weights ``exclude_from_weight_decay`` named: the config has no word of it."""

_WEIGHTS = "weights"
"""The places among the model's variables of the weights that the optimizer was built for.

Without it: all trainable ones. A ``train_step`` may train a part of them.
"""


def restore_optimizer(model: tf_keras.Model, state: Mapping[str, np.ndarray]) -> None:
    """Gives the optimizer the state that ``optimizer_state`` gave.

    Raises:
      ReloadError: it is the state of another optimizer.
    """
    if _WEIGHTS in state:
        model.optimizer.build([model.variables[place] for place in state[_WEIGHTS]])
    variables, optimizer = optimizer_variables(model), inner_optimizer(model)
    count = len(state.keys() - {_UNDECAYED, _WEIGHTS})
    if count != len(variables):
        raise ReloadError(
            f"{Path(OPTIMIZER).name}: expected {len(variables)} arrays for {type(optimizer)}, "
            f"received {count}; use the reload.py of the bundle itself"
        )
    for position, variable in enumerate(variables):
        variable.assign(state[str(position)].astype(variable.dtype.as_numpy_dtype))
    if _UNDECAYED in state:
        pairs = zip(optimized_weights(model), state[_UNDECAYED], strict=True)
        optimizer._exclude_from_weight_decay = [optimizer._var_key(v) for v, out in pairs if out]
