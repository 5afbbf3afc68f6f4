"""The guide for Keras 3: its programs, and what it says of the differences."""

import contextlib
import io

import keras
import numpy as np
import pytest
import readme
import tensorflow as tf
import tf_keras

import huberflow

PAGE = readme.ROOT / "docs" / "keras-3.md"
IMPORTS, MODEL, OF_KERAS_2, OF_KERAS_3 = readme.blocks("python", PAGE)


def executed(program: str) -> dict[str, object]:
    names: dict[str, object] = {"__name__": "guide"}
    exec(program, names)  # noqa: S102 (the page's own program)
    return names


def test_the_objects_of_both_have_one_name():
    assert executed(IMPORTS)["HuberLoss"] is huberflow.keras.HuberLoss


def test_the_model_prints_what_the_page_shows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        executed(MODEL)
    shown = PAGE.read_text().partition(MODEL)[2].partition("```\n\n```\n")[2].partition("```")[0]
    assert printed.getvalue() == shown


class TestALossOfOnesOwn:
    @pytest.fixture
    def losses(self):
        return [executed(program)["Pinball"] for program in (OF_KERAS_2, OF_KERAS_3)]

    def test_is_the_same_in_both(self, losses):
        labels, predictions = np.random.default_rng(1).normal(size=(2, 6, 2)).astype("float32")
        before, after = (float(loss(0.9)(labels, predictions)) for loss in losses)
        assert after == pytest.approx(before, rel=1e-6)

    def test_of_keras_3_is_loaded_with_its_argument(self, losses, tmp_path):
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        model.compile("sgd", losses[1](0.9))
        model.save(tmp_path / "model.keras")
        assert keras.models.load_model(tmp_path / "model.keras").loss.quantile == 0.9


class _Of2(tf_keras.losses.Loss):
    def call(self, y_true, y_pred):
        return tf.reduce_mean(tf.square(tf.cast(y_true, y_pred.dtype) - y_pred), -1)


class _Of3(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return keras.ops.mean(keras.ops.square(y_true - y_pred), -1)


class TestDifference:
    """Each line of the table that is about Keras itself."""

    def test_of_the_default_reduction(self):
        assert tf_keras.losses.MeanSquaredError().reduction == "auto"
        assert keras.losses.MeanSquaredError().reduction == "sum_over_batch_size"
        with pytest.raises(ValueError, match="reduction"):
            keras.losses.MeanSquaredError(reduction="auto")

    @pytest.mark.parametrize("given", ["int64", "float64"])
    def test_of_the_dtype_of_labels(self, given):
        seen = []
        for base in (tf_keras.losses.Loss, keras.losses.Loss):

            class Loss(base):
                def call(self, y_true, y_pred):
                    seen.append(keras.backend.standardize_dtype(y_true.dtype))
                    return y_pred

            Loss()(np.array([[1]], given), np.array([[1.0]], "float32"))
        assert seen == [given, "float32"]

    def test_of_weights_for_rows(self):
        weight = np.array([1.0, 0.0, 0.0], "float32")
        labels = np.arange(9.0, dtype="float32").reshape(3, 3, 1)
        of_rows, of_the_last_axis = 0 + 1 + 4, 0 + 9 + 36
        given = (labels, 0 * labels, weight)
        assert float(_Of2(reduction="sum")(*given)) == of_rows
        assert float(_Of3(reduction="sum")(*given)) == of_the_last_axis
        with pytest.raises(Exception, match="Incompatible shapes"):
            _Of3()(labels[:, :2], 0 * labels[:, :2], weight)
        expected = np.array([0.0, 0.5, 1.5]).sum()
        for loss in (huberflow.HuberLoss, huberflow.keras.HuberLoss):
            assert float(loss(reduction="sum")(*given)) == expected

    def test_of_what_a_metric_resets(self):
        class Of2(tf_keras.metrics.MeanTensor):
            def reset_state(self):
                tf_keras.metrics.Metric.reset_state(self)

        class Of3(keras.metrics.Metric):
            def __init__(self):
                super().__init__()
                self.sums = self.add_variable((2,), initializer="ones", name="sums")

        with pytest.raises(ValueError, match=r"(?i)shape"):
            Of2(shape=(2,)).reset_state()
        metric = Of3()
        metric.reset_state()
        np.testing.assert_array_equal(metric.sums, [0.0, 0.0])

    def test_of_a_layers_metric(self):
        assert hasattr(tf_keras.layers.Layer, "add_metric")
        with pytest.raises(NotImplementedError, match="add_metric"):
            keras.layers.Layer().add_metric(1.0)

    def test_of_random_numbers_is_none_on_tensorflow(self):
        before = huberflow.GlorotNormalInitializer(seed=1)((2, 3))
        after = huberflow.keras.GlorotNormalInitializer(seed=1)((2, 3))
        np.testing.assert_array_equal(before, after)
