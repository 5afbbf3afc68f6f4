"""Small trained models that use every kind of custom object, and bundles of them."""

import importlib.util
import json

import numpy as np
import tensorflow as tf
import tf_keras

from huberflow.components.bundle import bundle, reload
from huberflow.components.contracts.model_config import ModelConfig, ObjectChoice, TrainingConfig
from huberflow.components.contracts.target import Target
from huberflow.components.serving import signatures
from huberflow.components.training import fitting, trainer
from huberflow.components.training.model import build_model

SPEC = {"miles": tf.io.VarLenFeature(tf.float32), "company": tf.io.VarLenFeature(tf.string)}
FARE = Target(("fare",))
LABELLED = {**SPEC, "fare": tf.io.VarLenFeature(tf.float32)}
MODEL = ModelConfig(
    hidden_units=(8, 4),
    embedding_dimension=2,
    activation=ObjectChoice(name="softplus"),
    initializer=ObjectChoice(name="GlorotNormalInitializer", config={"seed": 3}),
    regularizer=ObjectChoice(name="L1Regularizer", config={"factor": 1e-3}),
    constraint=ObjectChoice(name="PositiveWeights"),
    activity_regularization=ObjectChoice(name="ActivityRegularizationLayer", config={"rate": 1e-4}),
    metric_logging=True,
)
PLAIN = ModelConfig(
    hidden_units=(4,),
    embedding_dimension=2,
    activation=ObjectChoice(name="relu"),
    initializer=ObjectChoice(name="HeNormal", config={"seed": 1}),
)
METRICS = (
    ObjectChoice(name="HuberMetric", config={"threshold": 2.0}),
    ObjectChoice(name="AbsoluteErrorQuantile", config={"quantile": 0.9}),
)


class Transform(tf_keras.layers.Layer):
    """Stands in for TFT's layer: raw columns to the model's inputs; has no config either."""

    def get_config(self):
        raise NotImplementedError

    def call(self, raw):
        rows = tf.shape(raw["miles"], tf.int64)[0]
        miles = tf.sparse.to_dense(tf.sparse.reset_shape(raw["miles"], [rows, 1]))
        company = tf.sparse.to_dense(tf.sparse.reset_shape(raw["company"], [rows, 1]))
        return {
            "numbers": tf.concat([miles, miles * miles], axis=1),
            "indices": tf.strings.to_hash_bucket_fast(company, 5),
        }


def example(**columns):
    found = tf.train.Example()
    for name, value in columns.items():
        feature = found.features.feature[name]
        text = isinstance(value, bytes)
        (feature.bytes_list if text else feature.float_list).value.append(value)
    return found.SerializeToString()


def examples(rows=96):
    random = np.random.default_rng(5)
    miles, noise = random.normal(size=(2, rows))
    companies = random.choice([b"Blue", b"Red", b"Yellow"], rows)
    return [
        example(miles=m, company=bytes(c), fare=3 * m + 1 + n)
        for m, n, c in zip(miles, noise, companies, strict=True)
    ]


def parsed():
    """Transformed features and labels of ``examples``."""
    raw = tf.io.parse_example(tf.constant(examples()), LABELLED)
    label = raw.pop("fare").values
    return Transform()(raw), label


def training_config(loss, config, metrics):
    return TrainingConfig(
        loss=ObjectChoice(name=loss, config=config),
        metrics=metrics,
        optimizer=ObjectChoice(name="Adam", config={"learning_rate": 0.02}),
    )


def trained(threshold=2.0, *, loss="HuberLoss", policy="float32", strategy=None):
    tf_keras.utils.set_random_seed(11)
    config = {} if loss == "huber_fn" else {"threshold": threshold}
    before = tf_keras.mixed_precision.global_policy()
    tf_keras.mixed_precision.set_global_policy(policy)
    with (strategy or tf.distribute.get_strategy()).scope():
        model = build_model(MODEL, numbers=2, categories=1, table_rows=5)
        fitting.compile_model(model, training_config(loss, config, METRICS))
    tf_keras.mixed_precision.set_global_policy(before)
    model.fit(*parsed(), batch_size=16, epochs=2, shuffle=False, verbose=0)
    model.transform = Transform()
    return model


def captured(model, folder, rows=None, functions=None):
    """What the Trainer leaves about a model."""
    functions = functions or signatures.signatures(model, SPEC, FARE)
    rows = rows or examples()
    trainer.capture(model, functions, rows, LABELLED, FARE, folder, training={"epochs": 2})
    return folder


def bundled(model, folder):
    """The bundle of a model, made as the pipeline makes it."""
    functions = signatures.signatures(model, SPEC, FARE)
    captured(model, folder / "captured", functions=functions)
    trainer.export(model, functions, SPEC, folder / "exported")
    bundle.assemble(
        folder / "exported", folder / "captured", folder / "bundle", {"commit": "abc123"}
    )
    return folder / "bundle"


def rewritten(path, **changes):
    """Changes the certificate as an honest exporter would have written it."""
    certificate = json.loads((path / reload.layout.CERTIFICATE).read_text())
    for name in certificate["files"]:
        if (path / name).exists():
            certificate["files"][name] = reload.integrity.digest(path / name)
    (path / reload.layout.CERTIFICATE).write_text(reload.integrity.seal({**certificate, **changes}))
    return path


def edited(path, file, old, new):
    """Changes one source file of a bundle, certificate included."""
    source = path / reload.layout.EXTRA / file
    text = source.read_text()
    assert old in text
    source.write_text(text.replace(old, new))
    return rewritten(path)


def loader_of(path):
    """The bundle's own ``reload.py``, as somebody elsewhere imports it."""
    spec = importlib.util.spec_from_file_location(
        "reload", path / reload.layout.EXTRA / "reload.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
