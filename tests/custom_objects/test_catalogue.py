"""The catalogue is a table beside the code: here it is held against the code."""

import inspect
import subprocess
import sys
from typing import get_args

import pytest
import tf_keras

from huberflow import custom_objects
from huberflow.custom_objects import catalogue, registry

BASES = {
    "loss": tf_keras.losses.Loss,
    "metric": tf_keras.metrics.Metric,
    "layer": tf_keras.layers.Layer,
    "regularizer": tf_keras.regularizers.Regularizer,
    "initializer": tf_keras.initializers.Initializer,
    "constraint": tf_keras.constraints.Constraint,
    "optimizer": tf_keras.optimizers.Optimizer,
}
OF_KERAS = {"reduction", "name", "dtype", "kwargs"}
STOCK_VALUES = {
    "clipnorm": 3.0,
    "curve": "PR",
    "delta": 2.0,
    "gamma": 3.0,
    "l1": 0.1,
    "l2": 0.1,
    "learning_rate": 0.2,
    "max_value": 2.0,
    "momentum": 0.5,
    "seed": 3,
    "weight_decay": 0.01,
}

STOCK = [
    (kind, name)
    for kind in get_args(catalogue.ObjectKind)
    for name in catalogue.BUILT_IN.of_kind(kind)
    if name not in catalogue.HUBERFLOW
]


def own_arguments(target):
    if not inspect.isclass(target) or target.__init__ is object.__init__:
        return set()
    parameters = set(inspect.signature(target).parameters)
    return parameters - OF_KERAS - {"args"}


def is_of_kind(built, kind):
    plain_function = inspect.isfunction(built) and kind in ("loss", "activation")
    return plain_function or isinstance(built, BASES[kind])


@pytest.mark.parametrize("name", catalogue.HUBERFLOW)
def test_arguments_are_those_of_the_class(name):
    target = registry.registered()[name]
    assert set(catalogue.HUBERFLOW[name].arguments) == own_arguments(target), (
        f"custom_objects/catalogue.py: give {name} the arguments of its __init__, with their checks"
    )


@pytest.mark.parametrize("name", catalogue.HUBERFLOW)
def test_module_and_kind_are_those_of_the_object(name):
    entry, target = catalogue.HUBERFLOW[name], registry.registered()[name]
    assert target.__module__ == entry.module
    assert is_of_kind(registry.build(entry.kind, name, {}), entry.kind)


@pytest.mark.parametrize(("kind", "name"), STOCK)
def test_keras_has_every_stock_object_and_it_can_be_built(kind, name):
    arguments = catalogue.BUILT_IN.of_kind(kind)[name].arguments
    config = {argument: STOCK_VALUES[argument] for argument in arguments}
    built = registry.build(kind, name, config)
    assert is_of_kind(built, kind)
    for argument, value in config.items():
        assert built.get_config()[argument] == pytest.approx(value)


@pytest.mark.parametrize(("kind", "name"), STOCK)
def test_a_stock_object_can_do_without_its_arguments(kind, name):
    assert is_of_kind(registry.build(kind, name, {}), kind)


def test_ours_come_first():
    assert list(catalogue.BUILT_IN.of_kind("loss"))[:4] == [
        "huber_fn",
        "HuberLoss",
        "CustomMSE",
        "Huber",
    ]
    assert set(catalogue.BUILT_IN.of_kind("layer")) == {
        "ActivityRegularizationLayer",
        "MetricLoggingLayer",
    }


def test_unknown_name_lists_the_known_ones_and_the_nearest():
    with pytest.raises(
        LookupError,
        match=r"^expected a loss: huber_fn, HuberLoss, .+; received 'HuberLos' "
        r"\(did you mean HuberLoss\?\)$",
    ):
        catalogue.BUILT_IN.check("loss", "HuberLos", {})


def test_a_name_like_no_other_gets_no_hint():
    with pytest.raises(LookupError, match=r"^expected a constraint: .+; received 'xyz'$"):
        catalogue.BUILT_IN.check("constraint", "xyz", {})


def test_a_name_of_another_kind_is_unknown():
    with pytest.raises(LookupError, match=r"^expected a metric: .+; received 'HuberLoss'"):
        catalogue.BUILT_IN.check("metric", "HuberLoss", {})


@pytest.mark.parametrize(
    ("kind", "name", "accepted"),
    [
        ("loss", "HuberLoss", "threshold"),
        ("loss", "Huber", "delta"),
        ("loss", "huber_fn", "no arguments"),
    ],
)
def test_unknown_argument_lists_the_known_ones(kind, name, accepted):
    with pytest.raises(ValueError, match=rf"^alpha: {name} expected {accepted}, received 'alpha'$"):
        catalogue.BUILT_IN.check(kind, name, {"alpha": 1.0})


def test_a_good_config_passes():
    catalogue.BUILT_IN.check("loss", "HuberLoss", {"threshold": 2})
    catalogue.BUILT_IN.check("initializer", "HeNormal", {"seed": None})


def test_every_public_name_can_be_imported():
    assert custom_objects.__all__ == sorted([*catalogue.HUBERFLOW, "create_huber"])
    assert dir(custom_objects) == custom_objects.__all__
    for name, target in registry.registered().items():
        assert getattr(custom_objects, name) is target


def test_unknown_attribute_is_named():
    with pytest.raises(AttributeError, match="'custom_objects' has no attribute 'HubertLoss'"):
        custom_objects.HubertLoss  # noqa: B018


@pytest.mark.parametrize(
    "module",
    ["custom_objects", "huberflow.custom_objects.catalogue", "huberflow.custom_objects.arguments"],
)
def test_imports_neither_tensorflow_nor_numpy(module):
    heavy = {"tensorflow", "tf_keras", "keras", "numpy"}
    command = f"import sys, {module}; print(*({heavy} & set(sys.modules)))"
    printed = subprocess.run(
        [sys.executable, "-c", command], capture_output=True, text=True, check=True
    ).stdout
    assert printed.strip() == ""
