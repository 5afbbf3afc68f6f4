"""The catalogue is a table beside the code: here it is compared with the code."""

import inspect
import subprocess
import sys
from typing import get_args

import pytest
import tf_keras

from huberflow import custom_objects
from huberflow.custom_objects import registry
from huberflow.custom_objects.catalogue import BUILT_IN, HUBERFLOW, ObjectKind
from huberflow.custom_objects.input_error import InputError

BASES = {
    "loss": tf_keras.losses.Loss,
    "metric": tf_keras.metrics.Metric,
    "layer": tf_keras.layers.Layer,
    "regularizer": tf_keras.regularizers.Regularizer,
    "initializer": tf_keras.initializers.Initializer,
    "constraint": tf_keras.constraints.Constraint,
}
OF_KERAS = {"reduction", "name", "dtype", "kwargs"}
KERAS_VALUES = {
    "alpha": 0.4,
    "apply_class_balancing": True,
    "delta": 2.0,
    "gamma": 3.0,
    "k": 2,
    "l1": 0.1,
    "l2": 0.1,
    "label_smoothing": 0.1,
    "max_value": 2.0,
    "seed": 3,
    "threshold": 0.3,
    "thresholds": 0.3,
}

KERAS = [
    (kind, name)
    for kind in get_args(ObjectKind)
    if kind in BASES or kind == "activation"  # see test_keras_optimizers.py for the others
    for name in BUILT_IN.of_kind(kind)
    if name not in HUBERFLOW
]


def own_arguments(target):
    if not inspect.isclass(target) or target.__init__ is object.__init__:
        return set()
    parameters = set(inspect.signature(target).parameters)
    return parameters - OF_KERAS - {"args"}


def is_of_kind(built, kind):
    plain_function = inspect.isfunction(built) and kind in ("loss", "activation")
    return plain_function or isinstance(built, BASES[kind])


@pytest.mark.parametrize("name", HUBERFLOW)
def test_arguments_are_those_of_the_class(name):
    target = registry.registered()[name]
    assert set(HUBERFLOW[name].arguments) == own_arguments(target), (
        f"custom_objects/catalogue.py: give {name} the arguments of its __init__, with their checks"
    )


@pytest.mark.parametrize("name", HUBERFLOW)
def test_module_and_kind_are_those_of_the_object(name):
    entry, target = HUBERFLOW[name], registry.registered()[name]
    assert target.__module__ == entry.module
    assert is_of_kind(registry.build(entry.kind, name, {}), entry.kind)


@pytest.mark.parametrize(("kind", "name"), KERAS)
def test_an_object_of_keras_can_be_built_with_and_without_its_arguments(kind, name):
    assert is_of_kind(registry.build(kind, name, {}), kind)
    arguments = BUILT_IN.of_kind(kind)[name].arguments
    config = {argument: KERAS_VALUES[argument] for argument in arguments}
    built = registry.build(kind, name, config)
    for argument, value in config.items():
        assert built.get_config()[argument] == pytest.approx(value)


def test_objects_of_huberflow_come_first():
    for kind in get_args(ObjectKind):
        huberflows = [name for name, entry in HUBERFLOW.items() if entry.fits(kind)]
        assert list(BUILT_IN.of_kind(kind))[: len(huberflows)] == huberflows


@pytest.mark.parametrize(
    ("kind", "name", "config", "error"),
    [
        ("loss", "HuberLos", {}, ("name", "a loss: ", "HuberLoss?")),
        ("constraint", "xyz", {}, ("name", "a constraint: ", None)),
        ("initializer", "xyz", {}, ("name", "an initializer: ", None)),
        ("metric", "HuberLoss", {}, ("name", "a metric: ", "HuberMetric?")),
        ("loss", "HuberLoss", {"alpha": 1}, ("config.alpha", "an argument of HuberLoss: th", None)),
        ("loss", "Huber", {"alpha": 1}, ("config.alpha", "an argument of Huber: delta", None)),
        ("loss", "huber_fn", {"alpha": 1}, ("config.alpha", "an argument of huber_fn: none", None)),
        ("loss", "Huber", {"delta": 0}, ("config.delta", "a finite number > 0", None)),
    ],
)
def test_a_wrong_name_or_argument_is_refused(kind, name, config, error):
    with pytest.raises(InputError) as raised:
        BUILT_IN.check(kind, name, config)
    key, expected, hint = error
    assert raised.value.key == key
    assert raised.value.expected.startswith(expected)
    assert raised.value.hint == (hint and f"did you mean {hint}")


def test_a_loss_that_does_not_fit_the_task_is_refused():
    BUILT_IN.check_task("loss", "HuberLoss", "binary")
    with pytest.raises(InputError) as raised:
        BUILT_IN.check_task("loss", "HuberLoss", "multiclass")
    assert raised.value.expected == "a loss for multiclass (SparseCategoricalCrossentropy)"


def test_a_name_has_an_owner_or_is_free():
    names = ("HuberLoss", "LogCosh", "Adam", "MyLoss")
    modules = ["huberflow.custom_objects.losses", "tf_keras.losses", "tf_keras.optimizers", None]
    assert list(map(BUILT_IN.owner, names)) == modules


def test_every_public_name_can_be_imported():
    assert custom_objects.__all__ == sorted([*HUBERFLOW, "create_huber"])
    assert dir(custom_objects) == custom_objects.__all__
    for name, target in registry.registered().items():
        assert getattr(custom_objects, name) is target


def test_unknown_attribute_is_named():
    with pytest.raises(AttributeError, match="has no attribute 'HubertLoss'"):
        custom_objects.HubertLoss  # noqa: B018


@pytest.mark.parametrize(
    "module",
    [
        "huberflow.custom_objects",
        "huberflow.custom_objects.catalogue",
        "huberflow.custom_objects.arguments",
    ],
)
def test_imports_neither_tensorflow_nor_numpy(module):
    heavy = {"tensorflow", "tf_keras", "keras", "numpy"}
    command = f"import sys, {module}; print(*({heavy} & set(sys.modules)))"
    printed = subprocess.run(
        [sys.executable, "-c", command], capture_output=True, text=True, check=True
    ).stdout
    assert printed.strip() == ""
