"""Modules as a user writes them: the sample's loss and metric, a layer, functions; a network."""

import json
from collections.abc import Callable
from pathlib import Path

from huberflow.pipeline.resolve import sample
from huberflow.pipeline.resolve.resolved_run import ResolvedConfig, resolve, resolve_config

_OWN = Path(__file__).with_name("own_optimizers.py").read_text()
MY_OPTIMIZERS = _OWN.partition("\n\nclass Counting")[0]
"""A schedule ``Warmup`` and an optimizer ``Fading``."""
SAMPLE = Path(sample.__file__).with_name("my_objects.py").read_text()

MY_LOSSES = f'''{SAMPLE}

@tf_keras.utils.register_keras_serializable("mine")
class Scaled(tf_keras.layers.Layer):
    """Numbers, scaled."""

    def __init__(self, factor=1.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs):
        return self.factor * inputs

    def get_config(self):
        return {{**super().get_config(), "factor": self.factor}}


def squares(y_true, y_pred):
    return tf.reduce_mean(tf.square(y_true - y_pred), axis=-1)


def is_near(y_true, y_pred):
    return tf.cast(tf.abs(y_true - y_pred) < 1, tf.float32)[:, 0]


def mish(x):
    return x * tf.tanh(tf.nn.softplus(x))


def helper(values):
    return values


class _Base(tf_keras.losses.Loss):
    pass
'''

MY_NETWORK = """
import tensorflow as tf
import tf_keras


class CrossLayer(tf_keras.layers.Layer):
    def __init__(self, rate, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate

    def build(self, shapes):
        width = shapes[0][-1]
        self.kernel = self.add_weight("kernel", (width, width))

    def call(self, inputs):
        first, x = inputs
        return self.rate * first * (x @ self.kernel) + x

    def get_config(self):
        return {**super().get_config(), "rate": self.rate}


def sharpened(x):
    return x * tf.sigmoid(2.0 * x)


def build_model(io, settings):
    inputs = io.inputs()
    parts = [inputs["numbers"]]
    if "indices" in inputs:
        embedding = tf_keras.layers.Embedding(io.table_rows, settings["embedding_dimension"])
        parts.append(tf_keras.layers.Flatten()(embedding(inputs["indices"])))
    first = hidden = tf_keras.layers.Concatenate()(parts) if len(parts) > 1 else parts[0]
    for units in settings["hidden_units"]:
        crossed = CrossLayer(0.5)([first, hidden])
        dense = tf_keras.layers.Dense(first.shape[-1], activation=sharpened)
        hidden = dense(crossed)
    return tf_keras.Model(inputs, io.prediction(hidden))
"""


def resolver(folder: Path, *asked: str) -> Callable[..., ResolvedConfig]:
    """Resolves these settings and more; the workspace remembers validated objects."""
    return lambda *more: resolve_config(None, [*asked, f"workspace={folder / 'workspace'}", *more])


def node_config(resolved: ResolvedConfig, node: str) -> dict:
    """The ``custom_config`` of a node."""
    from huberflow.pipeline.dag.graph import create_pipeline

    nodes = {each.id: each for each in create_pipeline(resolve(resolved)).components}
    return json.loads(nodes[node].exec_properties["custom_config"])
