"""A user's objects that would break later are refused before the pipeline starts, in words."""

import psutil
import pytest
from refused_behaviour import BEHAVIOUR
from refused_configs import CONFIGS
from refused_metrics import METRICS
from refused_modules import MODULES
from tiny_objects import loss

from huberflow.pipeline.objects.inspection import ObjectsError, check_choices, inspect

REFUSED = {**MODULES, **CONFIGS, **METRICS, **BEHAVIOUR}


def write(folder, modules):
    """The paths of these modules, written."""
    for name, source in modules.items():
        (folder / f"{name}.py").write_text(source)
    return [folder / f"{name}.py" for name in modules]


@pytest.fixture(scope="module")
def refusals(tmp_path_factory):
    """What is said of all of them together; one process tries them, for TensorFlow is slow."""
    folder = tmp_path_factory.mktemp("refused")
    (folder / "helpers_beside.py").write_text("")
    modules = {"one": loss("Twin")} | {name: source for name, (source, _) in REFUSED.items()}
    with pytest.raises(ObjectsError) as raised:
        inspect(write(folder, modules))
    return str(raised.value).splitlines()


@pytest.mark.parametrize("name", REFUSED)
def test_is_refused_with_what_was_expected_received_and_is_to_be_written(name, refusals):
    _, message = REFUSED[name]
    said = [line for line in refusals if line.startswith((f"{name}.py:", f"{name}.py,"))]
    assert said == [f"{name}.py{message}"]


def test_nothing_else_is_refused(refusals):
    assert len(refusals) == len(REFUSED)


def test_a_process_that_ends_is_no_answer(tmp_path):
    (path,) = write(tmp_path, {"ending": "import os\nos.write(2, b'gone\\n')\nos._exit(7)\n"})
    with pytest.raises(ObjectsError) as raised:
        inspect([path])
    assert str(raised.value) == (
        f"{path}: expected a module that can be imported and tried within 300 s, received the end "
        "of its process, with exit code 7: gone"
    )


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    """What is said of three choices, one of them good, and of one that is not the user's."""
    source = loss(
        init="self.scale = scale\n"
        "        if scale < 0:\n"
        "            raise ValueError(f'scale: expected a number >= 0, received {scale}')"
    )
    objects = inspect(write(tmp_path_factory.mktemp("chosen"), {"chosen": source}))
    chosen = {
        "training.loss": {"name": "MyLoss", "config": {"scale": -1.0}},
        "training.metrics.0": {"name": "MyLoss", "config": {"scale": float("inf")}},
        "evaluation.metrics.0": {"name": "MyLoss", "config": {"scale": 2.0}},
        "evaluation.metrics.1": {"name": "HuberMetric", "config": {"threshold": -1.0}},
    }
    with pytest.raises(ObjectsError) as raised:
        check_choices(objects, chosen, "regression")
    return str(raised.value).splitlines()


def test_a_constructor_says_in_its_own_words_what_it_refuses(checked):
    assert checked[0] == (
        "training.loss: MyLoss: expected arguments that it accepts, received scale=-1.0: "
        "ValueError: scale: expected a number >= 0, received -1.0 (chosen.py, line 10)"
    )


def test_a_choice_is_used_as_well_as_built(checked):
    assert checked[1] == (
        "training.metrics.0: chosen.py: MyLoss.call: expected finite values for labels and "
        "predictions between 0 and 1, received nan; keep logarithms, roots and divisions away "
        "from 0"
    )


def test_a_choice_that_is_good_or_not_the_users_is_passed_over(checked):
    assert len(checked) == 2


def test_no_process_is_left(checked, refusals):
    commands = [child.cmdline() for child in psutil.Process().children()]
    assert not [command for command in commands if "huberflow.components.objects" in command]
