"""Losses: per-sample values, sample weights, reductions, dtypes, ranks."""

import functools

import numpy as np
import numpy_reference as reference
import pytest
import tensorflow as tf
import tf_keras

from huberflow.custom_objects import CustomMSE, HuberLoss, create_huber, huber_fn

SHAPES = [(4,), (4, 1), (4, 3), (4, 3, 2), (4, 3, 2, 5)]

LOSSES = {
    "HuberLoss": (
        functools.partial(HuberLoss, threshold=2.0),
        lambda y_true, y_pred: reference.huber(y_true - y_pred, 2.0),
    ),
    "CustomMSE": (
        functools.partial(CustomMSE, regularization_factor=0.3),
        lambda y_true, y_pred: reference.custom_mse(y_true, y_pred, 0.3),
    ),
}


@pytest.fixture(params=LOSSES)
def case(request):
    """A loss class with its argument bound, and its formula in NumPy."""
    return LOSSES[request.param]


def samples(shape, dtype=np.float32):
    """Labels and predictions on both sides of the threshold."""
    generator = np.random.default_rng(7)
    return (3 * generator.normal(size=(2, *shape))).astype(dtype)


def reduced(values, reduction):
    return {"none": values, "sum": values.sum()}.get(reduction, values.sum() / values.size)


def pass_through(shape):
    return tf_keras.Sequential([tf_keras.layers.Activation("linear", input_shape=shape[1:])])


@pytest.mark.parametrize("shape", SHAPES)
def test_one_value_per_sample(case, shape):
    loss, formula = case
    y_true, y_pred = samples(shape)
    values = loss(reduction="none")(y_true, y_pred)
    assert values.shape == (shape[:-1] or shape)
    np.testing.assert_allclose(
        values, reference.per_sample(formula(y_true, y_pred)), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("reduction", ["auto", "sum_over_batch_size", "sum", "none"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("axes", ["scalar", "batch", "per sample"])
def test_weights_and_reductions_give_the_numbers_that_numpy_gives(case, shape, axes, reduction):
    loss, formula = case
    y_true, y_pred = samples(shape)
    values = reference.per_sample(formula(y_true, y_pred))
    weight_shape = {"scalar": (), "batch": (4,), "per sample": values.shape}[axes]
    weight = np.random.default_rng(8).uniform(0, 2, weight_shape).astype(np.float32)
    np.testing.assert_allclose(
        loss(reduction=reduction)(y_true, y_pred, sample_weight=weight),
        reduced(reference.weighted(values, weight), reduction),
        rtol=1e-5,
        atol=1e-6,
    )


@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 2), (4, 3, 2, 5)])
def test_one_weight_per_row_means_the_same_inside_a_compiled_model(case, shape):
    loss, formula = case
    y_true, y_pred = samples(shape)
    weight = np.array([0.0, 1.0, 2.0, 3.0], np.float32)
    model = pass_through(shape)
    model.compile(loss=loss())
    values = reference.per_sample(formula(y_true, y_pred))
    assert model.test_on_batch(y_pred, y_true, sample_weight=weight) == pytest.approx(
        reference.weighted(values, weight).mean(), rel=1e-5
    )


@pytest.mark.parametrize(
    ("shape", "weight_shape"),
    [
        ((4,), (3,)),
        ((4,), (1,)),
        ((4, 3), (3,)),
        ((4, 3), (4, 3)),
        ((4, 3, 2), (3,)),
        ((4, 3, 2), (3, 4)),
        ((4, 3, 2), (4, 2)),
        ((4, 3, 2), (4, 3, 2)),
    ],
)
def test_a_weight_of_another_shape_is_refused(case, shape, weight_shape):
    loss, _ = case
    with pytest.raises(ValueError, match=r"sample_weight: expected a scalar.+received shape"):
        loss()(*samples(shape), sample_weight=np.ones(weight_shape, np.float32))


@pytest.mark.parametrize(
    ("labels", "predictions"),
    [((3,), (4,)), ((4, 3), (4, 2)), ((4, 1), (4, 3)), ((4, 3), (4,)), ((4, 3), (4, 3, 1))],
)
def test_labels_of_another_shape_are_refused(case, labels, predictions):
    loss, _ = case
    with pytest.raises(ValueError, match=r"y_true: expected the shape of y_pred.+received"):
        loss()(tf.ones(labels), tf.ones(predictions))


@pytest.mark.parametrize(("labels", "predictions"), [((4,), (4, 1)), ((4, 1), (4,))])
def test_a_column_against_a_row_is_n_samples_and_never_n_by_n(case, labels, predictions):
    loss, formula = case
    y_true, y_pred = samples((4,))
    values = loss(reduction="none")(
        y_true.reshape(labels), y_pred.reshape(predictions), sample_weight=[1.0, 2.0, 3.0, 4.0]
    )
    assert values.shape == (4,)
    np.testing.assert_allclose(values, formula(y_true, y_pred) * [1, 2, 3, 4], rtol=1e-5)


@pytest.mark.parametrize("outlier", [1.0, 1e18])
def test_zero_weights_give_zero_loss_and_zero_gradient(case, outlier):
    loss, _ = case
    y_pred = tf.constant([[outlier], [0.0], [-outlier]])
    with tf.GradientTape() as tape:
        tape.watch(y_pred)
        value = loss()(tf.zeros((3, 1)), y_pred, sample_weight=tf.zeros(3))
    assert float(value) == 0
    np.testing.assert_array_equal(tape.gradient(value, y_pred), np.zeros((3, 1)))


def test_masked_steps_count_as_they_do_for_keras():
    y_true, y_pred = samples((4, 3, 2))
    y_pred[1, 2] = y_pred[3] = 0  # 0 is what Masking skips
    model = tf_keras.Sequential([tf_keras.layers.Masking(input_shape=(3, 2))])
    values = []
    for loss in (HuberLoss(threshold=2.0), tf_keras.losses.Huber(delta=2.0)):
        model.compile(loss=loss)
        values.append(model.test_on_batch(y_pred, y_true))
    assert values[0] == pytest.approx(values[1], rel=1e-6)


@pytest.mark.parametrize("labels", [np.int32, np.int64, np.uint8, np.bool_])
def test_whole_number_labels(case, labels):
    loss, formula = case
    y_true = np.array([[0], [1], [1]], labels)
    y_pred = np.array([[0.2], [4.0], [0.9]], np.float32)
    value = loss()(y_true, y_pred)
    assert value.dtype == tf.float32
    assert float(value) == pytest.approx(formula(y_true.astype(float), y_pred).mean(), rel=1e-6)


def test_whole_number_predictions_are_computed_in_floatx(case):
    loss, formula = case
    value = loss()(np.array([[1], [5]]), np.array([[2], [0]]))
    assert value.dtype == tf.float32
    assert float(value) == pytest.approx(formula(np.array([1, 5]), np.array([2, 0])).mean())


@pytest.mark.parametrize(
    ("dtype", "precision"),
    [(tf.float16, 1e-2), (tf.bfloat16, 5e-2), (tf.float32, 1e-5), (tf.float64, 1e-12)],
)
def test_computed_in_the_dtype_of_the_predictions(case, dtype, precision):
    loss, formula = case
    y_true, y_pred = samples((4, 3), np.float64)
    value = loss()(y_true, tf.cast(y_pred, dtype))
    assert value.dtype == dtype
    assert float(value) == pytest.approx(formula(y_true, y_pred).mean(), rel=precision)


def test_same_in_eager_graph_and_xla(case, run):
    loss, formula = case
    y_true, y_pred = samples((4, 3, 2))
    weight = np.array([0.0, 1.0, 2.0, 3.0], np.float32)
    value = run(loss(), *map(tf.constant, (y_true, y_pred, weight)))
    values = reference.per_sample(formula(y_true, y_pred))
    assert float(value) == pytest.approx(reference.weighted(values, weight).mean(), rel=1e-5)


def test_gradient_equals_the_numeric_one(case):
    loss, _ = case
    y_true, y_pred = samples((4, 3), np.float64)
    weighted = functools.partial(loss(), y_true, sample_weight=[0.0, 1.0, 2.0, 3.0])
    exact, numeric = tf.test.compute_gradient(weighted, [tf.constant(y_pred)], 1e-5)
    np.testing.assert_allclose(exact[0], numeric[0], atol=1e-8)


def test_trains_under_mixed_float16(case, dtype_policy):
    loss, _ = case
    dtype_policy("mixed_float16")
    model = tf_keras.Sequential([tf_keras.layers.Dense(1, input_shape=(2,))])
    model.compile(tf_keras.optimizers.SGD(0.1), loss=loss())
    inputs, labels = np.ones((4, 2), np.float32), np.zeros((4, 1), np.float32)
    first, second = (model.train_on_batch(inputs, labels) for _ in range(2))
    assert np.isfinite([first, second]).all()
    assert second < first


# Provenance: by hand, factor 0.5, labels 1 and 0, predictions 0.8 and 0.4:
# 0.2² + 0.5·(-0.3)² = 0.085 and 0.4² + 0.5·0.1² = 0.165.
def test_custom_mse_golden_values():
    values = CustomMSE(0.5, reduction="none")([[1.0], [0.0]], [[0.8], [0.4]])
    np.testing.assert_allclose(values, [0.085, 0.165], rtol=1e-6)


def test_custom_mse_pulls_towards_one_half():
    y_pred = tf.constant([[0.0], [0.5], [1.0]])
    with tf.GradientTape() as tape:
        tape.watch(y_pred)
        value = CustomMSE(0.5, reduction="sum")(y_pred, y_pred)
    gradient = tape.gradient(value, y_pred)
    np.testing.assert_array_equal(np.sign(gradient), [[-1], [0], [1]])


def test_huber_fn_has_threshold_one():
    y_true, y_pred = samples((4, 3))
    np.testing.assert_allclose(
        huber_fn(y_true, y_pred), reference.huber(y_true - y_pred, 1.0).mean(axis=-1), rtol=1e-5
    )


@pytest.mark.parametrize("threshold", [0.5, 3.0])
def test_create_huber_has_its_own_threshold_inside_a_compiled_model(threshold):
    y_true, y_pred = samples((4, 3))
    model = pass_through((4, 3))
    model.compile(loss=create_huber(threshold))
    assert model.test_on_batch(y_pred, y_true) == pytest.approx(
        reference.huber(y_true - y_pred, threshold).mean(), rel=1e-5
    )


class TestLabelsOfUnknownRank:
    """Keras retraces so, once one model has seen labels as (N,) and as (N, 1)."""

    SIGNATURE = (tf.TensorSpec(None, tf.float32), tf.TensorSpec([None, 1], tf.float32))

    @pytest.mark.parametrize("loss", [HuberLoss(), CustomMSE(), huber_fn])
    def test_are_never_broadcast(self, loss):
        labels, predictions = tf.constant([1.0, 2.0, 4.0]), tf.constant([[1.5], [4.0], [3.0]])
        traced = tf.function(loss, input_signature=self.SIGNATURE)
        expected = loss(labels[:, tf.newaxis], predictions)
        for given in (labels, labels[:, tf.newaxis]):
            np.testing.assert_allclose(traced(given, predictions), expected, rtol=1e-6)

    def test_in_another_number_are_refused(self):
        traced = tf.function(huber_fn, input_signature=self.SIGNATURE)
        with pytest.raises(tf.errors.InvalidArgumentError):
            traced(tf.ones([4]), tf.ones([3, 1]))
