"""How the model is built, fitted and kept, on a few rows in memory."""

from __future__ import annotations

import contextlib
import csv
import logging
import math
import re
import time

import numpy as np
import optimizer_choices
import pytest
import tensorflow as tf
import tf_keras

from huberflow.components.contracts import artifact_files
from huberflow.components.contracts.model_config import ModelConfig, TrainingConfig
from huberflow.components.contracts.target import Target
from huberflow.components.training import fitting, trainer
from huberflow.components.training.callbacks import PROGRESS
from huberflow.components.training.label_scale import label_scale
from huberflow.components.training.model import LabelScale, build_model
from huberflow.components.training.rows import scale_weights
from huberflow.custom_objects import catalogue, keras_optimizers
from huberflow.custom_objects.input_error import InputError

WIDTHS = {"numbers": 4, "categories": 2, "table_rows": 5}
MODEL = {
    "hidden_units": [8, 4],
    "embedding_dimension": 2,
    "activation": {"name": "relu", "config": {}},
    "initializer": {"name": "GlorotNormalInitializer", "config": {}},
    "regularizer": {"name": "L1Regularizer", "config": {"factor": 1e-5}},
    "constraint": None,
    "activity_regularization": {"name": "ActivityRegularizationLayer", "config": {"rate": 1e-6}},
    "metric_logging": True,
}
TRAINING = {
    "loss": {"name": "HuberLoss", "config": {"threshold": 2.0}},
    "metrics": [{"name": "HuberMetric", "config": {"threshold": 2.0}}],
    "optimizer": {"name": "Adam", "config": {"learning_rate": 0.05}},
    "epochs": 3,
    "steps_per_epoch": None,
    "batch_size": 16,
    "early_stopping_patience": None,
    "mixed_precision": False,
}
# A value that is valid for each argument, and not its default.
ARGUMENTS = {
    "threshold": 0.25,
    "thresholds": 0.25,
    "average": "weighted",
    "alpha": 0.4,
    "apply_class_balancing": True,
    "label_smoothing": 0.1,
    "k": 2,
    "regularization_factor": 0.3,
    "delta": 2.5,
    "gamma": 1.5,
    "curve": "PR",
    "quantile": 0.75,
    "factor": 0.02,
    "l1": 0.02,
    "l2": 0.02,
    "rate": 0.03,
    "seed": 5,
    "max_value": 1.5,
}


def model_config(**changes) -> ModelConfig:
    return ModelConfig.from_json({**MODEL, **changes})


def training_config(**changes) -> TrainingConfig:
    return TrainingConfig.from_json({**TRAINING, **changes})


@pytest.fixture(autouse=True)
def _fixed_seed():
    tf_keras.utils.set_random_seed(20260701)


def rows(number: int = 64, seed: int = 1) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Transformed features, and a label that depends on them."""
    random = np.random.default_rng(seed)
    numbers = random.normal(size=(number, WIDTHS["numbers"])).astype(np.float32)
    indices = random.integers(0, WIDTHS["table_rows"], (number, WIDTHS["categories"]))
    return {"numbers": numbers, "indices": indices}, 10 + 3 * numbers[:, 0]


def data(number: int = 64, seed: int = 1, *, shuffle: int | None = None) -> tf.data.Dataset:
    made = tf.data.Dataset.from_tensor_slices(rows(number, seed))
    made = made if shuffle is None else made.shuffle(number, seed=shuffle)
    return made.batch(TRAINING["batch_size"])


def out_of_reach() -> tf.data.Dataset:
    """Rows to validate on, whose labels training moves away from: the first epoch is the best."""
    features, labels = rows()
    return tf.data.Dataset.from_tensor_slices((features, -100 * labels)).batch(16)


def compiled(model=None, training=None, **options) -> tf_keras.Model:
    made = build_model(model_config(**(model or {})), **WIDTHS, **options)
    fitting.compile_model(made, training_config(**(training or {})))
    return made


def fitted(folder, *, train=None, validation=None, model=None, **training):
    """A model and how its training went."""
    made = compiled(model, training)
    history = fitting.fit(
        made,
        data(shuffle=3) if train is None else train,
        data(seed=2) if validation is None else validation,
        training_config(**training),
        folder,
    )
    return made, history


def hidden(model: tf_keras.Model) -> list[tf_keras.layers.Dense]:
    """The dense layers before the prediction."""
    dense = [layer for layer in model.layers if isinstance(layer, tf_keras.layers.Dense)]
    return [layer for layer in dense if layer.name != "prediction"]


def epochs(history) -> int:
    return len(history.history["loss"])


class TestFit:
    def test_learns(self, tmp_path):
        _, history = fitted(tmp_path, epochs=20)
        losses = history.history["val_loss"]
        assert min(losses) < 0.2 * losses[0]

    def test_the_same_seed_gives_the_same_weights_bit_for_bit(self, tmp_path):
        def weights(seed):
            tf_keras.utils.set_random_seed(seed)
            model, _ = fitted(tmp_path)
            return [weight.tobytes() for weight in model.get_weights()]

        first, again, other = weights(7), weights(7), weights(8)
        assert first == again
        assert first != other

    def test_keeps_the_weights_of_the_best_epoch(self, tmp_path):
        """Also where all epochs are used up."""
        model, history = fitted(tmp_path, validation=out_of_reach(), epochs=4)
        losses = history.history["val_loss"]
        assert len(losses) == 4
        assert losses[0] == min(losses), "the first epoch is not the best: a poor example"
        assert losses[0] < 0.997 * losses[-1]
        kept = model.evaluate(out_of_reach(), return_dict=True, verbose=0)["loss"]
        assert kept == pytest.approx(losses[0], rel=1e-6)

    @pytest.mark.parametrize("patience", [1, 3])
    def test_stops_when_validation_no_longer_improves(self, tmp_path, patience):
        _, history = fitted(
            tmp_path, validation=out_of_reach(), epochs=9, early_stopping_patience=patience
        )
        assert epochs(history) == 1 + patience

    def test_an_epoch_may_be_a_number_of_steps(self, tmp_path):
        """More steps than there are batches: the rows repeat."""
        model, history = fitted(tmp_path, steps_per_epoch=7, epochs=2)
        assert epochs(history) == 2
        assert model.optimizer.iterations.numpy() == 14


class TestWeights:
    WEIGHTS = np.arange(64) % 4

    def weighted(self, weights, labels=None, seed=1) -> tf.data.Dataset:
        features, ours = rows(seed=seed)
        labels = ours if labels is None else labels
        return tf.data.Dataset.from_tensors((features, labels, np.float32(weights)))

    def model(self, **training):
        plain = {"regularizer": None, "activity_regularization": None, "metric_logging": False}
        made = build_model(model_config(**plain), **WIDTHS)
        fitting.compile_model(made, training_config(**training), weighted=True)
        return made

    @pytest.mark.parametrize("unit", [1, 1000])
    def test_are_as_many_copies_of_the_row_whatever_their_unit(self, unit):
        """In the loss and in every metric; of weight 0, none."""
        train, _ = scale_weights(*[self.weighted(unit * self.WEIGHTS)] * 2, "trips")
        median = {"name": "AbsoluteErrorQuantile", "config": {"quantile": 0.5}}
        absolute = {"name": "MeanAbsoluteError", "config": {}}
        model = self.model(metrics=[*TRAINING["metrics"], absolute, median])
        found = model.evaluate(train.rebatch(16), return_dict=True, verbose=0)
        features, labels = rows()
        error = np.abs(labels - model.predict(features, verbose=0)[:, 0])
        copies = np.repeat(error, self.WEIGHTS).astype(np.float64)
        huber = np.where(copies < 2, copies**2 / 2, 2 * copies - 2).mean()
        middle = np.quantile(copies, 0.5, method="inverted_cdf")
        assert found.pop("absolute_error_quantile") == pytest.approx(middle, rel=0.011)
        assert found == pytest.approx(
            {"loss": huber, "huber_metric": huber, "mean_absolute_error": copies.mean()}, rel=1e-5
        )

    def test_of_0_let_a_row_teach_and_stop_nothing(self, tmp_path):
        _, labels = rows()

        def fitted(wrong):
            tf_keras.utils.set_random_seed(7)
            labels_of_all = np.where(self.WEIGHTS == 0, wrong, labels)
            data = [self.weighted(self.WEIGHTS, labels_of_all)] * 2
            train, validation = (each.rebatch(16) for each in scale_weights(*data, "trips"))
            model = self.model()
            history = fitting.fit(model, train, validation, training_config(), tmp_path).history
            return model.get_weights(), history["val_loss"], history["val_huber_metric"]

        one, other = fitted(5.0), fitted(-800.0)
        tf.nest.map_structure(np.testing.assert_array_equal, one, other)

    @pytest.mark.parametrize("wrong", [math.nan, math.inf, -1.0])
    @pytest.mark.parametrize("split", ["train", "validation"])
    def test_that_cannot_be_used_do_not_train_in_silence(self, split, wrong):
        bad, good = self.weighted([*[1.0] * 63, wrong]), self.weighted(self.WEIGHTS)
        both = (bad, good) if split == "train" else (good, bad)
        with pytest.raises(InputError) as caught:
            scale_weights(*both, "w")
        assert caught.value.key == "data.weight"
        assert "'w'" in caught.value.expected

    def test_all_0_are_refused(self):
        data = [self.weighted(np.zeros(64))] * 2
        with pytest.raises(InputError) as caught:
            scale_weights(*data, "w")
        assert "weights above 0 in 'w'" in caught.value.expected

    def test_have_no_part_in_the_scale_of_the_label(self):
        _, labels = rows()
        found = label_scale(self.weighted(self.WEIGHTS), "none")
        assert found.middle == pytest.approx(np.median(labels))


@pytest.mark.parametrize("split", ["train", "validation", "eval"])
def test_a_split_without_a_labelled_row_is_an_error_that_says_what_to_write(split):
    with pytest.raises(InputError) as caught:
        trainer._refuse_empty(0, split, Target(("fare",)))
    assert caught.value.expected == f"rows with fare in {split}"
    assert caught.value.write == f"--set data.splits.{split}=9"
    trainer._refuse_empty(1, split, Target(("fare",)))


DIVERGING = {"name": "SGD", "config": {"learning_rate": 1e30}}


class TestDivergence:
    def test_ends_training_at_once_and_says_what_to_write(self, tmp_path, caplog):
        with (
            caplog.at_level(logging.INFO, logger=PROGRESS.name),
            pytest.raises(FloatingPointError) as caught,
        ):
            fitted(tmp_path, optimizer=DIVERGING, epochs=50)
        assert len(caplog.records) <= 2
        message = str(caught.value)
        assert re.match(r"training diverged: the loss of epoch [12] is not finite; ", message)
        assert message.endswith("--set training.optimizer.config.learning_rate=0.0001")

    def test_of_a_schedule_says_where_it_starts(self, tmp_path):
        rate = optimizer_choices.choice("CosineDecayRestarts")
        rate["config"] |= {"initial_learning_rate": 1e30}
        optimizer = {"name": "SGD", "config": {"learning_rate": rate}}
        with pytest.raises(FloatingPointError) as caught:
            fitted(tmp_path, optimizer=optimizer)
        assert str(caught.value).endswith("learning_rate.config.initial_learning_rate=0.0001")

    def test_of_the_last_step_is_an_error_too(self, tmp_path):
        """The loss is that of the weights before the step; only validation sees them after it."""
        one_step = data().take(1)
        with pytest.raises(FloatingPointError, match="loss of epoch 1 is not finite"):
            fitted(tmp_path, train=one_step, optimizer=DIVERGING, epochs=1)


class TestProgress:
    @pytest.fixture
    def progress(self, caplog):
        """The records of an epoch each, so far."""
        caplog.set_level(logging.INFO, logger="huberflow.training")
        return lambda: [each.progress for each in caplog.records if hasattr(each, "progress")]

    def test_is_logged_once_an_epoch(self, tmp_path, progress):
        before = time.time()
        _, history = fitted(tmp_path)
        progress = progress()
        assert [(p.epoch, p.epochs) for p in progress] == [(1, 3), (2, 3), (3, 3)]
        assert [p.values["val_loss"] for p in progress] == pytest.approx(
            history.history["val_loss"]
        )
        assert all(before <= p.time <= time.time() for p in progress)

    def test_has_every_metric_on_both_splits_and_the_speed(self, tmp_path, progress):
        optimizer = {"name": "SGD", "config": {"learning_rate": 0.25}}
        fitted(tmp_path, epochs=1, optimizer=optimizer)
        values = progress()[-1].values
        names = {"loss", "huber_metric", "std_of_activation"}
        speed = {"learning_rate", "steps_per_second"}
        assert set(values) == names | {f"val_{name}" for name in names} | speed
        assert values["steps_per_second"] > 0
        assert values["learning_rate"] == 0.25
        assert all(type(value) is float for value in values.values())

    def test_has_the_learning_rate_of_the_last_step_of_a_schedule(self, tmp_path, progress):
        rate = {"initial_learning_rate": 0.5, "decay_steps": 1, "decay_rate": 0.5}
        choice = {"name": "ExponentialDecay", "config": rate}
        optimizer = {"name": "SGD", "config": {"learning_rate": choice}}
        fitted(tmp_path, train=data().take(2), epochs=2, optimizer=optimizer)
        assert [p.values["learning_rate"] for p in progress()] == [0.25, 0.0625]

    def test_is_the_table_of_epochs(self, tmp_path, progress):
        """So that a cached model has the same curves as when it was trained."""
        fitted(tmp_path)
        progress = progress()
        with (tmp_path / artifact_files.EPOCHS).open() as file:
            table = [
                {name: float(value) for name, value in row.items()} for row in csv.DictReader(file)
            ]
        assert table == [{"epoch": p.epoch - 1, "time": p.time, **p.values} for p in progress]


class TestMixedPrecision:
    def test_trains_in_float16_with_float32_weights_and_answer(self, tmp_path):
        with fitting.precision(True):
            model, history = fitted(tmp_path, epochs=20, mixed_precision=True)
        for layer in hidden(model):
            assert (layer.compute_dtype, layer.variable_dtype) == ("float16", "float32")
        assert model.get_layer("prediction").compute_dtype == "float32"
        losses = history.history["val_loss"]
        assert min(losses) < 0.3 * losses[0]

    def test_a_large_batch_does_not_overflow(self, tmp_path):
        """Sums over a batch do not fit into float16."""
        features, labels = rows(4096)
        large = {**features, "numbers": features["numbers"] * 50}
        batch = tf.data.Dataset.from_tensors((large, labels))
        with fitting.precision(True):
            _, history = fitted(
                tmp_path,
                train=batch,
                model={"hidden_units": [64]},
                optimizer={"name": "Adam", "config": {"learning_rate": 1e-4}},
                mixed_precision=True,
            )
        assert np.isfinite(history.history["loss"]).all()

    @pytest.mark.parametrize("before", ["float32", "mixed_float16"])
    @pytest.mark.parametrize("mixed", [True, False])
    def test_ends_with_its_block_also_after_a_failure(self, mixed, before):
        """A pipeline runs many trainings in one process."""
        tf_keras.mixed_precision.set_global_policy(before)
        try:
            with contextlib.suppress(ZeroDivisionError), fitting.precision(mixed):
                dtypes = {layer.compute_dtype for layer in hidden(compiled())}
                raise ZeroDivisionError
            assert dtypes == {"float16" if mixed else "float32"}
            assert tf_keras.mixed_precision.global_policy().name == before
        finally:
            tf_keras.mixed_precision.set_global_policy("float32")


class TestStrategy:
    @pytest.mark.parametrize("gpus", [[], ["GPU:0"], ["GPU:0", "GPU:1"]])
    def test_mirrors_over_several_gpus(self, gpus):
        strategy = fitting.strategy(gpus)
        assert isinstance(strategy, tf.distribute.MirroredStrategy) is (len(gpus) > 1)

    def test_two_devices_train_the_same_model_as_one(self, two_replicas, tmp_path):
        """Two logical CPUs stand in; without shuffling, a batch is a batch however it is cut."""

        def losses(strategy):
            tf_keras.utils.set_random_seed(7)
            with strategy.scope():
                model = compiled({"activity_regularization": None, "metric_logging": False})
            training = training_config(epochs=2)
            return fitting.fit(model, data(), data(seed=2), training, tmp_path).history

        alone, together = losses(fitting.strategy([])), losses(two_replicas)
        assert together["loss"] == pytest.approx(alone["loss"], rel=1e-4)
        assert together["val_huber_metric"] == pytest.approx(alone["val_huber_metric"], rel=1e-4)


class TestLabelScale:
    def scale(self, kind, *labels):
        blocks = tf.data.Dataset.from_tensors(({}, np.float32(labels)))
        return label_scale(blocks, kind)

    def test_none_starts_at_the_median(self):
        assert self.scale("none", 1, 2, 900) == LabelScale(2.0)

    def test_standard_is_not_moved_by_an_outlier(self):
        labels = np.random.default_rng(3).normal(100, 20, 5000)
        found = self.scale("standard", *labels, 1e9)
        assert found.middle == pytest.approx(100, rel=0.02)
        assert found.deviation == pytest.approx(20, rel=0.05)

    def test_log_is_that_of_the_logarithm(self):
        labels = np.expm1(np.random.default_rng(3).normal(8, 2, 5000))
        found = self.scale("log", *labels)
        assert found.logarithmic
        assert (found.middle, found.deviation) == pytest.approx((8, 2), rel=0.05)

    def test_log_of_a_label_that_has_none_is_refused(self):
        with pytest.raises(InputError) as caught:
            self.scale("log", 5, -3)
        assert caught.value.received == "-3"
        assert caught.value.write.endswith("=standard")

    def test_of_several_labels_is_that_of_each(self):
        pairs = np.random.default_rng(3).normal([100, -7], [20, 0], (5000, 2))
        found = self.scale("standard", *pairs)
        assert found.middle == pytest.approx([100, -7], rel=0.02)
        assert found.deviation == pytest.approx([20, 1], rel=0.05)

    @pytest.mark.parametrize(("labels", "deviation"), [((7, 7, 7), 1.0), ((0, 0, 0, 0, 5), 2.0)])
    def test_of_labels_that_are_mostly_equal_is_a_number(self, labels, deviation):
        assert self.scale("standard", *labels).deviation == pytest.approx(deviation)


def choices(*kinds: str):
    """Every object of these kinds that a config may name, with all its arguments set."""
    return [
        pytest.param(
            kind,
            {"name": name, "config": {key: ARGUMENTS[key] for key in entry.arguments}},
            id=f"{kind}-{name}",
        )
        for kind in kinds
        for name, entry in catalogue.BUILT_IN.of_kind(kind).items()
    ]


def of_its_task(kind: str, name: str, training: dict) -> tf_keras.Model:
    """A model for the first task that a loss or a metric fits, with a loss of that task."""
    classes, loss = TASKS[catalogue.BUILT_IN.of_kind(kind)[name].tasks[0]]
    target = Target(("y",), classes)
    return compiled(
        training={"loss": {"name": loss, "config": {}}, "metrics": [], **training},
        outputs=target.width,
        activation=target.activation,
    )


TASKS = {
    "regression": ((), "HuberLoss"),
    "binary": (("a", "b"), "BinaryCrossentropy"),
    "multiclass": (("a", "b", "c"), "SparseCategoricalCrossentropy"),
}


def assert_takes_a_step(model: tf_keras.Model) -> None:
    model.run_eagerly = True  # a graph for each of so many models takes long
    before = model.get_weights()
    features, labels = rows(16)
    if model.layers[-1].activation is not tf_keras.activations.linear:
        labels = (labels > 10).astype(np.float32)
    result = model.train_on_batch(features, labels, return_dict=True)
    assert np.isfinite(list(result.values())).all()
    changed = [not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert any(changed), "nothing was learned"


class TestEveryObject:
    @pytest.mark.parametrize(
        ("kind", "choice"), choices("activation", "initializer", "regularizer", "constraint")
    )
    def test_of_the_dense_layers(self, kind, choice):
        model = compiled({kind: choice})
        attribute = kind if kind == "activation" else f"kernel_{kind}"
        for layer in hidden(model):
            found = getattr(layer, attribute)
            assert getattr(found, "__name__", type(found).__name__) == choice["name"]
            if choice["config"]:
                config = found.get_config()
                assert {key: config[key] for key in choice["config"]} == pytest.approx(
                    choice["config"]
                )
        assert_takes_a_step(model)

    @pytest.mark.parametrize(("kind", "choice"), choices("layer"))
    def test_after_the_dense_layers(self, kind, choice):
        model = compiled({"activity_regularization": choice, "metric_logging": False})
        found = model.layers[-2]
        assert type(found).__name__ == choice["name"]
        assert choice["config"].items() <= found.get_config().items()
        assert_takes_a_step(model)

    @pytest.mark.parametrize(("kind", "choice"), choices("loss"))
    def test_to_minimise(self, kind, choice):
        model = of_its_task(kind, choice["name"], {"loss": choice})
        name = getattr(model.loss, "__name__", type(model.loss).__name__)
        assert name == choice["name"]
        assert_takes_a_step(model)

    @pytest.mark.parametrize(("kind", "choice"), choices("metric"))
    def test_to_log(self, kind, choice):
        model = of_its_task(kind, choice["name"], {"metrics": [choice]})
        assert_takes_a_step(model)
        kinds = {type(metric).__name__ for metric in model.metrics}
        assert choice["name"] in kinds | {metric.name for metric in model.metrics}  # or a function

    @pytest.mark.parametrize("name", keras_optimizers.OPTIMIZERS)
    def test_to_take_steps(self, name):
        model = compiled(training={"optimizer": optimizer_choices.choice(name)})
        assert type(model.optimizer).__name__.startswith(name)
        assert_takes_a_step(model)

    def test_may_be_left_out(self):
        none = dict.fromkeys(("regularizer", "constraint", "activity_regularization"))
        model = compiled({**none, "metric_logging": False})
        assert model.losses == []
        assert_takes_a_step(model)


class TestModel:
    @pytest.mark.parametrize(
        ("widths", "inputs"),
        [
            ({"numbers": 4, "categories": 0, "table_rows": 0}, {"numbers": 4}),
            ({"numbers": 0, "categories": 2, "table_rows": 5}, {"indices": 2}),
            ({"numbers": 4, "categories": 2, "table_rows": 5}, {"numbers": 4, "indices": 2}),
        ],
    )
    def test_reads_the_features_that_there_are(self, widths, inputs):
        model = build_model(model_config(), **widths)
        assert {name: shape[1] for name, shape in model.input_shape.items()} == inputs
        answer = model({name: np.ones((3, width)) for name, width in inputs.items()})
        assert answer.shape == (3, 1)

    def test_has_the_layers_of_the_config(self):
        model = build_model(model_config(hidden_units=[5, 4, 3]), **WIDTHS)
        kinds = [layer for layer in model.layers if isinstance(layer, tf_keras.layers.Embedding)]
        assert [(layer.input_dim, layer.output_dim) for layer in kinds] == [(5, 2)]
        assert [layer.units for layer in hidden(model)] == [5, 4, 3]
        assert model.output_shape == (None, 1)

    @pytest.mark.parametrize(
        ("scale", "expected"),
        [
            (LabelScale(11.25), 11.25),
            (LabelScale(2e5, deviation=5e4), 2e5),
            (LabelScale(math.log1p(2e5), deviation=0.5, logarithmic=True), 2e5),
            (LabelScale([3.0, -2e5]), [3.0, -2e5]),
            (LabelScale([3.0, -2e5], deviation=[0.5, 5e4]), [3.0, -2e5]),
        ],
        ids=["none", "standard", "log", "several, none", "several, standard"],
    )
    def test_starts_at_the_middle_of_the_label(self, scale, expected):
        model = build_model(model_config(), **WIDTHS, outputs=np.size(expected), label_scale=scale)
        kernel = model.get_layer("prediction").kernel
        kernel.assign(tf.zeros_like(kernel))
        features, _ = rows(4)
        assert model(features).numpy() == pytest.approx(np.tile(expected, (4, 1)), rel=1e-5)

    @pytest.mark.parametrize("logarithmic", [False, True])
    def test_one_of_its_output_is_a_deviation_of_the_label(self, logarithmic):
        scale = LabelScale(3.0, deviation=0.5, logarithmic=logarithmic)
        model = build_model(model_config(), **WIDTHS, label_scale=scale)
        prediction = model.get_layer("prediction")
        prediction.kernel.assign(tf.zeros_like(prediction.kernel))
        prediction.bias.assign([1.0])
        features, _ = rows(2)
        expected = math.expm1(3.5) if logarithmic else 3.5
        assert model(features).numpy() == pytest.approx(np.full((2, 1), expected), rel=1e-5)

    def test_logs_its_activation_only_where_asked(self):
        def logged(metric_logging):
            model = compiled({"metric_logging": metric_logging})
            model.run_eagerly = True
            features, labels = rows(16)
            return "std_of_activation" in model.train_on_batch(features, labels, return_dict=True)

        assert logged(True)
        assert not logged(False)
