"""Modules with a ``build_model`` of a user's own: good ones; others, and what is said of them."""

IMPORTS = "import tensorflow as tf\nimport tf_keras\n"

BUILD = """
def build_model(ends, settings):
    inputs = ends.inputs()
    hidden = tf.cast(inputs["indices"], tf.float32)
    hidden = tf_keras.layers.Concatenate()([inputs["numbers"], hidden])
    {body}
    {end}
"""
END = "return tf_keras.Model(inputs, ends.prediction(hidden))"

LAYER = """
class Scaled(tf_keras.layers.Layer):
    def __init__(self, factor, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, x):
        return self.factor * x

    def get_config(self):
        {config}
"""
CONFIG = 'return {**super().get_config(), "factor": self.factor}'


def build(body="pass", end=END, before=""):
    """A module whose function does this between its ends."""
    return f"{IMPORTS}{before}\n{BUILD.format(body=body, end=end)}"


def layer(config=CONFIG, name="Scaled"):
    return LAYER.replace("Scaled", name).format(config=config)


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
CALLED = """
    def build(self, shape):
        self.inner(*[tf.zeros([1, *shape[1:]])] * 2)
"""

GOOD = {
    "nothing_between": build(),
    "own_layer": build("hidden = Scaled(0.5)(hidden)", before=layer()),
    "config_by_keras": build(
        "hidden = Scaled(0.5)(hidden)", before=layer().rpartition("    def get_config")[0]
    ),
    "registered_and_hidden": build(
        "hidden = _Scaled(0.5)(hidden)",
        before='@tf_keras.utils.register_keras_serializable("mine")' + layer(name="_Scaled"),
    ),
    "own_activation": build(
        "hidden = tf_keras.layers.Dense(4, activation=twice)(hidden)",
        before="def twice(x):\n    return 2.0 * x\n",
    ),
    "ours": build(
        "hidden = MetricLoggingLayer()(hidden)",
        before="from huberflow.custom_objects.layers import MetricLoggingLayer\n",
    ),
    "a_model_inside": build(
        "x = tf_keras.Input((5,))\n"
        "    hidden = tf_keras.Model(x, Scaled(2.0)(tf_keras.layers.Dense(4)(x)))(hidden)",
        before=layer(),
    ),
    "random_in_training": build("hidden = tf_keras.layers.Dropout(0.5)(hidden)"),
    "attention": build(
        'hidden = Attending(name="mine")(hidden[:, tf.newaxis])[:, 0]',
        before=ATTENTION.format(build=CALLED),
    ),
    "batch_normalised": build("hidden = tf_keras.layers.BatchNormalization()(hidden)"),
}

WRITE = "write: return tf_keras.Model(inputs, ends.prediction(hidden)), with inputs = ends.inputs()"

REFUSED = {
    "misspelt": (
        build().replace("build_model", "biuld_model"),
        "model.build: expected a function of misspelt, received 'build_model'; "
        "did you mean biuld_model?",
    ),
    "nameless": (
        "LIMIT = 3\n",
        "model.build: expected a function of nameless, received 'build_model'; "
        "write: def build_model(ends, settings):",
    ),
    "arguments": (
        "def build_model(numbers):\n    pass\n",
        "arguments.py: build_model: expected a function of (ends, settings), received one of "
        "(numbers); write: def build_model(ends, settings):",
    ),
    "raises": (
        build("hidden = hidden + unknown"),
        "raises.py: build_model: expected a model, received NameError: name 'unknown' is not "
        "defined (raises.py, line 9)",
    ),
    "returns_nothing": (
        build(end="tf_keras.Model(inputs, ends.prediction(hidden))"),
        "returns_nothing.py: build_model: expected a functional tf_keras.Model, received "
        f"NoneType; {WRITE}",
    ),
    "keras_3": (
        "import keras\n\ndef build_model(ends, settings):\n"
        "    x = keras.Input((3,))\n    return keras.Model(x, keras.layers.Dense(1)(x))\n",
        "keras_3.py: build_model: expected a model of tf_keras (Keras 2), received one of Keras 3; "
        "write: import tf_keras as keras",
    ),
    "subclass": (
        build(
            end="return Mine(inputs, ends.prediction(hidden))",
            before="class Mine(tf_keras.Model):\n    pass\n",
        ),
        f"subclass.py: build_model: expected a functional tf_keras.Model, received Mine; {WRITE}",
    ),
    "compiled": (
        build(
            "model = tf_keras.Model(inputs, ends.prediction(hidden))",
            end="model.compile('sgd', 'mse')\n    return model",
        ),
        "compiled.py: build_model: expected a model that is not compiled, for loss, optimizer and "
        "metrics are the config's, received one that is; leave model.compile out",
    ),
    "one_input": (
        build(
            'hidden = inputs["numbers"]',
            end='return tf_keras.Model(inputs["numbers"], ends.prediction(hidden))',
        ),
        "one_input.py: build_model: expected the inputs indices int64 [batch, 2], numbers float32 "
        f"[batch, 3], received numbers float32 [batch, 3]; {WRITE}",
    ),
    "inputs_of_its_own": (
        build(
            'hidden = inputs["numbers"] = tf_keras.Input((4,), name="numbers")',
        ),
        "inputs_of_its_own.py: build_model: expected the inputs indices int64 [batch, 2], numbers "
        "float32 [batch, 3], received indices int64 [batch, 2], numbers float32 [batch, 4]; "
        f"{WRITE}",
    ),
    "wide": (
        build(end="return tf_keras.Model(inputs, hidden)"),
        "wide.py: build_model: expected the output float32 [batch, 1], received float32 "
        f"[batch, 5]; {WRITE}",
    ),
    "double": (
        build(end="return tf_keras.Model(inputs, tf.cast(ends.prediction(hidden), tf.float64))"),
        "double.py: build_model: expected the output float32 [batch, 1], received float64 "
        f"[batch, 1]; {WRITE}",
    ),
    "two_outputs": (
        build(end="return tf_keras.Model(inputs, [ends.prediction(hidden)] * 2)"),
        "two_outputs.py: build_model: expected the output float32 [batch, 1], received float32 "
        f"[batch, 1] and float32 [batch, 1]; {WRITE}",
    ),
    "unregistered": (
        build("hidden = _Scaled(0.5)(hidden)", before=layer(name="_Scaled")),
        "unregistered.py: build_model: _Scaled: expected a registered class or function, which a "
        "reload finds by its name; define it at the top of a module, and write above it: "
        '@tf_keras.utils.register_keras_serializable("mine")',
    ),
    "nested": (
        build(
            "@tf_keras.utils.register_keras_serializable('mine')\n"
            "    class Inner(tf_keras.layers.Layer):\n        pass\n"
            "    hidden = Inner()(hidden)"
        ),
        "nested.py: build_model: mine>Inner: expected a class or function that can be imported, "
        "received nested.build_model.<locals>.Inner; define it at the top of a module",
    ),
    "a_lambda": (
        build('hidden = tf_keras.layers.Lambda(lambda x: 2.0 * x, name="twice")(hidden)'),
        "a_lambda.py: build_model: expected layers whose source travels with the model, received "
        "the Lambda twice; write its operations without it, or a class: "
        "class MyLayer(tf_keras.layers.Layer)",
    ),
    "from_elsewhere": (
        build(
            "hidden = Elsewhere()(hidden)",
            before="from small_layers import Elsewhere\n",
        ),
        "from_elsewhere.py: build_model: Elsewhere: expected an object whose source travels with "
        "the model, received one of small_layers; name its files too: --objects small_layers",
    ),
    "lacking": (
        build("hidden = Scaled(0.5)(hidden)", before=layer("return super().get_config()")),
        "lacking.py: Scaled.get_config: expected every argument of __init__, received none of "
        'factor; write: def get_config(self): return {**super().get_config(), "factor": '
        "self.factor}",
    ),
    "config_lies": (
        build(
            "hidden = Scaled(0.5)(hidden)",
            before=layer('return {**super().get_config(), "factor": 1.0}'),
        ),
        "config_lies.py: build_model: expected the same predictions from the saved and reloaded "
        "model, received others; return in get_config of each layer all that decides what it "
        "computes",
    ),
    "unbuilt": (
        build(
            'hidden = Attending(name="mine")(hidden[:, tf.newaxis])[:, 0]',
            before=ATTENTION.format(build=""),
        ),
        "unbuilt.py: build_model: expected the weights of the saved model in the reloaded one, "
        "received others in mine/inner/query; a layer that holds others has "
        "to build them, by a call: def build(self, shape): self.inner(tf.zeros([1, *shape[1:]]))",
    ),
    "no_json": (
        build(
            "hidden = Scaled(0.5)(hidden)",
            before=layer('return {**super().get_config(), "factor": object()}'),
        ),
        "no_json.py: Scaled.get_config: factor: expected a number, text, list or dict, which JSON "
        "can hold, received object",
    ),
    "noisy": (
        build("hidden = tf_keras.layers.Dropout(0.5)(hidden, training=True)"),
        "noisy.py: build_model: expected the same predictions for the same rows, received others; "
        "leave out what is random, or let it be so in training alone, as tf_keras.layers.Dropout",
    ),
    "fails_in_training": (
        build(
            "hidden = Noise()(hidden)",
            before="class Noise(tf_keras.layers.Layer):\n    def call(self, x, training=False):\n"
            "        return x + unknown if training else x\n",
        ),
        "fails_in_training.py: build_model: expected a model that can be saved and reloaded, "
        "received NameError: name 'unknown' is not defined (fails_in_training.py, line 5)",
    ),
}
