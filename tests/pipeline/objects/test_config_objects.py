"""A config that names user-defined objects: checked before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from user_modules import MY_LOSSES, MY_OPTIMIZERS, node_config, resolver

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.resolve.resolved_run import resolve, resolve_config

LOSS = "training.loss={name: QuantileLoss, config: {quantile: 0.8}}"
RATE = "{name: Warmup, config: {peak: 0.2}}"
FADING = f"{{keep: 0.9, clipnorm: 1, learning_rate: {RATE}}}"
OPTIMIZER = f"training.optimizer={{name: Fading, config: {FADING}}}"
METRIC = "evaluation.metrics=[{name: HuberMetric, key: huber}, {name: Coverage, key: coverage}]"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("user")
    (folder / "my_losses.py").write_text(MY_LOSSES)
    (folder / "my_optimizers.py").write_text(MY_OPTIMIZERS)
    return folder


@pytest.fixture(scope="module")
def resolved(folder):
    files = ", ".join(str(folder / name) for name in ("my_losses.py", "my_optimizers.py"))
    return resolver(folder, f"objects=[{files}]")


class TestConfig:
    def test_may_name_them(self, resolved):
        training = resolved(LOSS, OPTIMIZER).config.training
        assert training.loss.config == {"quantile": 0.8}
        rate = training.optimizer.config["learning_rate"]
        assert rate == {"name": "Warmup", "config": {"peak": 0.2}}

    @pytest.mark.parametrize(
        ("setting", "message"),
        [
            ("training.loss={name: QuantileLoss, config: {quantile: 8}}", "a number between 0"),
            ("training.loss={name: QuantileLoss, config: {q: 0.5}}", "an argument of QuantileLoss"),
            ("training.loss={name: Quantileloss}", "did you mean QuantileLoss?"),
            ("training.optimizer={name: Fading, config: {kep: 0.9}}", "did you mean keep?"),
            (
                "training.optimizer.config.learning_rate={name: Warmup, config: {peek: 1}}",
                "learning_rate.config.peek: expected an argument of Warmup",
            ),
            ("objects=my_losses.py", "write: objects: [my_losses.py]"),
            ("objects=[1]", "write: objects: [my_losses.py]"),
            ("objects=[no_such.py]", "no_such.py: expected a Python file"),
        ],
    )
    def test_with_a_mistake_is_refused(self, resolved, setting, message):
        with pytest.raises(InputError) as raised:
            resolved(setting)
        assert message in str(raised.value)

    def test_without_the_file_cannot_name_them(self):
        with pytest.raises(InputError, match=r"training\.loss\.name: expected a loss"):
            resolve_config(None, [LOSS])


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


@pytest.fixture(scope="module")
def classes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("classes")
    (folder / "classes.py").write_text(CLASSES)
    measured = "evaluation.metrics=[{name: SparseCategoricalAccuracy, key: huber}]"
    return resolver(folder, f"objects=[{folder / 'classes.py'}]", measured)


class TestClasses:
    """A user-defined loss is checked on the labels and predictions of the config's task."""

    THREE = ("model.task=multiclass", "data.classes=[a, b, c]", "training.metrics=[]")
    TWO = ("model.task=binary", "data.classes=[a, b]", "training.metrics=[]")

    def test_a_loss_for_classes_may_be_named_for_them(self, classes):
        config = classes(*self.THREE, "training.loss={name: Places}").config
        assert config.training.loss.name == "Places"

    @pytest.mark.parametrize(
        ("settings", "key"),
        [
            (["evaluation.metrics.0.name=HuberMetric", "training.loss={name: Places}"], "Places"),
            (
                [*TWO, "evaluation.metrics.0.name=BinaryAccuracy", "training.loss={name: Raw}"],
                "classes.py: Raw.call",
            ),
        ],
        ids=["for classes, not for numbers", "not for a sure probability"],
    )
    def test_a_loss_that_does_not_fit_the_task_is_refused(self, classes, settings, key):
        with pytest.raises(InputError) as raised:
            classes(*settings)
        assert raised.value.key == f"training.loss: {key}"


class TestNodes:
    def test_trainer_gets_a_copy_of_what_was_validated(self, resolved, folder):
        objects = node_config(resolved(LOSS), "Trainer")["objects"]
        copy = Path(objects["folder"]) / "my_losses.py"
        assert copy.read_text() == MY_LOSSES
        assert copy.is_relative_to(folder / "workspace" / "objects")

    def test_evaluator_gets_it_for_a_user_defined_metric_alone(self, resolved):
        assert node_config(resolved(LOSS), "Evaluator")["objects"] is None
        assert node_config(resolved(METRIC), "Evaluator")["objects"]["folder"]

    def test_a_changed_line_is_another_trainer(self, resolved, folder):
        before = node_config(resolved(LOSS), "Trainer")
        file = folder / "my_losses.py"
        file.write_text(MY_LOSSES + "\nUNUSED = 1\n")
        try:
            assert node_config(resolved(LOSS), "Trainer")["objects"] != before["objects"]
        finally:
            file.write_text(MY_LOSSES)

    def test_without_them_there_are_none(self, tmp_path):
        resolved = resolve_config(None, [f"workspace={tmp_path}"])
        assert resolved.objects is resolve(resolved).objects is None
