"""What of an optimizer a bundle cannot carry, and which weights it left in the model.

A bundle carries an optimizer's class, its config, its variables, and the names of weights that do
not decay. Anything else that decides a training step would be lost without a word.
"""

import functools
import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from huberflow.components.bundle import bundle_source, reload
from huberflow.components.bundle.proof import AS_TRAINED, AVERAGE, NOT_AVERAGE, NOT_KNOWN
from huberflow.custom_objects.input_error import InputError


def served_weights(model: tf_keras.Model | None, *, known: bool = True) -> str:
    """Which weights the model has, where its optimizer averages them (``use_ema``).

    Keras puts the average into the model when ``fit`` ends; before that, the model has the weights
    of the last step.

    Args:
      model: None for one that is not Keras's.
      known: whether the optimizer has its state.
    """
    if model is None or not reload.resuming.is_compiled(model):
        return AS_TRAINED
    if not getattr(model.optimizer, "use_ema", False):
        return AS_TRAINED
    if not known:
        return NOT_KNOWN
    reload.resuming.optimizer_variables(model)  # makes them
    pairs = zip(reload.resuming.optimized_weights(model), averages(model), strict=True)
    same = all(np.array_equal(weight.numpy(), average.numpy()) for weight, average in pairs)
    return AVERAGE if same else NOT_AVERAGE


def averages(model: tf_keras.Model) -> Sequence[tf.Variable]:
    """The moving average of each weight of an optimizer, which has been built."""
    held: Sequence[tf.Variable] = reload.resuming.inner_optimizer(
        model
    )._model_variables_moving_average
    return held


def refuse_foreign(model: tf_keras.Model) -> None:
    """Raises an ``InputError`` where the optimizer is not one of tf_keras, or has a name of one."""
    if not reload.resuming.is_compiled(model):
        return
    own = type(reload.resuming.inner_optimizer(model))
    if not issubclass(own, _KINDS):
        raise InputError(
            "optimizer",
            expected="an optimizer of tf_keras (Keras 2), or a class derived from one",
            received=f"{own.__qualname__} of {own.__module__}",
            write="model.compile(tf_keras.optimizers.Adam(), …)",
        )
    name = tf_keras.saving.get_registered_name(own)
    if name.lower() in _NAMES and own.__module__.partition(".")[0] != "tf_keras":
        raise InputError(
            "optimizer",
            expected="a class that a reload does not take for Keras's own",
            received=f"{name} of {own.__module__}",
            write=f'@tf_keras.utils.register_keras_serializable("mine") above class {name}',
        )


_KINDS = (tf_keras.optimizers.Optimizer, tf_keras.optimizers.legacy.Optimizer)
_NAMES = {name.lower() for name in vars(tf_keras.optimizers)}


def refuse_lost(model: tf_keras.Model, objects: Sequence[reload.layout.CustomObject] = ()) -> None:
    """Raises an ``InputError`` where a reload would train on with other settings, without a word.

    Args:
      model: trained or not.
      objects: its custom objects.
    """
    if not reload.resuming.is_compiled(model):
        return
    _refuse_changed_since_compile(model)
    with tf_keras.utils.custom_object_scope(bundle_source.by_name(objects)):
        weights = reload.resuming.optimized_weights(model) if model.built else []
        _refuse_other_weights(model, weights)
        lost = next(_lost(reload.resuming.inner_optimizer(model), weights), None)
    if lost is not None:
        raise InputError(
            "optimizer",
            expected="settings that get_config returns, and what changes in variables",
            received=lost,
            hint="a reload has its config and its variables, nothing else",
            write='self.add_variable([], name="…") in build, in place of a Python number; '
            "or the setting in get_config",
        )


def _refuse_changed_since_compile(model: tf_keras.Model) -> None:
    """Refuses layers that were frozen or unfrozen after ``compile``.

    Until the next ``compile``, Keras goes on to train what was trainable in the last one; a reload
    trains what is so now.
    """
    compiled = getattr(model, "_compiled_trainable_state", {})
    changed = [
        f"{layer.name} {'frozen' if was else 'unfrozen'}"
        for layer, was in compiled.items()
        if was != layer.trainable and _has_own_weights(layer)
    ]
    if changed:
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        raise InputError(
            "model",
            expected="layers that are as trainable as in compile",
            received=f"{', '.join(changed[:3])}{more} since",
            hint="a bundle that is only to predict need not be frozen before: "
            "huberflow.load(path, trainable=False)",
            write="model.compile(…) after the change",
        )


def _has_own_weights(layer: tf_keras.layers.Layer) -> bool:
    """Whether it matters that a layer is frozen: so it does for one that only normalizes."""
    own = layer._trainable_weights or layer._non_trainable_weights
    return bool(own) and not isinstance(layer, tf_keras.metrics.Metric)


def _refuse_other_weights(model: tf_keras.Model, held: Sequence[tf.Variable]) -> None:
    """Refuses an optimizer that has the state of other weights than the model's trainable ones.

    A ``train_step`` of the model's own may train a part of them.
    """
    count = len(getattr(reload.resuming.inner_optimizer(model), "_index_dict", {}))
    trainable = model.trainable_variables if model.built else []
    is_own = type(model).train_step is not tf_keras.Model.train_step
    if count and (count != len(held) or not (is_own or {*map(id, held)} == {*map(id, trainable)})):
        raise InputError(
            "optimizer",
            expected="one that was built for all trainable weights, and for no others",
            received=f"one for {count} weights, of a model with {len(trainable)} trainable ones",
            hint="another model has the optimizer, or had it when other weights were trainable",
            write="model.compile(…) with an optimizer of its own",
        )


def _lost(optimizer: Any, weights: Sequence[tf.Variable]) -> Iterator[str]:
    """The settings that an optimizer made from the config does not have."""
    rebuilt = type(optimizer).from_config(optimizer.get_config())
    smallest = min(weights, key=lambda each: each.shape.num_elements(), default=None)
    if smallest is not None:
        make = getattr(rebuilt, "_create_all_weights", None) or rebuilt.build
        make([tf.Variable(tf.zeros(smallest.shape, smallest.dtype)) for _ in weights])
    others = _settings(rebuilt)
    for name, value in _settings(optimizer).items():
        if name not in others or others[name] != value:
            other = f"{others[name]!r}" if name in others else "nothing"
            yield f"{type(optimizer).__name__}.{name}={value!r}, and {other} from its config"


def _settings(optimizer: Any) -> dict[str, object]:
    """The numbers, the text and the functions that an optimizer has as attributes."""
    return {
        name: _compared(value)
        for name, value in vars(optimizer).items()
        if _is_setting(value) and name not in _NO_SETTINGS and not name.startswith("_self_")
    }


def _is_setting(value: object) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_setting, value))
    plain = value is None or isinstance(value, bool | int | float | str | np.generic)
    return plain or isinstance(value, _FUNCTIONS)


def _compared(value: Any) -> object:
    """A value that equals another one of the same meaning: of a function its code."""
    if isinstance(value, list | tuple):
        return [_compared(each) for each in value]
    return getattr(value, "__code__", value)


_FUNCTIONS = (
    types.FunctionType,
    types.MethodType,
    types.BuiltinFunctionType,
    functools.partial,
    tf.types.experimental.PolymorphicFunction,
)
"""What a legacy optimizer transforms gradients with, or what was put in place of a method."""

_NO_SETTINGS = {
    "_exclude_from_weight_decay",  # carried beside the variables
    "_exclude_from_weight_decay_names",
    "_is_wrapped_by_loss_scale_optimizer",
    "_u_product_counter",  # see ``unknown_steps``
}


def unknown_steps(model: tf_keras.Model) -> str:
    """Why training does not go on after a reload as it would have; nothing where it does.

    Nadam counts in Python, while a graph is traced: until it has taken as many steps, a step is
    another one in another trace.
    """
    optimizer = (
        reload.resuming.inner_optimizer(model) if reload.resuming.is_compiled(model) else None
    )
    if not isinstance(optimizer, tf_keras.optimizers.Nadam):
        return ""
    reload.resuming.optimizer_variables(model)  # makes them
    counted = optimizer._u_product_counter
    if not model.run_eagerly and (counted == 1 or int(optimizer.iterations) + 2 > counted):
        return ""
    return "Nadam counts its steps in Python, and has taken too few of them"


@contextmanager
def as_built(model: tf_keras.Model) -> Iterator[None]:
    """Lets Nadam count in the block as it does after a reload."""
    optimizer = reload.resuming.inner_optimizer(model)
    if not isinstance(optimizer, tf_keras.optimizers.Nadam):
        yield
        return
    before = optimizer._u_product_counter, model.train_function
    optimizer._u_product_counter, model.train_function = 1, None
    try:
        yield
    finally:
        optimizer._u_product_counter, model.train_function = before
