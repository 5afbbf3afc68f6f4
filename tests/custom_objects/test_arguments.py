"""Bad constructor arguments are refused, in the same words by the object and by its config."""

import re

import numpy as np
import pytest
import tf_keras

from huberflow.custom_objects import catalogue, create_huber, registry

NOT_A_NUMBER = [float("nan"), float("inf"), -float("inf"), "2", None, True, np.True_, 10**400, [1]]

BAD_VALUES = {
    "threshold": [0, -1, *NOT_A_NUMBER],
    "regularization_factor": [-1, *NOT_A_NUMBER],
    "factor": [-1, *NOT_A_NUMBER],
    "rate": NOT_A_NUMBER,
    "quantile": [0, 1, -0.5, 95, *NOT_A_NUMBER],
    "seed": [1.5, "2", True],
}

CASES = [
    pytest.param(name, argument, value, id=f"{name} {argument} {value!r:.10}")
    for name, entry in catalogue.HUBERFLOW.items()
    for argument in entry.arguments
    for value in BAD_VALUES[argument]
]


def refusal(argument, value):
    return rf"^{argument}: expected .+, received {re.escape(repr(value))}"


@pytest.mark.parametrize(("name", "argument", "value"), CASES)
def test_object_refuses(name, argument, value):
    with pytest.raises(ValueError, match=refusal(argument, value)):
        registry.registered()[name](**{argument: value})


@pytest.mark.parametrize(("name", "argument", "value"), CASES)
def test_config_refuses(name, argument, value):
    with pytest.raises(ValueError, match=refusal(argument, value)):
        catalogue.BUILT_IN.check(catalogue.HUBERFLOW[name].kind, name, {argument: value})


@pytest.mark.parametrize("value", BAD_VALUES["threshold"], ids="{!r:.10}".format)
def test_create_huber_refuses(value):
    with pytest.raises(ValueError, match=refusal("threshold", value)):
        create_huber(value)


def test_bad_threshold_is_refused_on_reload_too():
    saved = tf_keras.saving.serialize_keras_object(registry.build("loss", "HuberLoss", {}))
    saved["config"]["threshold"] = -1
    with pytest.raises(ValueError, match="threshold: expected"):
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
    built = registry.build(catalogue.HUBERFLOW[name].kind, name, config)
    assert {argument: getattr(built, argument) for argument in config} == config


@pytest.mark.parametrize("value", ["roc", None, 1])
def test_a_name_is_one_of_those_known(value):
    with pytest.raises(ValueError, match=refusal("curve", value)):
        catalogue.BUILT_IN.check("metric", "AUC", {"curve": value})
    catalogue.BUILT_IN.check("metric", "AUC", {"curve": "PR"})
