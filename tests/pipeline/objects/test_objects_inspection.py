"""What a user's modules offer, as the rest of the pipeline learns it."""

import json
import os
import subprocess
import sys

import pytest
from users_objects import MY_LOSSES

from huberflow.custom_objects import catalogue, own
from huberflow.pipeline.objects.inspection import check_choices, inspect, snapshot
from huberflow.pipeline.objects.sources import ObjectsError

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

class Near(tf_keras.metrics.Mean):  # all rows are near: whatever they weigh, the share is 1
    def update_state(self, y_true, y_pred, sample_weight=None):
        near = tf.abs(tf.cast(y_true, y_pred.dtype) - y_pred) < 2.0
        super().update_state(tf.cast(near, tf.float32), sample_weight)

def rooted(y_true, y_pred):
    return tf.reduce_mean(tf.square(tf.sqrt(y_true) - tf.sqrt(y_pred + 1e-6)), axis=-1)
"""


CHOICES = {"loss": {"name": "QuantileLoss", "config": {"quantile": 0.9}}}


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
    return folder / "cache" / "objects.json"


@pytest.fixture(scope="module")
def objects(folder, cache):
    found = inspect([folder / name for name in PATHS], cache)
    check_choices(found, CHOICES, "regression", cache)
    return found


def test_names_what_is_defined_there_and_public(objects):
    found = {each["name"]: (each["kind"], each["registered"]) for each in objects.objects}
    assert found == {
        "QuantileLoss": ("loss", "my_losses>QuantileLoss"),
        "Coverage": ("metric", "my_losses>Coverage"),
        "Scaled": ("layer", "mine>Scaled"),
        "squares": ("loss", "my_losses>squares"),
        "mish": ("activation", "my_losses>mish"),
        "Cubes": ("regularizer", "my_penalties>Cubes"),
        "Count": ("metric", "surprising>Count"),
        "Near": ("metric", "surprising>Near"),
        "rooted": ("loss", "surprising>rooted"),
    }


def test_tells_the_arguments_that_are_not_of_keras_with_their_defaults(objects):
    found = {each["name"]: each["arguments"] for each in objects.objects}
    assert found["QuantileLoss"] == {"quantile": 0.5}
    assert found["Cubes"] == {"factor": 0.5}
    assert found["Count"] == found["mish"] == {}


def test_tells_the_module_that_defines_each(objects):
    found = {each["name"]: each["module"] for each in objects.objects}
    assert (found["Coverage"], found["Cubes"]) == ("my_losses", "my_penalties.penalties")


def test_what_works_and_may_surprise_is_a_warning(objects):
    assert objects.warnings == (
        "surprising.py: Count: update_state ignores sample_weight: rows of any weight count the "
        "same",
        "surprising.py: Count: update_state is wrong for a label column of whole numbers; write: "
        "y_true = tf.cast(y_true, y_pred.dtype)",
        "surprising.py: rooted: has no finite value for predictions below 0",
    )


def test_the_description_is_json_without_a_path_of_this_machine(objects, folder):
    text = json.dumps(objects.plain())
    assert json.loads(text) == objects.plain()
    assert str(folder) not in text


class TestTheCache:
    def test_spares_the_process(self, objects, folder, cache, monkeypatch):
        monkeypatch.setattr(sys, "executable", str(folder / "no-python"))
        again = inspect([folder / name for name in PATHS], cache)
        assert again == objects
        check_choices(
            again,
            CHOICES,
            "regression",
            cache,
        )

    def test_knows_one_changed_line(self, objects, folder, cache, monkeypatch):
        monkeypatch.setattr(sys, "executable", str(folder / "no-python"))
        (folder / "changed").mkdir()
        (folder / "changed" / "my_losses.py").write_text(MY_LOSSES + "# one more line\n")
        with pytest.raises(FileNotFoundError, match="no-python"):
            inspect([folder / "changed" / "my_losses.py"], cache)

    def test_that_is_no_json_is_written_anew(self, tmp_path, objects):
        broken = tmp_path / "objects.json"
        broken.write_text("{")
        (tmp_path / "one.py").write_text("def mine(x):\n    return 2.0 * x\n")
        inspect([tmp_path / "one.py"], broken)
        check_choices(objects, {}, "regression")
        assert len(json.loads(broken.read_text())) == 1


class TestASnapshot:
    def test_holds_the_modules_under_their_hash(self, objects, tmp_path):
        folder = snapshot(objects, tmp_path / "objects")
        assert folder == tmp_path / "objects" / objects.plain()["sha256"][:16]
        assert (folder / "my_losses.py").read_text() == MY_LOSSES
        assert sorted(path.name for path in (folder / "my_penalties").iterdir()) == sorted(PACKAGE)

    def test_is_written_once(self, objects, tmp_path):
        first = snapshot(objects, tmp_path)
        written = os.stat(first / "my_losses.py").st_mtime_ns
        assert snapshot(objects, tmp_path) == first
        assert os.stat(first / "my_losses.py").st_mtime_ns == written
        assert [path.name for path in tmp_path.iterdir()] == [first.name]

    def test_of_a_module_that_was_changed_meanwhile_is_refused_and_leaves_nothing(
        self, objects, folder, tmp_path
    ):
        path = folder / "surprising.py"
        path.write_text(METRIC_WITHOUT_WEIGHTS + "\nLATER = 1\n")
        try:
            with pytest.raises(ObjectsError) as raised:
                snapshot(objects, tmp_path)
        finally:
            path.write_text(METRIC_WITHOUT_WEIGHTS)
        assert str(raised.value) == (
            f"{path}: expected the module as it was tried, received one that was changed "
            "meanwhile; run again"
        )
        assert list(tmp_path.iterdir()) == []


def test_their_names_and_arguments_are_checked_as_ours(objects):
    with catalogue.added(own.entries(objects.plain())):
        catalogue.check("loss", "QuantileLoss", {"quantile": 0.9})
        with pytest.raises(
            ValueError, match=r"^tau: QuantileLoss expected quantile, received 'tau'$"
        ):
            catalogue.check("loss", "QuantileLoss", {"tau": 0.9})
        with pytest.raises(LookupError, match=r"received 'Quantileloss' \(did you mean Quantile"):
            catalogue.check("loss", "Quantileloss", {})


def test_no_paths_are_no_objects():
    assert inspect([]).objects == ()


def test_importing_it_imports_no_tensorflow():
    command = (
        "import sys, huberflow.pipeline.objects.inspection, huberflow.custom_objects.own;"
        "print({'tensorflow', 'tf_keras', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stderr
