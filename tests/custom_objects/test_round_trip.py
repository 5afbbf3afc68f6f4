"""Every object of the catalogue survives the trip to JSON and back, with all of its arguments."""

import inspect
import json

import pytest
import tf_keras

from huberflow.custom_objects import registry
from huberflow.custom_objects.catalogue import HUBERFLOW

NOT_THE_DEFAULTS = {
    "huber_fn": {},
    "HuberLoss": {"threshold": 2.5, "reduction": "sum", "name": "tail"},
    "CustomMSE": {"regularization_factor": 0.3, "reduction": "none", "name": "pulled"},
    "HuberMetric": {"threshold": 2.5, "name": "tail", "dtype": "float64"},
    "AbsoluteErrorQuantile": {"quantile": 0.95, "name": "p95", "dtype": "float64"},
    "AUC": {"curve": "PR", "name": "area", "dtype": "float64"},
    "BalancedAccuracy": {"threshold": 0.3, "name": "balanced", "dtype": "float64"},
    "F1Score": {"average": "weighted", "threshold": 0.3, "name": "f1", "dtype": "float64"},
    "R2Score": {"name": "explained", "dtype": "float64"},
    "L1Regularizer": {"factor": 0.3},
    "ActivityRegularizationLayer": {"rate": 0.7, "name": "penalty", "dtype": "float64"},
    "MetricLoggingLayer": {"name": "spread", "dtype": "float64"},
    "softplus": {},
    "GlorotNormalInitializer": {"seed": 13},
    "PositiveWeights": {},
}

every_object = pytest.mark.parametrize("name", HUBERFLOW)


def made(name):
    target = registry.registered()[name]
    return target(**NOT_THE_DEFAULTS[name]) if inspect.isclass(target) else target


def config_of(made):
    return made.get_config() if hasattr(made, "get_config") else made.__name__


def assert_survives(original, restored):
    assert type(restored) is type(original)
    assert config_of(restored) == config_of(original)


def test_covers_the_whole_catalogue():
    assert set(NOT_THE_DEFAULTS) == set(HUBERFLOW), (
        "tests/custom_objects/test_round_trip.py: give every object of the catalogue a line in "
        "NOT_THE_DEFAULTS, with a value for each argument that is not its default"
    )


@every_object
def test_each_argument_has_a_value_that_is_not_the_default(name):
    values = NOT_THE_DEFAULTS[name]
    assert set(HUBERFLOW[name].arguments) <= set(values)
    defaults = inspect.signature(registry.registered()[name]).parameters
    assert not [
        argument
        for argument, value in values.items()
        if argument in defaults and defaults[argument].default == value
    ]


@every_object
def test_config_holds_every_argument_under_its_own_name(name):
    values, original = NOT_THE_DEFAULTS[name], made(name)
    if values:
        assert values.items() <= original.get_config().items()
        assert values == {argument: getattr(original, argument) for argument in values}


@every_object
def test_survives_json(name):
    original = made(name)
    text = json.dumps(tf_keras.saving.serialize_keras_object(original))
    assert f"custom_objects>{name}" in text
    assert_survives(original, tf_keras.saving.deserialize_keras_object(json.loads(text)))


@every_object
def test_survives_the_older_format_that_a_saved_model_holds(name):
    original = made(name)
    legacy = tf_keras.utils.legacy
    restored = legacy.deserialize_keras_object(legacy.serialize_keras_object(original))
    assert_survives(original, restored)
