"""A user's own network: what is good passes, what would break later is refused in words."""

import sys

import pytest
from users_networks import GOOD, REFUSED

from huberflow.custom_objects import registry

MODEL = {
    "hidden_units": [4, 4],
    "embedding_dimension": 2,
    "label_scale": "standard",
}


@pytest.fixture
def tried(tmp_path):
    """Tries ``build_model`` of a module with this source; all is forgotten afterwards."""
    from huberflow.components.objects.discovery import imported, public
    from huberflow.components.objects.network_trial import network

    modules = []

    def tried(name, source, **asked):
        modules.append(name)
        (tmp_path / f"{name}.py").write_text(source)
        for subject in public(imported(name, tmp_path, tmp_path), f"{name}.py", tmp_path):
            registry.adopt(subject.target, name)
        about = {"numbers": 3, "categories": 2, "mixed_precision": False, "model": MODEL}
        about |= {"outputs": 1, "activation": "linear"}
        network({"module": name, "function": "build_model", **about, **asked}, modules, tmp_path)

    yield tried
    registry.forget(modules)
    for name in modules:
        sys.modules.pop(name, None)


@pytest.mark.parametrize("name", GOOD)
def test_a_good_one_passes(name, tried):
    tried(name, GOOD[name])


@pytest.mark.parametrize("kind", ["none", "standard", "log"])
@pytest.mark.parametrize("mixed", [False, True])
def test_passes_in_all_units_and_precisions(kind, mixed, tried):
    tried(
        "nothing_between",
        GOOD["nothing_between"],
        model={**MODEL, "label_scale": kind},
        mixed_precision=mixed,
    )


@pytest.mark.parametrize(("outputs", "activation"), [(1, "sigmoid"), (3, "softmax"), (2, "linear")])
def test_passes_for_classes_and_several_labels(outputs, activation, tried):
    source = GOOD["nothing_between"]
    tried("nothing_between", source, outputs=outputs, activation=activation)


@pytest.mark.parametrize("name", REFUSED)
def test_is_refused_with_what_was_expected_received_and_is_to_be_written(name, tried):
    from huberflow.components.objects.refusal import RefusalError

    source, message = REFUSED[name]
    with pytest.raises(RefusalError) as raised:
        tried(name, source)
    assert str(raised.value) == message
