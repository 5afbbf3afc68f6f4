"""A config that names objects of the user's own: checked before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from users_objects import MY_LOSSES, configs, told

from huberflow.pipeline.config.reading import ConfigError, load
from huberflow.pipeline.objects import chosen_objects

LOSS = "training.loss={name: QuantileLoss, config: {quantile: 0.8}}"
METRIC = "evaluation.metrics=[{name: HuberMetric, key: huber}, {name: Coverage, key: coverage}]"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    (folder / "my_losses.py").write_text(MY_LOSSES)
    return folder


@pytest.fixture
def config(folder):
    with configs(folder, f"objects=[{folder / 'my_losses.py'}]") as config:
        yield config


class TestConfig:
    def test_may_name_them(self, config):
        assert config(LOSS).training.loss.config == {"quantile": 0.8}

    def test_with_a_wrong_value_is_refused_in_the_users_own_words(self, config):
        with pytest.raises(ConfigError, match=r"training\.loss.*quantile: expected a number betw"):
            config("training.loss={name: QuantileLoss, config: {quantile: 8}}")

    def test_with_an_unknown_argument_is_refused(self, config):
        with pytest.raises(ConfigError, match="QuantileLoss expected quantile, received 'q'"):
            config("training.loss={name: QuantileLoss, config: {q: 0.5}}")

    @pytest.mark.parametrize("paths", ["my_losses.py", "{a: b}", "[1]"])
    def test_that_names_no_list_of_files_is_refused(self, config, paths):
        with pytest.raises(ConfigError, match=r"objects: .*write: objects: \[my_losses\.py\]"):
            config(f"objects={paths}")

    def test_of_a_file_that_is_not_there_is_refused(self, config):
        with pytest.raises(ConfigError, match=r"no_such\.py"):
            config("objects=[no_such.py]")

    def test_without_them_cannot_name_them(self):
        with pytest.raises(ConfigError, match=r"training\.loss\.name: expected a loss"):
            load(None, [LOSS])


CLASSES = "import tensorflow as tf\nimport tf_keras\n" + "".join(
    f"""
class {name}(tf_keras.losses.Loss):
    def call(self, y_true, y_pred):
        return {value}

    def get_config(self):
        return super().get_config()
"""
    for name, value in {
        "Places": "tf_keras.losses.sparse_categorical_crossentropy(y_true, y_pred)",
        "Raw": "-tf.reduce_mean(y_true * tf.math.log(y_pred) + (1 - y_true) "
        "* tf.math.log(1 - y_pred), axis=-1)",
    }.items()
)


class TestClasses:
    """A loss of the user's is tried on what the config's task will give it."""

    THREE = ("model.task=multiclass", "data.classes=[a, b, c]", "training.metrics=[]")
    TWO = ("model.task=binary", "data.classes=[a, b]", "training.metrics=[]")

    @pytest.fixture
    def classes(self, tmp_path):
        (tmp_path / "classes.py").write_text(CLASSES)
        measured = "evaluation.metrics=[{name: SparseCategoricalAccuracy, key: huber}]"
        with configs(tmp_path, f"objects=[{tmp_path / 'classes.py'}]", measured) as classes:
            yield classes

    def test_that_needs_classes_may_be_named_for_them(self, classes):
        assert classes(*self.THREE, "training.loss={name: Places}").training.loss.name == "Places"

    def test_that_needs_classes_is_refused_for_numbers(self, classes):
        with pytest.raises(ConfigError, match=r"training\.loss: classes\.py: Places\.call: exp"):
            classes("evaluation.metrics.0.name=HuberMetric", "training.loss={name: Places}")

    def test_that_breaks_at_a_sure_probability_is_refused_for_classes(self, classes):
        settings = [*self.TWO, "evaluation.metrics.0.name=BinaryAccuracy"]
        with pytest.raises(ConfigError, match=r"Raw\.call: expected finite values .* logarithms"):
            classes(*settings, "training.loss={name: Raw}")


class TestNodes:
    def test_trainer_gets_a_copy_of_what_was_tried(self, config, folder):
        objects = told(config(LOSS), "Trainer")["objects"]
        copy = Path(objects["folder"]) / "my_losses.py"
        assert copy.read_text() == MY_LOSSES
        assert copy.is_relative_to(folder / "workspace" / "objects")

    def test_evaluator_gets_it_where_a_metric_is_the_users(self, config):
        assert told(config(LOSS), "Evaluator")["objects"] is None
        assert told(config(METRIC), "Evaluator")["objects"]["folder"]

    def test_a_changed_line_is_another_trainer(self, config, folder):
        before = told(config(LOSS), "Trainer")
        file = folder / "my_losses.py"
        file.write_text(MY_LOSSES + "\nUNUSED = 1\n")
        try:
            assert told(config(LOSS), "Trainer")["objects"] != before["objects"]
        finally:
            file.write_text(MY_LOSSES)

    def test_without_them_there_are_none(self):
        assert chosen_objects.installed(load()) is None
        assert chosen_objects.warnings(load()) == ()
