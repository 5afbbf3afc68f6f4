"""Modules with a user-defined ``build_model``: good ones; and wrong ones with their errors."""

from wrong_objects import Wrong

BUILD = """
import tensorflow as tf
import tf_keras
{before}

def build_model(io, settings):
    inputs = io.inputs()
    hidden = tf.cast(inputs["indices"], tf.float32)
    hidden = tf_keras.layers.Concatenate()([inputs["numbers"], hidden])
    {body}
    {end}
"""
END = "return tf_keras.Model(inputs, io.prediction(hidden))"
CONFIG = 'return {**super().get_config(), "factor": self.factor}'


def build(body="pass", end=END, before=""):
    """A module whose function does this between its inputs and outputs."""
    return BUILD.format(body=body, end=end, before=before)


def layer(config=CONFIG, name="Scaled"):
    return f"""
class {name}(tf_keras.layers.Layer):
    def __init__(self, factor, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, x):
        return self.factor * x

    def get_config(self):
        {config}
"""


ATTENTION = """
class Attending(tf_keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inner = tf_keras.layers.MultiHeadAttention(2, 4, name="inner")
{build}
    def call(self, x):
        return self.inner(x, x)

    def get_config(self):
        return super().get_config()
"""
CALLED = "    def build(self, shape):\n        self.inner(*[tf.zeros([1, *shape[1:]])] * 2)\n"
ATTEND = 'hidden = Attending(name="mine")(hidden[:, tf.newaxis])[:, 0]'
REGISTERED = '@tf_keras.utils.register_keras_serializable("mine")'

GOOD = {
    "nothing_between": build(),
    "config_by_keras": build(
        "hidden = Scaled(0.5)(hidden)", before=layer().rpartition("    def get_config")[0]
    ),
    "registered_and_hidden": build(
        "hidden = _Scaled(0.5)(hidden)", before=REGISTERED + layer(name="_Scaled")
    ),
    "user_activation": build(
        "hidden = tf_keras.layers.Dense(4, activation=twice)(hidden)",
        before="def twice(x):\n    return 2.0 * x\n",
    ),
    "built_in_layer": build(
        "hidden = MetricLoggingLayer()(hidden)",
        before="from huberflow.custom_objects.layers import MetricLoggingLayer\n",
    ),
    "a_model_inside": build(
        "x = tf_keras.Input((5,))\n"
        "    hidden = tf_keras.Model(x, Scaled(2.0)(tf_keras.layers.Dense(4)(x)))(hidden)",
        before=layer(),
    ),
    "random_in_training": build("hidden = tf_keras.layers.Dropout(0.5)(hidden)"),
    "random_in_predictions": build("hidden = tf_keras.layers.Dropout(0.5)(hidden, training=True)"),
    "attention": build(ATTEND, before=ATTENTION.format(build=CALLED)),
}

WRONG_NETWORKS = {
    "prints": Wrong(
        build(
            "hidden = Printing()(hidden)",
            before=f"{REGISTERED}\nclass Printing(tf_keras.layers.Layer):\n"
            "    def call(self, x):\n        tf.print(x)\n        return x\n",
        ),
        ".py: build_model: allow_ops",
        "a model that only computes",
        "PrintV2 prints",
    ),
    "raises": Wrong(
        build("hidden = hidden + unknown"),
        ".py: build_model",
        "a model",
        "NameError: name 'unknown' is not defined (raises.py, line 10)",
    ),
    "keras_3": Wrong(
        "import keras\n\ndef build_model(io, settings):\n"
        "    x = keras.Input((3,))\n    return keras.Model(x, keras.layers.Dense(1)(x))\n",
        ".py: build_model",
        "a functional tf_keras.Model (Keras 2)",
        "Functional of keras",
    ),
    "subclass": Wrong(
        build(
            end="return Mine(inputs, io.prediction(hidden))",
            before="class Mine(tf_keras.Model):\n    pass\n",
        ),
        ".py: build_model",
        "a functional tf_keras.Model",
        "Mine of subclass",
    ),
    "one_input": Wrong(
        build(
            'hidden = inputs["numbers"]',
            end='return tf_keras.Model(inputs["numbers"], io.prediction(hidden))',
        ),
        ".py: build_model",
        "the inputs indices int64 [batch, 2], numbers float32 [batch, 3]",
        "numbers float32 [batch, 3]",
    ),
    "wide": Wrong(
        build(end="return tf_keras.Model(inputs, hidden)"),
        ".py: build_model",
        "the output float32 [batch, 1]",
        "float32 [batch, 5]",
    ),
    "unregistered": Wrong(
        build("hidden = _Scaled(0.5)(hidden)", before=layer(name="_Scaled")),
        ".py: build_model: _Scaled",
        "a registered class or function",
        "not registered",
    ),
    "a_lambda": Wrong(
        build('hidden = tf_keras.layers.Lambda(lambda x: 2.0 * x, name="twice")(hidden)'),
        ".py: build_model",
        "source can be copied into the model",
        "the Lambda twice",
    ),
    "from_elsewhere": Wrong(
        build("hidden = Elsewhere()(hidden)", before="from small_layers import Elsewhere\n"),
        ".py: build_model",
        "source can be copied into the model",
        "Elsewhere of small_layers",
    ),
    "lacking": Wrong(
        build("hidden = Scaled(0.5)(hidden)", before=layer("return super().get_config()")),
        ".py: Scaled.get_config",
        "every argument of __init__",
        "none of factor",
    ),
    "config_lies": Wrong(
        build(
            "hidden = Scaled(0.5)(hidden)",
            before=layer('return {**super().get_config(), "factor": 1.0}'),
        ),
        ".py: build_model",
        "the same predictions from the saved and reloaded model",
        "others",
    ),
    "unbuilt": Wrong(
        build(ATTEND, before=ATTENTION.format(build="")),
        ".py: build_model",
        "the same predictions from the saved and reloaded model",
        "others",
    ),
    "fails_in_training": Wrong(
        build(
            "hidden = Noise()(hidden)",
            before="class Noise(tf_keras.layers.Layer):\n    def call(self, x, training=False):\n"
            "        return x + unknown if training else x\n",
        ),
        ".py: build_model",
        "saved and reloaded",
        "name 'unknown' is not defined (fails_in_training.py, line 6)",
    ),
}
