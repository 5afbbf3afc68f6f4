"""A user-defined network: good ones pass, those that would fail later are refused."""

import sys

import pytest
from user_networks import GOOD, WRONG_NETWORKS

from huberflow.components.contracts.model_config import ModelConfig, ObjectChoice
from huberflow.components.objects.protocol import NetworkQuestion
from huberflow.custom_objects import registry
from huberflow.custom_objects.input_error import InputError


@pytest.fixture
def check(tmp_path):
    """Checks ``build_model`` of a module with this source; its names are dropped afterwards."""
    from huberflow.components.objects import discovery, network_check

    modules = []

    def check(name, source, *, label_scale="standard", **asked):
        modules.append(name)
        (tmp_path / f"{name}.py").write_text(source)
        for candidate in discovery.candidates(name, f"{name}.py", tmp_path):
            registry.adopt(candidate.target, name)
        model = ModelConfig(
            hidden_units=(4, 4),
            embedding_dimension=2,
            activation=ObjectChoice(name="relu"),
            initializer=ObjectChoice(name="HeNormal"),
            label_scale=label_scale,
        )
        question = NetworkQuestion(
            module=name, function="build_model", model=model, numbers=3, categories=2, **asked
        )
        network_check.check(question, modules, tmp_path)

    yield check
    registry.forget(modules)
    for name in modules:
        sys.modules.pop(name, None)


@pytest.mark.parametrize("name", GOOD)
def test_a_good_one_passes(name, check):
    check(name, GOOD[name])


@pytest.mark.parametrize(
    "asked",
    [
        {"label_scale": "none"},
        {"label_scale": "log", "mixed_precision": True},
        {"mixed_precision": True},
        {"outputs": 1, "activation": "sigmoid"},
        {"outputs": 3, "activation": "softmax"},
        {"outputs": 2},
    ],
)
def test_passes_for_every_task_label_scale_and_precision(asked, check):
    check("nothing_between", GOOD["nothing_between"], **asked)


@pytest.mark.parametrize("name", WRONG_NETWORKS)
def test_one_that_would_fail_later_is_refused(name, check):
    source, key, expected, received = WRONG_NETWORKS[name]
    with pytest.raises(InputError) as raised:
        check(name, source)
    assert raised.value.key == f"{name}{key}"
    assert expected in raised.value.expected
    assert received in raised.value.received


@pytest.mark.parametrize(
    ("source", "received"),
    [
        ("def other(io, settings):\n    pass\n", "'build_model'"),
        ("def build_model(inputs):\n    pass\n", "one of (inputs)"),
    ],
)
def test_what_is_no_function_of_inputs_and_settings_is_refused(source, received, check):
    with pytest.raises(InputError) as raised:
        check("no_such_function", source)
    assert (raised.value.key, raised.value.received) == ("model.build", received)
    assert raised.value.write == "def build_model(io, settings):"
