"""A config may name every optimizer and schedule of tf_keras; mistakes are found without it."""

import inspect

import pytest
import tf_keras
from optimizer_choices import choice, scheduled

from huberflow.custom_objects import registry
from huberflow.custom_objects.catalogue import BUILT_IN
from huberflow.custom_objects.input_error import InputError
from huberflow.custom_objects.keras_optimizers import OPTIMIZERS, REQUIRED, SCHEDULES

LOST = {"Adam": {"adaptive_epsilon"}}
"""Arguments that a config cannot have, for Keras loses them."""


def classes(module, base):
    found = {name: each for name, each in vars(module).items() if inspect.isclass(each)}
    return {name for name, each in found.items() if issubclass(each, base) and each is not base}


def test_each_of_the_installed_tf_keras_has_its_name():
    optimizers = classes(tf_keras.optimizers, tf_keras.optimizers.Optimizer)
    assert OPTIMIZERS.keys() == optimizers | {"LossScaleOptimizer"}
    schedules = tf_keras.optimizers.schedules
    assert SCHEDULES.keys() == classes(schedules, schedules.LearningRateSchedule)


@pytest.mark.parametrize("name", [*OPTIMIZERS, *SCHEDULES])
def test_its_arguments_are_those_of_the_class(name):
    kind = "optimizer" if name in OPTIMIZERS else "schedule"
    module = registry.importlib.import_module(BUILT_IN.of_kind(kind)[name].module)
    target = getattr(module, name)
    if name == "LossScaleOptimizer":
        target = target(tf_keras.optimizers.Adam()).__class__
    parameters = dict(inspect.signature(target.__init__).parameters)
    for each in ("self", "name", "kwargs"):
        parameters.pop(each, None)
    arguments = (OPTIMIZERS | SCHEDULES)[name]
    assert arguments.keys() == parameters.keys() - LOST.get(name, set())
    required = {key for key, each in parameters.items() if each.default is each.empty}
    assert set(REQUIRED.get(name, ())) == required


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_it_is_built_with_what_the_config_says(name):
    config = choice(name)["config"]
    built = registry.build("optimizer", name, config).get_config()
    for argument, value in config.items():
        if argument != "inner_optimizer":
            assert built[argument] == pytest.approx(value)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_its_learning_rate_follows_a_schedule(schedule):
    wanted = scheduled("Adam", schedule)
    adam = registry.build("optimizer", "Adam", wanted["config"])
    built = adam.get_config()["learning_rate"]
    assert built["class_name"] == schedule
    for argument, value in choice(schedule)["config"].items():
        assert built["config"][argument] == pytest.approx(value)


def test_whole_numbers_are_a_schedule_of_numbers():
    """Keras computes in whole numbers otherwise: a decay rate of 0.5 would be 0."""
    config = {"initial_learning_rate": 1, "decay_steps": 2, "decay_rate": 0.5}
    rate = {"name": "ExponentialDecay", "config": config}
    sgd = registry.build("optimizer", "SGD", {"learning_rate": rate})
    assert sgd._learning_rate(1).numpy() == pytest.approx(0.5**0.5)


WRONG = [
    ("Adam", {"learning_rate": {"name": "CosinDecay"}},
     "learning_rate.name", "a schedule: CosineDecay, ", "did you mean CosineDecay?"),
    ("Adam", {"learning_rate": {"name": "ExponentialDecay", "config": {"decay_steps": 2}}},
     "learning_rate.config.initial_learning_rate", "this argument of ExponentialDecay", None),
    ("Adam", {"learning_rate": {**choice("CosineDecay"), "confg": {}}},
     "learning_rate", "the keys name and config", None),
    ("Adam", {"learning_rate": {"name": "CosineDecay", "config": 5}},
     "learning_rate.config", "its arguments by name", None),
    ("Adam", {"learning_rate": {"config": {}}}, "learning_rate", "or a schedule: {name: Co", None),
    ("Adam", {"learning_rate": "CosineDecay"}, "learning_rate", "or a schedule: {name: Co", None),
    ("Adam", {"beta2": 0.9}, "beta2", "an argument of Adam: learning_rate", "did you mean beta_2?"),
    ("Adam", {"beta_2": 1}, "beta_2", "a number >= 0 and < 1", None),
    ("Adam", {"amsgrad": 1}, "amsgrad", "true or false", None),
    ("Adam", {"clipnorm": 1, "global_clipnorm": 1},
     "global_clipnorm", "one of clipnorm and global_clipnorm", None),
    ("Adam", {"ema_overwrite_frequency": 0},
     "ema_overwrite_frequency", "a whole number >= 1", None),
    ("Adam", {"adaptive_epsilon": True}, "adaptive_epsilon", "an argument of Adam: ", None),
    ("AdamW", {"weight_decay": None}, "weight_decay", "a finite number >= 0", None),
    ("Ftrl", {"learning_rate_power": 0.5}, "learning_rate_power", "a finite number <= 0", None),
    ("Lion", {"beta_1": 0}, "beta_1", "a number > 0 and <= 1", None),
    ("SGD", {"learning_rate": {"name": "PiecewiseConstantDecay",
                               "config": {"boundaries": [5, 3], "values": [3, 2, 1]}}},
     "learning_rate.config.boundaries", "steps in order", None),
    ("SGD", {"learning_rate": {"name": "PiecewiseConstantDecay",
                               "config": {"boundaries": [3, 5], "values": [3, 2]}}},
     "learning_rate.config.values", "3 numbers, one more than boundaries", None),
    ("SGD", {"learning_rate": {"name": "PiecewiseConstantDecay",
                               "config": {"boundaries": [3, 5], "values": [3, "x", 2]}}},
     "learning_rate.config.values.1", "a finite number >= 0", None),
    ("LossScaleOptimizer", {}, "inner_optimizer", "this argument of LossScaleOptimizer", None),
    ("LossScaleOptimizer", {"inner_optimizer": {"name": "Adm"}},
     "inner_optimizer.name", "an optimizer: ", "did you mean Adam?"),
    ("LossScaleOptimizer", {"inner_optimizer": {"name": "Adam"}, "dynamic": False},
     "initial_scale", "a number, as dynamic is false", None),
    ("LossScaleOptimizer", {"inner_optimizer": 5}, "inner_optimizer", "an optimizer: {na", None),
]  # fmt: skip


@pytest.mark.parametrize(("name", "config", "key", "expected", "hint"), WRONG)
def test_a_mistake_is_found_before_training(name, config, key, expected, hint):
    with pytest.raises(InputError) as raised:
        BUILT_IN.check("optimizer", name, config)
    assert raised.value.key == f"config.{key}"
    assert expected in raised.value.expected
    assert raised.value.hint == hint
