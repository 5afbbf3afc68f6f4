"""Metrics in an EvalConfig, computed by TFMA alone, with its own readers and extractors."""

import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
import tf_keras
from apache_beam.internal import pickler
from tensorflow_model_analysis.metrics import metric_specs
from tensorflow_model_analysis.proto import config_pb2

import huberflow.tfma
from huberflow.components.evaluation import summed_metric
from huberflow.components.evaluation.metric_entry import metric
from huberflow.custom_objects.input_error import InputError

ROWS = 2500  # TFMA takes 1,000 at a time
USERS = '''
import tensorflow as tf
import tf_keras


class TailError(tf_keras.metrics.Metric):
    """The share of errors above a limit; it has a vector and a scalar as weights."""

    def __init__(self, limit=1.0):
        super().__init__(name="tail")
        self.limit = limit
        self.above = self.add_weight("above", shape=(2,), initializer="zeros")
        self.rows = self.add_weight("rows", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true = tf.cast(y_true, y_pred.dtype)
        weight = 1.0 if sample_weight is None else sample_weight
        weight = tf.ones_like(y_pred) * tf.cast(weight, y_pred.dtype)
        above = tf.reduce_sum(weight * tf.cast(tf.abs(y_true - y_pred) > self.limit, y_pred.dtype))
        self.above.assign_add([above, 0.0])
        self.rows.assign_add(tf.reduce_sum(weight))

    def result(self):
        return self.above[0] / self.rows

    def reset_state(self):
        self.above.assign([0.0, 0.0])
        self.rows.assign(0.0)

    def get_config(self):
        return {"limit": self.limit}


class LargestError(TailError):
    def update_state(self, y_true, y_pred, sample_weight=None):
        self.above.assign([tf.maximum(self.above[0], tf.reduce_max(tf.abs(y_true - y_pred))), 0.0])
        self.rows.assign(1.0)


@tf_keras.utils.register_keras_serializable("users")
class CubicLoss(tf_keras.losses.Loss):
    def __init__(self, factor=1.0, reduction="auto", name="cubic"):
        super().__init__(reduction=reduction, name=name)
        self.factor = factor

    def call(self, y_true, y_pred):
        return self.factor * tf.reduce_mean(tf.abs(y_true - y_pred) ** 3, axis=-1)

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


class TotalLoss(CubicLoss):
    def call(self, y_true, y_pred):
        return tf.reduce_sum(tf.abs(y_true - y_pred))
'''


@pytest.fixture(scope="module")
def users(tmp_path_factory):
    """A user's own module, which can be imported."""
    folder = tmp_path_factory.mktemp("users")
    (folder / "users_metrics_of_tfma.py").write_text(USERS)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield "users_metrics_of_tfma"


@pytest.fixture(scope="module")
def rows():
    """Columns, and the predictions 2x + 1."""
    random = np.random.default_rng(3)
    x = random.normal(size=ROWS).astype(np.float32)
    return {
        "x": x,
        "y": (2 * x + 1 + random.standard_t(2, ROWS)).astype(np.float32),
        "weight": random.uniform(0, 3, ROWS).astype(np.float32),
        "company": random.choice(["Blue", "Red"], ROWS),
        "prediction": 2 * x + 1,
    }


@pytest.fixture(scope="module")
def evaluated(rows, users, tmp_path_factory):
    """TFMA's results by slice and key."""
    folder = tmp_path_factory.mktemp("tfma")
    with tf.io.TFRecordWriter(str(folder / "rows")) as writer:
        for row in range(ROWS):
            writer.write(example({name: column[row] for name, column in rows.items()}))
    saved = saved_model(folder / "model", huberflow.HuberLoss(threshold=2.0))
    spec = {"label_key": "y", "example_weight_key": "weight"}
    config = config_pb2.EvalConfig(
        model_specs=[config_pb2.ModelSpec(**spec)],
        slicing_specs=[config_pb2.SlicingSpec(), config_pb2.SlicingSpec(feature_keys=["company"])],
        metrics_specs=[
            config_pb2.MetricsSpec(
                metrics=[
                    huberflow.tfma.metric("HuberMetric", threshold=2.0),
                    huberflow.tfma.metric("HuberMetric", threshold=0.5),
                    huberflow.tfma.metric("AbsoluteErrorQuantile", quantile=0.9),
                    huberflow.tfma.metric("HuberLoss", threshold=2.0, name="loss of huber"),
                    huberflow.tfma.metric(f"{users}.TailError", limit=1.5),
                    huberflow.tfma.metric(f"{users}.CubicLoss", factor=2.0),
                    huberflow.tfma.metric("MeanAbsoluteError"),
                ]
            ),
            config_pb2.MetricsSpec(
                metrics=[huberflow.tfma.metric("HuberMetric", threshold=2.0, name="unweighted")],
                example_weights=config_pb2.ExampleWeightOptions(unweighted=True),
            ),
        ],
    )
    shared = tfma.default_eval_shared_model(str(saved), eval_config=config)
    result = tfma.run_model_analysis(
        shared, config, data_location=str(folder / "rows"), output_path=str(folder / "out")
    )
    return {
        slice_key: {name: value["doubleValue"] for name, value in values[""][""].items()}
        for slice_key, values in result.slicing_metrics
    }


def example(columns):
    features = tf.train.Example().features
    for name, value in columns.items():
        if isinstance(value, str):
            features.feature[name].bytes_list.value.append(value.encode())
        else:
            features.feature[name].float_list.value.append(value)
    return tf.train.Example(features=features).SerializeToString()


def saved_model(folder, loss):
    model = tf_keras.Sequential([tf_keras.layers.Dense(1, input_shape=(1,), name="x")])
    model.set_weights([np.array([[2.0]]), np.array([1.0])])
    model.compile(loss=loss, metrics=[huberflow.HuberMetric(threshold=7.0)])
    spec = {"x": tf.io.FixedLenFeature([1], tf.float32)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serving_default(examples):
        return {"outputs": model(tf.io.parse_example(examples, spec)["x"])}

    model.save(folder, save_format="tf", signatures={"serving_default": serving_default})
    return folder


def huber(error, threshold):
    size = np.abs(error)
    return np.where(size < threshold, error**2 / 2, threshold * (size - threshold / 2))


@pytest.mark.parametrize("company", [None, "Blue", "Red"])
def test_the_stock_evaluation_gives_the_numbers_of_numpy(evaluated, rows, company):
    found = evaluated[() if company is None else (("company", company),)]
    chosen = np.ones(ROWS, bool) if company is None else rows["company"] == company
    error = (rows["y"] - rows["prediction"]).astype(np.float64)[chosen]
    weight = rows["weight"].astype(np.float64)[chosen]

    def mean(values):
        return np.sum(weight * values) / np.sum(weight)

    expected = {
        "huber_metric_threshold_2.0": mean(huber(error, 2.0)),
        "huber_metric_threshold_0.5": mean(huber(error, 0.5)),
        "loss of huber": mean(huber(error, 2.0)),
        "unweighted": np.mean(huber(error, 2.0)),
        "tail_error_limit_1.5": mean(np.abs(error) > 1.5),
        "cubic_loss_factor_2.0": mean(2.0 * np.abs(error) ** 3),
        "mean_absolute_error": mean(np.abs(error)),
    }
    for key, value in expected.items():
        assert found[key] == pytest.approx(value, rel=1e-5), key
    order = np.argsort(np.abs(error))
    reached = np.searchsorted(np.cumsum(weight[order]), 0.9 * np.sum(weight))
    quantile = found["absolute_error_quantile_quantile_0.9"]
    assert quantile == pytest.approx(np.abs(error)[order][reached], rel=0.011)


def test_the_model_is_loaded_with_its_own_metrics(evaluated):
    """Where a custom object is unknown, TFMA takes the model for a generic one without a word."""
    assert {"loss", "huber_metric"} <= evaluated[()].keys()


class TestKey:
    @pytest.mark.parametrize(
        ("arguments", "key"),
        [
            ({}, "huber_metric_threshold_1.0"),
            ({"threshold": 2}, "huber_metric_threshold_2.0"),
            ({"threshold": 1e-20}, "huber_metric_threshold_1e-20"),
            ({"threshold": 1e20}, "huber_metric_threshold_1e20"),
        ],
    )
    def test_has_the_threshold(self, arguments, key):
        assert key_of(metric("HuberMetric", **arguments)) == key

    def test_of_keras_metrics_has_what_is_given(self):
        assert key_of(metric("AUC")) == "auc"
        assert key_of(metric("AUC", curve="PR")) == "auc_curve_PR"

    def test_of_lists_differ(self):
        keys = [key_of(metric("Recall", thresholds=each)) for each in ([0.1, 0.2], [0.1, 0.3])]
        assert len(set(keys)) == 2

    def test_is_the_name_where_one_is_given(self):
        assert key_of(metric("HuberMetric", name="huber / 2")) == "huber / 2"


def key_of(entry):
    return json.loads(entry.config)["name"]


def test_a_worker_has_all_that_the_model_needs(users, tmp_path):
    """Once it has unpickled the metric's step: before any step is set up, and loads the model."""
    entry = metric("HuberMetric", threshold=2.0, imports=[users])
    config = config_pb2.EvalConfig(metrics_specs=[config_pb2.MetricsSpec(metrics=[entry])])
    (computation,) = metric_specs.to_computations(config.metrics_specs, config)
    (tmp_path / "step").write_bytes(pickler.dumps(computation.combiner))
    code = f"""
import sys
sys.path[:0] = {sys.path!r}
from apache_beam.internal import pickler
pickler.loads(open("step", "rb").read())
import tf_keras
assert {{"custom_objects>HuberLoss", "users>CubicLoss"}} <= set(tf_keras.utils.get_custom_objects())
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)


def test_state_goes_through_a_worker_and_back():
    """As TFMA adds it up: lists of arrays of one shape, of some rows and of others."""
    labels, predictions = np.random.default_rng(1).uniform(size=(2, 9, 1)).astype(np.float32)
    made = summed_metric.SummedMetric(
        "auc", {"module": "tf_keras.metrics", "name": "AUC", "arguments": {}}
    )
    states = []
    for part in (slice(0, 4), slice(4, 9)):
        made.reset_state()
        made.update_state(list(labels[part] > 0.5), list(predictions[part]))
        states.append(made.get_weights())
    made.set_weights(np.add(*states))
    whole = tf_keras.metrics.AUC()
    whole.update_state(labels > 0.5, predictions)
    assert float(made.result()) == pytest.approx(float(whole.result()))
    assert np.isnan(summed_metric.SummedMetric.from_config(made.get_config()).result())


class TestRefusal:
    @pytest.mark.parametrize(
        ("wrong", "arguments", "key", "part"),
        [
            ("HuberMetrics", {}, "metric", "HuberMetric"),
            ("HuberMetric", {"treshold": 2.0}, "treshold", "threshold"),
            ("HuberMetric", {"threshold": -1.0}, "threshold", "> 0"),
            ("HuberMetric", {"threshold": np.float32(2)}, "threshold", "JSON"),
            ("tf_keras.metrics.AUC", {"num_thresholds": 1}, "AUC", "num_thresholds"),
            ("AUC", {"num_thresholds": 1}, "num_thresholds", "curve"),
            ("HuberMetric", {"name": "a>b"}, "name", "letters"),
            ("HuberMetric", {"imports": ["not_a_module"]}, "not_a_module", "imported"),
            ("not_a_module.Metric", {}, "not_a_module", "imported"),
            ("tf_keras.metrics.Missing", {}, "metric", "tf_keras.metrics"),
            ("tf_keras.metrics.Mean", {}, "metric", "y_pred"),
            pytest.param(
                lambda y_true, y_pred: 0.0, {}, "metric", "workers can import", id="lambda"
            ),
            (huberflow.HuberMetric, {"imports": ["tf_keras"], "x": 1}, "x", "threshold"),
            (3, {}, "metric", "class"),
        ],
        ids=str,
    )
    def test_of_wrong_input(self, wrong, arguments, key, part):
        with pytest.raises(InputError) as caught:
            metric(wrong, **arguments)
        assert caught.value.key == key
        assert part in caught.value.expected

    def test_of_a_state_that_is_no_sum(self, users):
        with pytest.raises(InputError) as caught:
            metric(f"{users}.LargestError")
        assert "sums or counts" in caught.value.expected

    def test_of_a_state_that_is_no_sum_on_a_worker(self, users):
        """Where no trial rows fit the metric, the first rows of a worker show it."""
        made = summed_metric.SummedMetric(
            "x", {"module": users, "name": "LargestError", "arguments": {}}
        )
        labels, predictions = np.zeros((4, 1), np.float32), np.ones((4, 1), np.float32)
        with pytest.raises(InputError, match="sums or counts"):
            made.update_state(labels, predictions)

    def test_of_a_loss_without_a_value_for_each_row(self, users):
        with pytest.raises(InputError) as caught:
            metric(f"{users}.TotalLoss")
        assert "for each" in caught.value.expected
        assert caught.value.write
