"""The objects of Keras 3: the formulas, contracts and names of those of Keras 2.

On the backend that KERAS_BACKEND names; ``test_keras_3_backends`` runs this file on the others.
"""

import functools

import keras
import numpy as np
import numpy_reference as reference
import pytest
import tf_keras
from hypothesis import given
from hypothesis import strategies as st
from property_settings import properties

import huberflow
from huberflow import keras as objects
from huberflow.custom_objects.input_error import InputError
from huberflow.custom_objects.keras_3.losses import huber

BACKEND = keras.backend.backend()
SHAPES = [(4,), (4, 1), (4, 3), (4, 3, 2), (4, 3, 2, 5)]

LOSSES = {
    "HuberLoss": (
        functools.partial(objects.HuberLoss, threshold=2.0),
        functools.partial(huberflow.HuberLoss, threshold=2.0),
        lambda y_true, y_pred: reference.huber(y_true - y_pred, 2.0),
    ),
    "CustomMSE": (
        functools.partial(objects.CustomMSE, regularization_factor=0.3),
        functools.partial(huberflow.CustomMSE, regularization_factor=0.3),
        lambda y_true, y_pred: reference.custom_mse(y_true, y_pred, 0.3),
    ),
}
METRICS = {
    "HuberMetric": (objects.HuberMetric, huberflow.HuberMetric),
    "AbsoluteErrorQuantile": (objects.AbsoluteErrorQuantile, huberflow.AbsoluteErrorQuantile),
}
needs_a_layers_metric = pytest.mark.skipif(
    BACKEND == "jax", reason="JAX's training forgets what a layer's metric counts: refused there"
)


@pytest.fixture(autouse=True)
def _wide_numbers():
    """JAX's sums need them; see ``test_sums_in_32_bits_are_refused``."""
    if BACKEND == "jax":
        import jax

        jax.config.update("jax_enable_x64", True)
    keras.utils.set_random_seed(20260701)


@pytest.fixture(params=LOSSES)
def case(request):
    """A loss, that of Keras 2, and its formula in NumPy."""
    return LOSSES[request.param]


def array(tensor) -> np.ndarray:
    return keras.ops.convert_to_numpy(tensor)


def samples(shape, dtype=np.float32):
    """Labels and predictions on both sides of the threshold."""
    generator = np.random.default_rng(7)
    return (3 * generator.normal(size=(2, *shape))).astype(dtype)


def slope(function, at: float) -> float:
    """The derivative of a function of one number."""
    if BACKEND == "tensorflow":
        import tensorflow as tf

        value = tf.constant(at, tf.float64)
        with tf.GradientTape() as tape:
            tape.watch(value)
            result = function(value)
        return float(tape.gradient(result, value))
    if BACKEND == "jax":
        import jax

        return float(jax.grad(function)(np.float64(at)))
    import torch

    value = torch.tensor(at, dtype=torch.float64, requires_grad=True)
    function(value).backward()
    return float(value.grad)


class TestHuber:
    # Provenance: by hand, ½e² below the threshold t, t·|e| - ½t² from there on.
    @pytest.mark.parametrize(
        ("error", "threshold", "expected"),
        [(0.5, 1.0, 0.125), (-0.5, 1.0, 0.125), (1.0, 1.0, 0.5), (-3.0, 1.0, 2.5), (3.0, 2.0, 4.0)],
    )
    def test_golden_values(self, error, threshold, expected):
        assert float(huber(keras.ops.convert_to_tensor(error), threshold)) == expected

    @properties
    @given(st.floats(-1e6, 1e6, allow_subnormal=False), st.floats(1e-3, 1e3))
    def test_its_slope_is_the_clipped_error(self, error, threshold):
        found = slope(lambda value: huber(value, threshold), error)
        assert found == pytest.approx(np.clip(error, -threshold, threshold), rel=1e-12, abs=1e-300)

    @pytest.mark.parametrize("error", [np.inf, -np.inf, 0.0, 1e300])
    def test_its_slope_is_finite_wherever_it_stands(self, error):
        found = slope(lambda value: huber(value, 2.0), error)
        assert found == np.clip(error, -2.0, 2.0)

    @pytest.mark.parametrize(("error", "expected"), [(1.0, 1.0), (3.0, 0.0)])
    def test_its_slope_has_a_slope(self, error, expected):
        """For optimizers that look at the curvature."""
        if BACKEND == "torch":
            pytest.skip("Keras's custom gradients on PyTorch have none of their own")

        def of_huber(value):
            if BACKEND == "jax":
                import jax

                return jax.grad(lambda each: huber(each, 2.0))(value)
            import tensorflow as tf

            with tf.GradientTape() as tape:
                tape.watch(value)
                result = huber(value, 2.0)
            return tape.gradient(result, value)

        assert slope(of_huber, error) == expected


class TestLosses:
    @pytest.mark.parametrize("shape", SHAPES)
    def test_give_one_value_per_sample_as_numpy_and_as_keras_2(self, case, shape):
        loss, of_keras_2, formula = case
        y_true, y_pred = samples(shape)
        values = array(loss(reduction="none")(y_true, y_pred))
        assert values.shape == (shape[:-1] or shape)
        expected = reference.per_sample(formula(y_true, y_pred))
        np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-6)
        before = of_keras_2(reduction="none")(y_true, y_pred)
        np.testing.assert_allclose(values, before, rtol=1e-6, atol=1e-7)

    @pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "none", None])
    @pytest.mark.parametrize("shape", SHAPES)
    @pytest.mark.parametrize("axes", ["scalar", "batch", "per sample"])
    def test_weights_and_reductions_give_the_numbers_of_numpy(self, case, shape, axes, reduction):
        loss, _, formula = case
        y_true, y_pred = samples(shape)
        values = reference.per_sample(formula(y_true, y_pred))
        weight_shape = {"scalar": (), "batch": (4,), "per sample": values.shape}[axes]
        weight = np.random.default_rng(8).uniform(0, 2, weight_shape).astype(np.float32)
        found = array(loss(reduction=reduction)(y_true, y_pred, sample_weight=weight))
        weighted = reference.weighted(values, weight)
        reduced = {"sum": weighted.sum(), "sum_over_batch_size": weighted.mean()}
        expected = reduced.get(reduction, weighted)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)

    @pytest.mark.parametrize("shape", [(4,), (4, 1), (4, 3), (4, 3, 2)])
    def test_one_weight_per_row_means_the_same_inside_a_compiled_model(self, case, shape):
        loss, _, formula = case
        y_true, y_pred = samples(shape)
        weight = np.array([0.0, 1.0, 2.0, 3.0], np.float32)
        model = keras.Sequential([keras.Input(shape[1:]), keras.layers.Activation("linear")])
        model.compile(loss=loss())
        expected = reference.weighted(reference.per_sample(formula(y_true, y_pred)), weight).mean()
        assert model.test_on_batch(y_pred, y_true, sample_weight=weight) == pytest.approx(
            expected, rel=1e-5
        )

    @pytest.mark.parametrize(
        ("shape", "weight_shape"),
        [((4,), (3,)), ((4, 3), (3,)), ((4, 3), (4, 3)), ((4, 3, 2), (3,)), ((4, 3, 2), (4, 2))],
    )
    def test_refuse_a_weight_of_another_shape(self, case, shape, weight_shape):
        loss, *_ = case
        with pytest.raises(ValueError, match=r"sample_weight: expected a scalar.+received shape"):
            loss()(*samples(shape), sample_weight=np.ones(weight_shape, np.float32))

    @pytest.mark.parametrize(
        ("labels", "predictions"),
        [((3,), (4,)), ((4, 3), (4, 2)), ((4, 1), (4, 3)), ((4, 3), (4,))],
    )
    def test_refuse_labels_of_another_shape(self, case, labels, predictions):
        loss, *_ = case
        with pytest.raises(ValueError, match=r"y_true: expected the shape of y_pred.+received"):
            loss()(np.ones(labels, np.float32), np.ones(predictions, np.float32))

    @pytest.mark.parametrize(("labels", "predictions"), [((4,), (4, 1)), ((4, 1), (4,))])
    def test_a_column_against_a_row_is_n_samples_and_never_n_by_n(self, case, labels, predictions):
        loss, _, formula = case
        y_true, y_pred = samples((4,))
        values = loss(reduction="none")(y_true.reshape(labels), y_pred.reshape(predictions))
        np.testing.assert_allclose(array(values), formula(y_true, y_pred), rtol=1e-5)

    @pytest.mark.parametrize("labels", [np.int32, np.int64, np.uint8, np.bool_])
    def test_take_whole_numbers_as_labels(self, case, labels):
        loss, _, formula = case
        y_true, y_pred = np.array([[1], [0], [1], [1]], labels), samples((4, 1))[1]
        expected = formula(y_true.astype(np.float32), y_pred).mean()
        assert float(loss()(y_true, y_pred)) == pytest.approx(expected, rel=1e-5)

    def test_the_plain_functions_have_their_threshold(self):
        y_true, y_pred = samples((4, 3))
        for function, threshold in ((objects.huber_fn, 1.0), (objects.create_huber(2.0), 2.0)):
            expected = reference.per_sample(reference.huber(y_true - y_pred, threshold))
            np.testing.assert_allclose(array(function(y_true, y_pred)), expected, rtol=1e-5)


class TestMetrics:
    @pytest.mark.parametrize("name", METRICS)
    @pytest.mark.parametrize("shape", SHAPES)
    @pytest.mark.parametrize("weighted", [False, True])
    def test_agree_with_those_of_keras_2(self, name, shape, weighted):
        metric, before = (kind() for kind in METRICS[name])
        weight = np.array([0.5, 1.0, 2.0, 0.0], np.float32) if weighted else None
        for _ in range(3):
            y_true, y_pred = samples(shape)
            metric.update_state(y_true, y_pred, sample_weight=weight)
            before.update_state(y_true, y_pred, sample_weight=weight)
        assert float(metric.result()) == pytest.approx(float(before.result()), rel=1e-6)

    @pytest.mark.parametrize("name", METRICS)
    def test_are_0_before_the_first_sample_and_after_a_reset(self, name):
        metric = METRICS[name][0]()
        assert float(metric.result()) == 0
        metric.update_state([[0.0]], [[5.0]])
        assert float(metric.result()) > 0
        metric.reset_state()
        assert float(metric.result()) == 0

    def test_nan_is_the_largest_error(self):
        metric = objects.AbsoluteErrorQuantile(0.9)
        metric.update_state([[0.0], [0.0]], [[1.0], [np.nan]])
        assert float(metric.result()) == pytest.approx(1e9, rel=0.02)

    def test_a_billion_rows_still_count(self):
        metric = objects.HuberMetric()
        metric.count.assign(2.0**30)
        metric.update_state([[0.0]], [[1.0]])
        assert float(array(metric.count)) == 2.0**30 + 1

    @pytest.mark.skipif(BACKEND != "jax", reason="the other backends have 64-bit numbers")
    @pytest.mark.parametrize("name", METRICS)
    def test_sums_in_32_bits_are_refused(self, name):
        import jax

        jax.config.update("jax_enable_x64", False)
        with pytest.raises(InputError, match="64-bit") as refused:
            METRICS[name][0]()
        assert "jax_enable_x64" in refused.value.write


def network(*, middle=(), **options):
    inputs = hidden = keras.Input((3,), name="x")
    for layer in middle:
        hidden = layer(hidden)
    model = keras.Model(inputs, keras.layers.Dense(1, name="y", **options)(hidden))
    loss = objects.HuberLoss(2.0)
    metrics = [objects.HuberMetric(2.0), objects.AbsoluteErrorQuantile(0.9)]
    model.compile(keras.optimizers.SGD(0.01), loss, metrics=metrics)
    return model


ROWS = np.random.default_rng(3).normal(size=(32, 3)).astype(np.float32)
LABELS = ROWS.sum(axis=1, keepdims=True)


class TestInAModel:
    def test_a_penalty_of_the_activity_belongs_to_the_loss(self):
        model = network(middle=[objects.ActivityRegularizationLayer(0.5)])
        plain = network()
        plain.set_weights(model.get_weights())
        with_penalty, without = (each.test_on_batch(ROWS, LABELS)[0] for each in (model, plain))
        assert with_penalty - without == pytest.approx(0.5 * ROWS.sum(), rel=1e-4)

    @needs_a_layers_metric
    def test_the_deviation_of_activations_is_logged_and_starts_anew_each_epoch(self):
        model = network(middle=[objects.MetricLoggingLayer()])
        history = model.fit(ROWS, LABELS, epochs=2, batch_size=32, verbose=0).history
        assert history["std_of_activation"] == pytest.approx([ROWS.std()] * 2, rel=1e-5)

    @pytest.mark.skipif(BACKEND != "jax", reason="it works on the other backends")
    def test_the_deviation_of_activations_is_refused_on_jax(self):
        with pytest.raises(InputError, match="JAX"):
            objects.MetricLoggingLayer()

    def test_weights_are_penalized_constrained_and_drawn(self):
        options = {
            "kernel_regularizer": objects.L1Regularizer(0.5),
            "kernel_constraint": objects.PositiveWeights(),
            "kernel_initializer": objects.GlorotNormalInitializer(seed=1),
            "activation": objects.softplus,
        }
        model, twin = network(**options), network(**options)
        kernel = model.get_layer("y").get_weights()[0]
        np.testing.assert_array_equal(kernel, twin.get_layer("y").get_weights()[0])
        assert float(array(model.losses[0])) == pytest.approx(0.5 * np.abs(kernel).sum(), rel=1e-5)
        model.fit(ROWS, LABELS, verbose=0)
        assert (model.get_layer("y").get_weights()[0] >= 0).all()

    def test_drawn_weights_have_the_deviation_of_glorot(self):
        drawn = array(objects.GlorotNormalInitializer()((400, 600)))
        assert drawn.std() == pytest.approx(np.sqrt(2 / 1000), rel=0.02)
        assert not np.array_equal(drawn, array(objects.GlorotNormalInitializer()((400, 600))))

    def test_a_saved_model_has_its_objects_again(self, tmp_path):
        options = {
            "kernel_regularizer": objects.L1Regularizer(0.5),
            "kernel_constraint": objects.PositiveWeights(),
            "activation": objects.softplus,
        }
        layer = objects.ActivityRegularizationLayer(0.1)
        model = network(middle=[layer], **options)
        model.fit(ROWS, LABELS, verbose=0)
        model.save(tmp_path / "model.keras")
        loaded = keras.models.load_model(tmp_path / "model.keras")
        assert loaded.loss.threshold == 2.0
        values, again = (each.test_on_batch(ROWS, LABELS) for each in (model, loaded))
        assert again == pytest.approx(values, rel=1e-6)

    # create_huber makes functions, whose name is that of huber_fn.
    @pytest.mark.parametrize("name", sorted({*objects.__all__} - {"create_huber"}))
    def test_each_is_registered_by_the_name_that_keras_2_has_for_it(self, name):
        found = keras.saving.get_registered_name(getattr(objects, name))
        assert found == f"custom_objects>{name}"
        assert found == tf_keras.saving.get_registered_name(getattr(huberflow, name))


class TestWrongArguments:
    @pytest.mark.parametrize(
        ("make", "argument"),
        [
            (lambda: objects.HuberLoss(0), "threshold"),
            (lambda: objects.HuberMetric(-1.0), "threshold"),
            (lambda: objects.create_huber("1"), "threshold"),
            (lambda: objects.CustomMSE(-0.1), "regularization_factor"),
            (lambda: objects.AbsoluteErrorQuantile(1.0), "quantile"),
            (lambda: objects.L1Regularizer(-1), "factor"),
            (lambda: objects.ActivityRegularizationLayer(float("nan")), "rate"),
            (lambda: objects.GlorotNormalInitializer(1.5), "seed"),
        ],
    )
    def test_are_refused_by_name(self, make, argument):
        with pytest.raises(InputError) as refused:
            make()
        assert refused.value.key == argument


@pytest.mark.skipif(BACKEND != "tensorflow", reason="tf_keras's tensors are TensorFlow's")
class TestInAModelOfKeras2:
    @pytest.mark.parametrize(
        "use",
        [
            lambda model: model.compile("sgd", objects.HuberLoss()),
            lambda model: model.compile("sgd", objects.huber_fn),
            lambda model: model.compile("sgd", "mse", metrics=[objects.HuberMetric()]),
            lambda model: objects.MetricLoggingLayer()(model.output),
            lambda model: objects.softplus(model.output),
        ],
        ids=["loss", "loss function", "metric", "layer", "activation"],
    )
    def test_each_is_refused_in_words(self, use):
        inputs = tf_keras.Input((3,))
        model = tf_keras.Model(inputs, tf_keras.layers.Dense(1)(inputs))

        def trained():
            use(model)
            model.fit(ROWS, LABELS, verbose=0)

        # tf_keras repeats what a loss raises in an error of its own.
        words = (
            r"expected a model of Keras 3, received one of tf_keras.*write: from huberflow import"
        )
        with pytest.raises(Exception, match=words):
            trained()
