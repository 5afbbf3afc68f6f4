"""The check of each kind of object, on small data, as a pipeline will use it."""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import tensorflow as tf

from huberflow.components.objects.discovery import Candidate
from huberflow.components.objects.loss_check import check_loss
from huberflow.components.objects.metric_check import check_metric
from huberflow.components.objects.samples import ROWS, Make, call_in_graph
from huberflow.custom_objects.catalogue import ObjectKind
from huberflow.custom_objects.input_error import InputError

_WEIGHT = tf.constant(np.random.default_rng(3).normal(size=(4, 3)), tf.float32)


def check_layer(candidate: Candidate, make: Make) -> None:
    """Refuses a layer that does not give one row for each row of its inputs.

    Raises:
      InputError: names the shape that it gives.
    """
    x = _layer_input(make)
    for values in call_in_graph(candidate.key, partial(make(), training=False), x):
        if values.ndim == 0 or len(values) != ROWS:
            raise InputError(
                f"{candidate.key}.call",
                expected=f"one row for each row of the inputs, {ROWS}",
                received=f"shape {values.shape}",
                hint="keep the first dimension, as axis=-1 does",
            )


def _layer_input(make: Make) -> tf.Tensor:
    """Numbers, a sequence or an image, whichever the layer takes first."""
    errors = []
    for shape in ((4,), (5, 4), (6, 6, 3)):
        x = tf.random.stateless_normal((ROWS, *shape), (1, 2))
        try:
            make()(x)
        except Exception as error:  # the layer is for other inputs, or wrong
            errors.append(error)
        else:
            return x
    raise errors[0]


def check_weight_function(candidate: Candidate, make: Make) -> None:
    """Refuses a function of a weight that gives another shape than its kind has to.

    Raises:
      InputError: names the shape that it gives.
    """
    function, shape = make(), tuple(_WEIGHT.shape)
    if candidate.kind == "initializer":
        result = function(shape, dtype=tf.float32)
    elif candidate.kind == "activation":
        (result,) = call_in_graph(candidate.key, function, _WEIGHT)
    else:
        result = function(_WEIGHT)
    expected = () if candidate.kind == "regularizer" else shape
    if (received := np.shape(result)) != expected:
        raise InputError(
            candidate.key,
            expected=f"shape {expected} for a weight of shape {shape}",
            received=f"shape {received}",
        )


CHECKS: Mapping[ObjectKind, Callable[[Candidate, Make], None]] = {
    "loss": check_loss,
    "metric": check_metric,
    "layer": check_layer,
    "regularizer": check_weight_function,
    "initializer": check_weight_function,
    "constraint": check_weight_function,
    "activation": check_weight_function,
}
