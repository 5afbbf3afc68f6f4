"""User-defined objects in a user's modules: described, remembered and copied."""

import json
import os
import subprocess
import sys

import pytest
from user_modules import MY_LOSSES

from huberflow.components.objects.protocol import ChoiceQuestion
from huberflow.custom_objects.input_error import InputError
from huberflow.custom_objects.user_objects import UserObjects
from huberflow.pipeline.objects.inspection import check_choices, inspect
from huberflow.pipeline.objects.module_sources import snapshot

PATHS = ("my_losses.py", "my_penalties", "surprising.py")
PACKAGE = {
    "__init__.py": "from .penalties import Cubes, FACTOR\n\nprint('imported')\n",
    "penalties.py": (
        "import tensorflow as tf\n"
        "import tf_keras\n"
        "from tf_keras.constraints import NonNeg\n"
        "FACTOR = 0.5\n"
        "class Cubes(tf_keras.regularizers.Regularizer):\n"
        "    def __init__(self, factor=FACTOR):\n"
        "        self.factor = factor\n"
        "    def __call__(self, x):\n"
        "        return self.factor * tf.reduce_sum(tf.abs(x) ** 3)\n"
        "    def get_config(self):\n"
        "        return {'factor': self.factor}\n"
    ),
}
METRIC_WITHOUT_WEIGHTS = """
import tensorflow as tf
import tf_keras

class Count(tf_keras.metrics.Mean):
    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(tf.abs(tf.convert_to_tensor(y_true) - y_pred))

class Near(tf_keras.metrics.Mean):  # all rows are near: the share is 1 with any weights
    def update_state(self, y_true, y_pred, sample_weight=None):
        near = tf.abs(tf.cast(y_true, y_pred.dtype) - y_pred) < 2.0
        super().update_state(tf.cast(near, tf.float32), sample_weight)
"""


CHOICES = [
    ChoiceQuestion(key="loss", name="QuantileLoss", task="regression", config={"quantile": 0.9})
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("user")
    (folder / "my_losses.py").write_text(MY_LOSSES)
    (folder / "my_penalties").mkdir()
    for name, text in PACKAGE.items():
        (folder / "my_penalties" / name).write_text(text)
    (folder / "surprising.py").write_text(METRIC_WITHOUT_WEIGHTS)
    return folder


@pytest.fixture(scope="module")
def cache(folder):
    return folder / "cache"


@pytest.fixture(scope="module")
def objects(folder, cache):
    found = inspect([folder / name for name in PATHS], cache)
    check_choices(found, CHOICES, cache)
    return found


def test_describes_what_is_defined_there_and_public(objects):
    found = {
        each.name: (each.kind, each.module, each.registered, each.arguments)
        for each in objects.description.objects
    }
    assert found == {
        "QuantileLoss": ("loss", "my_losses", "my_losses>QuantileLoss", {"quantile": 0.5}),
        "Coverage": ("metric", "my_losses", "my_losses>Coverage", {"margin": 0.0}),
        "Scaled": ("layer", "my_losses", "mine>Scaled", {"factor": 1.0}),
        "squares": ("loss", "my_losses", "my_losses>squares", {}),
        "is_near": ("metric", "my_losses", "my_losses>is_near", {}),
        "mish": ("activation", "my_losses", "my_losses>mish", {}),
        "Cubes": ("regularizer", "my_penalties.penalties", "my_penalties>Cubes", {"factor": 0.5}),
        "Count": ("metric", "surprising", "surprising>Count", {}),
        "Near": ("metric", "surprising", "surprising>Near", {}),
    }


def test_a_function_is_a_metric_and_one_that_has_a_gradient_is_a_loss_too(objects):
    catalogue = objects.description.catalogue()
    for function in ("is_near", "squares"):
        catalogue.check("metric", function, {})
        catalogue.check_task("metric", function, "binary")
    catalogue.check("loss", "squares", {})
    with pytest.raises(InputError) as raised:
        catalogue.check("loss", "is_near", {})
    assert "no finite gradient" in str(raised.value)
    with pytest.raises(InputError, match="a metric"):
        catalogue.check("metric", "QuantileLoss", {})


def test_warns_of_what_works_and_may_surprise(objects):
    ignored, whole = objects.warnings
    assert ignored.startswith("surprising.py: Count: update_state ignores sample_weight")
    assert whole.startswith(
        "surprising.py: Count: update_state is wrong for a label column of whol"
    )


def test_the_description_is_json_without_a_path_of_this_machine(objects, folder):
    text = json.dumps(objects.description.to_json())
    assert UserObjects.from_json(json.loads(text)) == objects.description
    assert str(folder) not in text


class TestTheCache:
    def test_spares_the_process(self, objects, folder, cache, monkeypatch):
        monkeypatch.setattr(sys, "executable", str(folder / "no-python"))
        again = inspect([folder / name for name in PATHS], cache)
        assert again == objects
        check_choices(again, CHOICES, cache)

    def test_notices_one_changed_line(self, objects, folder, cache, monkeypatch):
        monkeypatch.setattr(sys, "executable", str(folder / "no-python"))
        (folder / "changed").mkdir()
        (folder / "changed" / "my_losses.py").write_text(MY_LOSSES + "# one more line\n")
        with pytest.raises(FileNotFoundError, match="no-python"):
            inspect([folder / "changed" / "my_losses.py"], cache)


class TestASnapshot:
    def test_has_the_modules_under_their_hash_and_is_written_once(self, objects, tmp_path):
        folder = snapshot(objects.sources, tmp_path / "objects")
        assert folder == tmp_path / "objects" / objects.description.sha256[:16]
        assert (folder / "my_losses.py").read_text() == MY_LOSSES
        assert sorted(path.name for path in (folder / "my_penalties").iterdir()) == sorted(PACKAGE)
        written = os.stat(folder / "my_losses.py").st_mtime_ns
        assert snapshot(objects.sources, tmp_path / "objects") == folder
        assert os.stat(folder / "my_losses.py").st_mtime_ns == written
        assert [path.name for path in folder.parent.iterdir()] == [folder.name]

    def test_of_a_module_that_was_changed_meanwhile_is_refused_and_leaves_nothing(
        self, objects, folder, tmp_path
    ):
        path = folder / "surprising.py"
        path.write_text(METRIC_WITHOUT_WEIGHTS + "\nLATER = 1\n")
        try:
            with pytest.raises(InputError) as raised:
                snapshot(objects.sources, tmp_path)
        finally:
            path.write_text(METRIC_WITHOUT_WEIGHTS)
        assert raised.value.key == str(path)
        assert raised.value.received == "one that was changed meanwhile"
        assert list(tmp_path.iterdir()) == []


def test_no_paths_are_no_objects():
    assert inspect([]).description.objects == ()


def test_importing_it_imports_no_tensorflow():
    command = (
        "import sys, huberflow.pipeline.objects.config_objects;"
        "print({'tensorflow', 'tf_keras', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stderr
