"""The registry: one name, one code, for as long as the process lives."""

import importlib.util
import sys
from types import SimpleNamespace

import pytest
import tf_keras

from huberflow.custom_objects import registry
from huberflow.custom_objects.catalogue import HUBERFLOW
from huberflow.custom_objects.input_error import InputError

DOUBLED = """
from huberflow.custom_objects.registry import register


@register
def doubled(inputs):
    return 2 * inputs
"""


@pytest.fixture
def load(own_registry, tmp_path, monkeypatch):
    """Writes a module and imports it; afterwards both registries are as they were."""

    def load(name, source):
        file = tmp_path / f"{name}.py"
        file.write_text(source)
        spec = importlib.util.spec_from_file_location(name, file)
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        return module

    return load


def test_lists_every_object_of_the_catalogue():
    assert list(registry.registered()) == sorted(HUBERFLOW)


@pytest.mark.parametrize("name", HUBERFLOW)
def test_keras_knows_each_by_package_and_name(name):
    target = registry.registered()[name]
    assert tf_keras.saving.get_registered_object(f"custom_objects>{name}") is target
    assert tf_keras.saving.get_registered_name(target) == f"custom_objects>{name}"


def test_other_code_under_a_taken_name_is_refused_and_changes_nothing(load):
    first = load("doubling", DOUBLED)
    with pytest.raises(InputError) as raised:
        load("tripling", DOUBLED.replace("2 *", "3 *"))
    assert raised.value.key == "custom_objects>doubled"
    assert "doubling" in raised.value.expected
    assert "tripling" in raised.value.received
    assert registry.registered()["doubled"] is first.doubled
    assert tf_keras.saving.get_registered_object("custom_objects>doubled") is first.doubled


def test_the_same_code_may_be_registered_again(load):
    load("doubling", DOUBLED)
    again = load("doubling_again", DOUBLED)
    assert registry.registered()["doubled"] is again.doubled


def test_code_without_a_file_is_refused(load):
    with pytest.raises(InputError, match=r"doubled: expected code in a file"):
        exec(DOUBLED, {"__name__": "a_prompt"})  # noqa: S102
    assert "doubled" not in registry.registered()
    assert tf_keras.saving.get_registered_object("custom_objects>doubled") is None


def test_build_gives_an_instance_of_a_class_and_a_function_itself():
    loss = registry.build("loss", "HuberLoss", {"threshold": 2.0})
    assert (type(loss).__name__, loss.threshold) == ("HuberLoss", 2.0)
    function = registry.build("activation", "softplus", {})
    assert function is registry.registered()["softplus"]


def test_build_choice_reads_the_form_that_a_config_has():
    choice = SimpleNamespace(name="HuberLoss", config={"threshold": 2.0})
    loss = registry.build_choice("loss", choice)
    assert loss.threshold == 2.0
    assert registry.build_choice("constraint", None) is None
