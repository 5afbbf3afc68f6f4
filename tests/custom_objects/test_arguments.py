"""Wrong constructor arguments are refused by the object and by its config alike."""

from contextlib import contextmanager

import numpy as np
import pytest
import tf_keras

from huberflow.custom_objects import create_huber, registry
from huberflow.custom_objects.catalogue import BUILT_IN, HUBERFLOW
from huberflow.custom_objects.input_error import InputError

NOT_A_NUMBER = [float("nan"), float("inf"), -float("inf"), "2", None, True, np.True_, 10**400, [1]]

BAD_VALUES = {
    "threshold": [0, -1, *NOT_A_NUMBER],
    "regularization_factor": [-1, *NOT_A_NUMBER],
    "factor": [-1, *NOT_A_NUMBER],
    "rate": NOT_A_NUMBER,
    "quantile": [0, 1, -0.5, 95, *NOT_A_NUMBER],
    "average": ["micro", None, 1],
    "curve": ["roc", None, 1],
    "seed": [1.5, "2", True],
}

CASES = [
    pytest.param(name, argument, value, id=f"{name} {argument} {value!r:.10}")
    for name, entry in HUBERFLOW.items()
    for argument in entry.arguments
    for value in BAD_VALUES[argument]
]


@contextmanager
def refused(key, value):
    """The block raises an InputError with this key, and this value received."""
    with pytest.raises(InputError) as raised:
        yield
    assert raised.value.key == key
    assert raised.value.received.startswith(repr(value))


@pytest.mark.parametrize(("name", "argument", "value"), CASES)
def test_object_refuses(name, argument, value):
    with refused(argument, value):
        registry.registered()[name](**{argument: value})


@pytest.mark.parametrize(("name", "argument", "value"), CASES)
def test_config_refuses(name, argument, value):
    with refused(f"config.{argument}", value):
        BUILT_IN.check(HUBERFLOW[name].kind, name, {argument: value})


@pytest.mark.parametrize("value", BAD_VALUES["threshold"], ids="{!r:.10}".format)
def test_create_huber_refuses(value):
    with refused("threshold", value):
        create_huber(value)


def test_bad_threshold_is_refused_on_reload_too():
    saved = tf_keras.saving.serialize_keras_object(registry.build("loss", "HuberLoss", {}))
    saved["config"]["threshold"] = -1
    with refused("threshold", -1):
        tf_keras.saving.deserialize_keras_object(saved)


@pytest.mark.parametrize("value", [2, np.float32(2), np.int64(2), np.array(2.0)])
def test_numbers_of_any_type_are_stored_as_plain_floats(value):
    stored = registry.build("loss", "HuberLoss", {"threshold": value}).threshold
    assert type(stored) is float
    assert stored == 2.0


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("CustomMSE", {"regularization_factor": 0}),
        ("L1Regularizer", {"factor": 0}),
        ("ActivityRegularizationLayer", {"rate": -0.5}),
        ("GlorotNormalInitializer", {"seed": None}),
    ],
)
def test_the_edge_of_the_range_is_accepted(name, config):
    built = registry.build(HUBERFLOW[name].kind, name, config)
    assert {argument: getattr(built, argument) for argument in config} == config
