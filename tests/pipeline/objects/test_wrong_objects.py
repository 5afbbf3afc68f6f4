"""User-defined objects that would fail later are refused before the pipeline starts."""

import psutil
import pytest
from user_object_sources import loss
from wrong_objects import WRONG

from huberflow.components.objects.protocol import ChoiceQuestion
from huberflow.custom_objects.input_error import InputError, InputErrors
from huberflow.pipeline.objects.inspection import check_choices, inspect


def write(folder, modules):
    """Writes these modules; returns their paths."""
    for name, source in modules.items():
        (folder / f"{name}.py").write_text(source)
    return [folder / f"{name}.py" for name in modules]


@pytest.fixture(scope="module")
def errors(tmp_path_factory):
    """The errors of all modules; one process validates them, since TensorFlow is slow to import."""
    modules = {"first": loss("Twin"), **{name: wrong.source for name, wrong in WRONG.items()}}
    with pytest.raises(InputErrors) as raised:
        inspect(write(tmp_path_factory.mktemp("wrong"), modules))
    return raised.value.errors


@pytest.mark.parametrize("name", WRONG)
def test_an_object_that_would_fail_later_is_refused(name, errors):
    (error,) = (each for each in errors if each.key.startswith(f"{name}.py"))
    assert error.key == f"{name}{WRONG[name].key}"
    assert WRONG[name].expected in error.expected
    assert WRONG[name].received in error.received


def test_nothing_else_is_refused(errors):
    assert len(errors) == len(WRONG)


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("no_get_config", 'return {**super().get_config(), "scale": self.scale}'),
        ("scalar_loss", "return tf.reduce_mean(values, axis=-1)"),
        ("mean_of_batches", "keep sums and counts"),
        ("built_in_name", "MyHuberLoss"),
    ],
)
def test_the_remedy_is_named(name, remedy, errors):
    (error,) = (each for each in errors if each.key.startswith(f"{name}.py"))
    assert remedy in f"{error.hint} {error.write}"


def test_a_process_that_dies_is_an_error(tmp_path):
    (path,) = write(tmp_path, {"ending": "import os\nos.write(2, b'gone\\n')\nos._exit(7)\n"})
    with pytest.raises(InputError) as raised:
        inspect([path])
    assert raised.value.key == str(path)
    assert raised.value.received == "the end of its process, with exit code 7: gone"


def test_a_process_that_hangs_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr("huberflow.pipeline.objects.validating_process.PATIENCE", 2)
    with pytest.raises(InputError) as raised:
        inspect(write(tmp_path, {"hanging": "import time\ntime.sleep(60)\n"}))
    assert "within 2 s" in raised.value.expected
    assert "signal 9" in raised.value.received


def test_a_choice_is_built_and_used_with_its_arguments(tmp_path):
    source = loss(
        init="self.scale = scale\n"
        "        if scale < 0:\n"
        "            raise ValueError(f'scale: expected a number >= 0, received {scale}')"
    )
    objects = inspect(write(tmp_path, {"chosen": source}))
    chosen = {"a": ("MyLoss", -1.0), "b": ("MyLoss", 1e39), "c": ("MyLoss", 2.0)}
    choices = [
        ChoiceQuestion(key=key, name=name, task="regression", config={"scale": value})
        for key, (name, value) in {**chosen, "d": ("HuberLoss", -1.0)}.items()
    ]
    with pytest.raises(InputErrors) as raised:
        check_choices(objects, choices)
    constructor, call = raised.value.errors
    assert constructor.key == "a: MyLoss(scale=-1.0)"
    assert "scale: expected a number >= 0, received -1.0 (chosen.py, line 10)" in (
        constructor.received
    )
    assert (call.key, call.received) == ("b: chosen.py: MyLoss.call", "nan")


def test_no_process_is_left(errors):
    commands = [child.cmdline() for child in psutil.Process().children()]
    assert not [
        command for command in commands if "huberflow.components.objects.validation" in command
    ]
