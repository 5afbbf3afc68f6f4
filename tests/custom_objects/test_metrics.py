"""Streaming metrics: numbers, weights, resets, merges, accuracy."""

import functools

import numpy as np
import numpy_reference as reference
import pytest
import sklearn.metrics
import tensorflow as tf
import tf_keras
from hypothesis import given
from hypothesis import strategies as st
from property_settings import properties

from huberflow.custom_objects import AbsoluteErrorQuantile, HuberMetric, R2Score

GENERATOR = np.random.default_rng(11)

LABELS = (3 * GENERATOR.normal(size=(40, 2))).astype(np.float32)
PREDICTIONS = np.zeros_like(LABELS)
WEIGHTS = GENERATOR.integers(0, 4, 40).astype(np.float32)

HEAVY_AND_LIGHT_TAILS = {
    "lognormal": GENERATOR.lognormal(0, 3, 5000),
    "uniform": GENERATOR.uniform(0, 10, 5000),
    "exponential": GENERATOR.exponential(1e-3, 5000),
    "pareto": GENERATOR.pareto(1.0, 5000) + 1,
    "constant": np.full(5000, 7.3),
}

METRICS = {
    "HuberMetric": functools.partial(HuberMetric, threshold=2.0),
    "AbsoluteErrorQuantile": functools.partial(AbsoluteErrorQuantile, quantile=0.9),
    "R2Score": R2Score,
}


@pytest.fixture(params=METRICS)
def metric(request):
    """Makes fresh copies of one metric."""
    return METRICS[request.param]


def fed(metric, labels=LABELS, predictions=PREDICTIONS, weights=None, batch=16):
    """The metric after it has seen the samples batch by batch."""
    for start in range(0, len(labels), batch):
        rows = slice(start, start + batch)
        metric.update_state(
            labels[rows], predictions[rows], None if weights is None else weights[rows]
        )
    return metric


def quantile_of(magnitudes, quantile, weights=None):
    metric = AbsoluteErrorQuantile(quantile, dtype=tf.float64)
    metric.update_state(np.asarray(magnitudes), np.zeros(len(magnitudes)), weights)
    return float(metric.result())


def test_batch_by_batch_equals_one_pass(metric):
    streamed, at_once = fed(metric(), batch=7), fed(metric(), batch=40)
    np.testing.assert_allclose(streamed.result(), at_once.result(), rtol=1e-7)


def test_zero_before_the_first_sample(metric):
    assert float(metric().result()) == 0


def test_zero_weights_leave_it_empty(metric):
    assert float(fed(metric(), weights=np.zeros(40, np.float32)).result()) == 0


@pytest.mark.parametrize("reset", ["reset_state", "reset_states"])
def test_a_reset_forgets_every_sample(metric, reset):
    used = fed(metric())
    getattr(used, reset)()
    assert float(used.result()) == 0
    np.testing.assert_array_equal(fed(used).result(), fed(metric()).result())


def test_merging_two_halves_equals_the_whole(metric):
    left = fed(metric(), LABELS[:15], PREDICTIONS[:15], WEIGHTS[:15])
    right = fed(metric(), LABELS[15:], PREDICTIONS[15:], WEIGHTS[15:])
    left.merge_state([right])
    whole = fed(metric(), weights=WEIGHTS)
    np.testing.assert_allclose(left.result(), whole.result(), rtol=1e-7)


def test_workers_states_may_be_added_up(metric):
    left = fed(metric(), LABELS[:15], PREDICTIONS[:15])
    right = fed(metric(), LABELS[15:], PREDICTIONS[15:])
    added = metric()
    added.set_weights([a + b for a, b in zip(left.get_weights(), right.get_weights(), strict=True)])
    np.testing.assert_allclose(added.result(), fed(metric()).result(), rtol=1e-7)


def test_a_whole_weight_counts_like_repetition(metric):
    weighted = fed(metric(), weights=WEIGHTS)
    times = WEIGHTS.astype(int)
    repeated = fed(metric(), LABELS.repeat(times, axis=0), PREDICTIONS.repeat(times, axis=0))
    np.testing.assert_allclose(weighted.result(), repeated.result(), rtol=1e-6)


def test_a_row_weight_holds_for_every_value_of_its_row(metric):
    labels, predictions = LABELS.reshape(5, 4, 2, 2), PREDICTIONS.reshape(5, 4, 2, 2)
    by_row, by_value = metric(), metric()
    by_row.update_state(labels, predictions, WEIGHTS[:5])
    by_value.update_state(
        labels, predictions, np.broadcast_to(WEIGHTS[:5, None, None], (5, 4, 2)).copy()
    )
    np.testing.assert_array_equal(by_row.result(), by_value.result())


@pytest.mark.parametrize("weight_shape", [(39,), (2,), (40, 2)])
def test_a_weight_of_another_shape_is_refused(metric, weight_shape):
    with pytest.raises(ValueError, match=r"sample_weight: expected a scalar.+received shape"):
        metric().update_state(LABELS, PREDICTIONS, np.ones(weight_shape, np.float32))


@pytest.mark.parametrize(("labels", "predictions"), [((40,), (40, 1)), ((40, 1), (40,))])
def test_a_column_against_a_row_is_n_samples(metric, labels, predictions):
    mixed = metric()
    mixed.update_state(LABELS[:, 0].reshape(labels), PREDICTIONS[:, 0].reshape(predictions))
    np.testing.assert_array_equal(
        mixed.result(), fed(metric(), LABELS[:, :1], PREDICTIONS[:, :1], batch=40).result()
    )


def test_same_in_eager_graph_and_xla(metric, run):
    result = run(metric(), *map(tf.constant, (LABELS, PREDICTIONS, WEIGHTS)))
    np.testing.assert_allclose(result, fed(metric(), weights=WEIGHTS).result(), rtol=1e-6)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float32"])
def test_the_state_is_float64_whatever_the_policy(metric, dtype_policy, policy):
    dtype_policy(policy)
    used = fed(metric())
    assert {state.dtype for state in used.weights} == {tf.float64}
    assert used.result().dtype == tf.float32


def test_huber_metric_equals_numpy():
    values = reference.huber(LABELS, 2.0).mean(axis=1)
    assert float(fed(HuberMetric(2.0)).result()) == pytest.approx(values.mean(), rel=1e-6)
    assert float(fed(HuberMetric(2.0), weights=WEIGHTS).result()) == pytest.approx(
        np.average(values, weights=WEIGHTS), rel=1e-6
    )


def test_huber_metric_keeps_one_sum_and_one_count():
    metric = fed(HuberMetric(2.0), weights=WEIGHTS)
    assert [state.shape for state in metric.weights] == [(), ()]
    assert float(metric.count) == WEIGHTS.sum()
    assert float(metric.total) == pytest.approx(
        (WEIGHTS * reference.huber(LABELS, 2.0).mean(axis=1)).sum(), rel=1e-6
    )


def test_huber_metric_still_counts_after_a_billion_rows():
    metric = HuberMetric(dtype=tf.float64)
    metric.update_state([[1.0]], [[0.0]], [1e9])
    for _ in range(100):
        metric.update_state([[2.0]], [[0.0]])
    assert float(metric.count) == 1_000_000_100
    assert float(metric.total) == 0.5e9 + 100 * 1.5


def test_huber_metric_adds_up_a_hundred_thousand_updates():
    @tf.function
    def update_many_times(metric):
        for _ in tf.range(100_000):
            metric.update_state(tf.constant([[0.1]]), tf.constant([[0.0]]))

    metric = HuberMetric(dtype=tf.float64)
    update_many_times(metric)
    assert float(metric.count) == 100_000
    assert float(metric.result()) == pytest.approx(0.005, rel=1e-7)


@pytest.mark.parametrize("quantile", [0.05, 0.5, 0.95, 0.999])
@pytest.mark.parametrize("distribution", HEAVY_AND_LIGHT_TAILS)
def test_quantile_is_within_one_percent(distribution, quantile):
    magnitudes = HEAVY_AND_LIGHT_TAILS[distribution]
    exact = np.quantile(magnitudes, quantile, method="inverted_cdf")
    assert quantile_of(magnitudes, quantile) == pytest.approx(exact, rel=0.01)


@properties
@given(
    st.lists(st.floats(1.01e-6, 9.9e8), min_size=1, max_size=30),
    st.sampled_from([0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99]),
)
def test_quantile_of_any_errors_is_within_one_percent(magnitudes, quantile):
    exact = np.quantile(magnitudes, quantile, method="inverted_cdf")
    assert quantile_of(magnitudes, quantile) == pytest.approx(exact, rel=0.01 * (1 + 1e-9))


@pytest.mark.parametrize(
    ("weights", "expected"), [([1, 1, 1], 2.0), ([3, 1, 1], 1.0), ([1, 1, 3], 3.0)]
)
def test_quantile_is_reached_by_weight(weights, expected):
    assert quantile_of([1.0, 2.0, 3.0], 0.5, weights) == pytest.approx(expected, rel=0.01)


def test_quantile_ignores_the_sign_of_the_error():
    assert quantile_of([-5.0, -5.0, 5.0], 0.5) == pytest.approx(5, rel=0.01)


def test_quantile_counts_each_output_row_by_its_mean_error():
    metric = AbsoluteErrorQuantile(0.5)
    metric.update_state([[1.0, 3.0], [1.0, 3.0]], [[0.0, 0.0], [0.0, 0.0]])
    assert float(metric.result()) == pytest.approx(2, rel=0.01)


@pytest.mark.parametrize("magnitude", [0.0, 1e-9, 1e-6])
def test_quantile_of_tiny_errors_is_zero(magnitude):
    assert quantile_of([magnitude] * 5, 0.5) == 0


@pytest.mark.parametrize("magnitude", [1e9, 1e12, float("inf"), float("nan")])
def test_quantile_of_enormous_errors_is_the_top_of_the_range(magnitude):
    assert quantile_of([magnitude] * 5, 0.5) == pytest.approx(1e9, rel=0.01)


def test_quantile_resets_between_epochs():
    model = tf_keras.Sequential([tf_keras.layers.Activation("linear", input_shape=(2,))])
    model.compile(loss="mse", metrics=[AbsoluteErrorQuantile(0.9)], run_eagerly=True)
    first, second = (model.test_on_batch(PREDICTIONS + scale, PREDICTIONS)[1] for scale in (9, 1))
    assert first == pytest.approx(9, rel=0.01)
    assert second == pytest.approx(1, rel=0.01)


@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("middle", [0, 1e6])
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["alike", "weighted"])
def test_r2_is_that_of_scikit_learn(outputs, middle, weights):
    labels = LABELS[:, :outputs] + np.float32(middle)
    predictions = labels + GENERATOR.normal(size=labels.shape).astype(np.float32)
    metric = fed(R2Score(dtype=tf.float64), labels, predictions, weights)
    exact = (labels.astype(np.float64), predictions.astype(np.float64))
    expected = sklearn.metrics.r2_score(*exact, sample_weight=weights)
    assert float(metric.result()) == pytest.approx(expected, rel=1e-4)


def test_r2_of_labels_that_do_not_vary_does_not_count():
    labels = np.column_stack([LABELS[:, 0], np.full(40, 0.1, np.float32)])
    metric = fed(R2Score(), labels, PREDICTIONS)
    expected = sklearn.metrics.r2_score(labels[:, 0], PREDICTIONS[:, 0])
    assert float(metric.result()) == pytest.approx(expected, rel=1e-5)
    assert float(fed(R2Score(), labels[:, 1:], PREDICTIONS[:, 1:]).result()) == 0
