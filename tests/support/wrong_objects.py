"""User-defined objects that would fail or be wrong later, and what is reported of each."""

from typing import NamedTuple

from user_object_sources import derived, loss, metric

REGISTERED = "@tf_keras.utils.register_keras_serializable"
REGISTER = "from huberflow.custom_objects.registry import register\n\n@register"
NOTHING = "def helper(a, b):\n    return a\n"
FROM_CONFIG = "\n    @classmethod\n    def from_config(cls, config):\n        return cls()\n"
NO_KWARGS = loss(arguments="scale=0.5").replace(", **kwargs", "").replace("**kwargs", "")
ABSOLUTE = "tf.abs(y_true - y_pred)"


class Wrong(NamedTuple):
    """A module's source, and parts of its error; the key follows the module's name."""

    source: str
    key: str
    expected: str
    received: str


MODULES = {
    "takes_over": Wrong(
        loss("Sneaky").replace("\nclass", f'\n{REGISTERED}("custom_objects", "HuberLoss")\nclass'),
        ".py",
        "a new name in Keras's registry",
        "custom_objects>HuberLoss, which huberflow has",
    ),
    "registers_again": Wrong(
        loss("HuberLoss").replace("\nclass", f"\n{REGISTER}\nclass"),
        ".py",
        "can be imported",
        "(registers_again.py, line 7)",
    ),
    "keras_3": Wrong(
        loss().replace("import tf_keras", "import keras").replace("tf_keras.", "keras."),
        ".py: MyLoss",
        "Keras 2",
        "Keras 3",
    ),
    "not_installed": Wrong(
        "import math\nimport scipyx\n", ".py", "installed", "'scipyx' (not_installed.py, line 2)"
    ),
    "raises": Wrong(
        "import math\nLIMIT = math.sqrt(-1)\n",
        ".py",
        "a fresh process",
        "ValueError: math domain error (raises.py, line 2)",
    ),
    "exits": Wrong(
        "import sys\nsys.exit('a script')\n", ".py", "can be imported", "SystemExit: a script"
    ),
    "defines_nothing": Wrong(NOTHING, ".py", "a class derived from tf_keras's Loss", "none"),
    "hides_it": Wrong(f"__all__ = ['helper']\n{NOTHING}\n{loss()}", ".py", "a class", "none"),
    "wrong_all": Wrong("__all__ = ['MyLos']\n", ".py", "can be imported", "'MyLos'"),
    "built_in_name": Wrong(
        loss("HuberLoss"), ".py: HuberLoss", "a new name", "huberflow.custom_objects.losses has"
    ),
    "keras_name": Wrong(loss("LogCosh"), ".py: LogCosh", "a new name", "tf_keras.losses has"),
    "second": Wrong(loss("Twin"), ".py: Twin", "a new name", "first.py has"),
}

CONFIGS = {
    "no_get_config": Wrong(
        loss().rpartition("    def get_config")[0],
        ".py: MyLoss.get_config",
        "every argument",
        "none of scale",
    ),
    "config_changes": Wrong(
        loss(config='return {**super().get_config(), "scale": 0.5}'),
        ".py: MyLoss.get_config",
        "scale=0.38",
        "0.5",
    ),
    "config_flips": Wrong(
        loss(
            arguments="half=False",
            init="self.half = half",
            call=f"return tf.reduce_mean({ABSOLUTE}, axis=-1)",
            config='return {**super().get_config(), "half": False}',
        ),
        ".py: MyLoss.get_config",
        "half=True",
        "False",
    ),
    "config_no_json": Wrong(
        loss(
            arguments="scale=0.5, unit=None",
            init="self.scale = scale; self.unit = object()",
            config='return {**super().get_config(), "scale": self.scale, "unit": self.unit}',
        ),
        ".py: MyLoss.get_config: unit",
        "JSON",
        "object",
    ),
    "config_raises": Wrong(
        loss(config="return {'scale': self.factor}"),
        ".py: MyLoss.get_config",
        "a dict",
        "no attribute 'factor' (config_raises.py, line 14)",
    ),
    "no_name": Wrong(NO_KWARGS, ".py: MyLoss.from_config", "an object", "argument 'reduction'"),
    "from_config_other": Wrong(
        loss(more=FROM_CONFIG), ".py: MyLoss.from_config", "scale=0.38", "scale=0.5"
    ),
    "no_default": Wrong(
        loss(arguments="scale"), ".py: MyLoss", "built without arguments", "argument: 'scale'"
    ),
}

METRICS = {
    "mean_of_batches": Wrong(
        metric(update="self.total.assign(tf.reduce_mean(error))", result="return self.total"),
        ".py: MyMetric",
        "0.289457, from two parts of the rows",
        "0.562749",
    ),
    "python_state": Wrong(
        metric(
            init="self.seen = []",
            update="self.seen.append(error)",
            result="return tf.reduce_mean(tf.concat(self.seen, 0))",
        ),
        ".py: MyMetric",
        "added up over workers",
        "without weights",
    ),
    "never_reset": Wrong(
        metric(more="\n    def reset_state(self):\n        pass\n"),
        ".py: MyMetric.reset_state",
        "0, as before the first row",
        "0.289457",
    ),
    "resets_scalars_only": Wrong(
        metric(
            init='self.total = self.add_weight("total", (2,), initializer="zeros")',
            update="self.total.assign_add([tf.reduce_sum(weight * error), tf.reduce_sum(weight)])",
            result="return tf.math.divide_no_nan(self.total[0], self.total[1])",
        ),
        ".py: MyMetric.reset_state",
        "as before the first row",
        "Shape mismatch",
    ),
    "vector": Wrong(
        metric(result="return tf.stack([self.total, self.count])"),
        ".py: MyMetric.result",
        "one number",
        "shape (2,)",
    ),
    "no_weights": Wrong(
        metric().replace(", sample_weight=None", "").replace("sample_weight is None", "True"),
        ".py: MyMetric",
        "small data",
        "takes 3 positional arguments but 4",
    ),
    "misread_weights": Wrong(
        metric().replace("tf.reshape(sample_weight, [-1])", "sample_weight"),
        ".py: MyMetric",
        "0.289457, from weights of 1",
        "0.296589",
    ),
}

BEHAVIOUR = {
    "scalar_loss": Wrong(
        loss(call=f"return self.scale * tf.reduce_mean({ABSOLUTE})"),
        ".py: MyLoss.call",
        "one value per sample, shape (8,) for labels of shape (8, 1)",
        "a scalar",
    ),
    "scalar_function": Wrong(
        "import tensorflow as tf\n\ndef mine(y_true, y_pred):\n"
        f"    return tf.reduce_mean({ABSOLUTE})\n",
        ".py: mine",
        "one value per sample",
        "a scalar",
    ),
    "elementwise_loss": Wrong(
        loss(call=f"return self.scale * {ABSOLUTE}"), ".py: MyLoss.call", "one value", "(8, 1)"
    ),
    "nan_loss": Wrong(
        loss(call="return tf.reduce_mean(tf.sqrt(y_true - y_pred), axis=-1)"),
        ".py: MyLoss.call",
        "finite values",
        "nan",
    ),
    "no_gradient": Wrong(
        loss(call="return tf.reduce_mean(tf.cast(y_pred > y_true, tf.float32), axis=-1)"),
        ".py: MyLoss.call",
        "a finite gradient",
        "none",
    ),
    "nan_gradient": Wrong(
        loss(call="return tf.sqrt(tf.reduce_sum((y_true - y_pred) ** 2, axis=-1))"),
        ".py: MyLoss.call",
        "a finite gradient",
        "nan",
    ),
    "eager_loss": Wrong(
        loss(call="return tf.constant((y_true - y_pred).numpy().mean(axis=-1)) + 0 * y_pred[:, 0]"),
        ".py: MyLoss",
        "in a graph too",
        "no attribute 'numpy' (eager_loss.py, line 11)",
    ),
    "raising_call": Wrong(
        loss(call="return tf.reduce_mean(y_true @ y_pred, axis=-1)"),
        ".py: MyLoss",
        "small data",
        "Matrix size-incompatible: In[0]: [8,1], In[1]: [8,1] (raising_call.py, line 11)",
    ),
    "layer_of_one_row": Wrong(
        derived(
            "layers.Layer",
            "def call(self, inputs):\n    return tf.reduce_mean(inputs, axis=0, keepdims=True)",
        ),
        ".py: Mine.call",
        "one row for each row of the inputs, 8",
        "(1, 4)",
    ),
    "layer_that_raises": Wrong(
        derived("layers.Layer", "def call(self, inputs):\n    raise ValueError('expected words')"),
        ".py: Mine",
        "small data",
        "ValueError: expected words (layer_that_raises.py, line 6)",
    ),
    "penalty_per_weight": Wrong(
        derived(
            "regularizers.Regularizer",
            "def __call__(self, x):\n    return tf.abs(x)\ndef get_config(self):\n    return {}",
        ),
        ".py: Mine",
        "shape ()",
        "shape (4, 3)",
    ),
    "activation_shape": Wrong(
        "import tensorflow as tf\n\ndef mine(x):\n    return tf.reduce_sum(x, axis=-1)\n",
        ".py: mine",
        "shape (4, 3)",
        "shape (4,)",
    ),
}

WRONG = {**MODULES, **CONFIGS, **METRICS, **BEHAVIOUR}
