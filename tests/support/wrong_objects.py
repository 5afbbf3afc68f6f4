"""User-defined objects that would fail or be wrong later, and what is reported of each."""

from typing import NamedTuple

from user_object_sources import loss, metric, optimizer, schedule

REGISTERED = "@tf_keras.utils.register_keras_serializable"
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
    "defines_nothing": Wrong(NOTHING, ".py", "a class derived from tf_keras's Loss", "none"),
    "built_in_name": Wrong(
        loss("HuberLoss"), ".py: HuberLoss", "a new name", "huberflow.custom_objects.losses has"
    ),
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
    "config_no_json": Wrong(
        loss(
            arguments="scale=0.5, unit=None",
            init="self.scale = scale; self.unit = object()",
            config='return {**super().get_config(), "scale": self.scale, "unit": self.unit}',
        ),
        ".py: MyLoss.get_config",
        "JSON",
        "object",
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
        "0.289457, from states of two halves",
        "0.562749",
    ),
    "python_state": Wrong(
        metric(
            init="self.seen = []",
            update="self.seen.append(error)",
            result="return tf.reduce_mean(tf.concat(self.seen, 0))",
        ),
        ".py: MyMetric",
        "added up",
        "without state",
    ),
    "never_reset": Wrong(
        metric(more="\n    def reset_state(self):\n        pass\n"),
        ".py: MyMetric.reset_state",
        "0, as before the first row",
        "0.289457",
    ),
    "vector": Wrong(
        metric(result="return tf.stack([self.total, self.count])"),
        ".py: MyMetric.result",
        "one number",
        "shape (2,)",
    ),
    "misread_weights": Wrong(
        metric().replace("tf.reshape(sample_weight, [-1])", "sample_weight"),
        ".py: MyMetric",
        "0.289457, from states of two halves",
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
}

OPTIMIZERS = {
    "python_counter": Wrong(
        optimizer(
            init="self.steps = 0",
            update="self.steps += 1\n        variable.assign_sub(gradient / self.steps)",
        ),
        ".py: MyOptimizer",
        "what changes in variables",
        "MyOptimizer.steps=",
    ),
    "learns_nothing": Wrong(
        optimizer(update="variable.assign_sub(0.0 * gradient)"),
        ".py: MyOptimizer.update_step",
        "other weights after a step",
        "the same",
    ),
    "vector_rate": Wrong(
        schedule("return self.peak / tf.range(1.0, 3.0)"),
        ".py: MySchedule.__call__",
        "one finite number for each step",
        "for step 0",
    ),
    "whole_step": Wrong(
        schedule("return self.peak / (step + 1)"),
        ".py: MySchedule",
        "in a graph too",
        "",
    ),
    "keras_3_optimizer": Wrong(
        optimizer().replace("import tf_keras", "import keras").replace("tf_keras.", "keras."),
        ".py: MyOptimizer",
        "Keras 2",
        "Keras 3",
    ),
}

WRONG = {**MODULES, **CONFIGS, **METRICS, **BEHAVIOUR, **OPTIMIZERS}
