"""User's losses, layers and the like that would break in use: source, and what is said."""

from tiny_objects import derived, loss

BEHAVIOUR = {
    "scalar_loss": (
        loss(call="return self.scale * tf.reduce_mean(tf.abs(y_true - y_pred))"),
        (
            ": MyLoss.call: expected one value per sample, shape (8,) for labels of shape (8, "
            "1), received a scalar; write: return tf.reduce_mean(values, axis=-1)"
        ),
    ),
    "elementwise_loss": (
        loss(call="return self.scale * tf.abs(y_true - y_pred)"),
        (
            ": MyLoss.call: expected one value per sample, shape (8,) for labels of shape (8, "
            "1), received shape (8, 1); write: return tf.reduce_mean(values, axis=-1)"
        ),
    ),
    "scalar_function": (
        (
            "import tensorflow as tf\n"
            "\n"
            "def mine(y_true, y_pred):\n"
            "    return tf.reduce_mean(tf.abs(y_true - y_pred))\n"
        ),
        (
            ": mine: expected one value per sample, shape (8,) for labels of shape (8, 1), "
            "received a scalar; write: return tf.reduce_mean(values, axis=-1)"
        ),
    ),
    "nan_loss": (
        loss(call="return tf.reduce_mean(tf.sqrt(y_true - y_pred), axis=-1)"),
        (
            ": MyLoss.call: expected finite values for labels and predictions between 0 and "
            "1, received nan; keep logarithms, roots and divisions away from 0"
        ),
    ),
    "no_gradient": (
        loss(call="return tf.reduce_mean(tf.cast(y_pred > y_true, tf.float32), axis=-1)"),
        (
            ": MyLoss.call: expected a gradient with respect to y_pred, received None; use "
            "operations that have one: not tf.round, tf.argmax, comparisons or numpy"
        ),
    ),
    "nan_gradient": (
        loss(call="return tf.sqrt(tf.reduce_sum((y_true - y_pred) ** 2, axis=-1))"),
        (
            ": MyLoss.call: expected a finite gradient, also where a prediction is exact, "
            "received nan; add a small number below roots and divisions"
        ),
    ),
    "eager_loss": (
        loss(call="return tf.constant((y_true - y_pred).numpy().mean(axis=-1)) + 0 * y_pred[:, 0]"),
        (
            ": MyLoss.call: expected to run in a graph, as training does, received "
            "AttributeError: 'SymbolicTensor' object has no attribute 'numpy' (eager_loss.py, "
            "line 11); use TensorFlow's operations in place of Python's and numpy's"
        ),
    ),
    "no_call": (
        ("import tf_keras\n\nclass BaseLoss(tf_keras.losses.Loss):\n    pass\n"),
        (
            ": BaseLoss.call: expected a method of this class, received none; write it, or "
            "start the name of a mere base class with an underscore"
        ),
    ),
    "raising_call": (
        loss(call="return tf.reduce_mean(y_true @ y_pred, axis=-1)"),
        (
            ": MyLoss.call: expected a value for shape (8, 1) and (8, 1), received "
            "InvalidArgumentError: Matrix size-incompatible: In[0]: [8,1], In[1]: [8,1] "
            "(raising_call.py, line 11)"
        ),
    ),
    "layer_of_numpy": (
        derived(
            "layers.Layer", ("def call(self, inputs):\n    return inputs * inputs.numpy().mean()")
        ),
        (
            ": Mine.call: expected to run in a graph, as training does, received "
            "AttributeError: 'SymbolicTensor' object has no attribute 'numpy' "
            "(layer_of_numpy.py, line 6); use TensorFlow's operations in place of Python's "
            "and numpy's"
        ),
    ),
    "layer_of_one_row": (
        derived(
            "layers.Layer",
            ("def call(self, inputs):\n    return tf.reduce_mean(inputs, axis=0, keepdims=True)"),
        ),
        (
            ": Mine.call: expected one row for each row of the inputs, 8, received shape (1, "
            "4); keep the first dimension, as axis=-1 does"
        ),
    ),
    "layer_that_raises": (
        derived(
            "layers.Layer", ("def call(self, inputs):\n    raise ValueError('expected words')")
        ),
        (
            ": Mine.call: expected a value for shape (8, 4), received ValueError: expected "
            "words (layer_that_raises.py, line 6)"
        ),
    ),
    "layer_config": (
        derived(
            "layers.Layer",
            (
                "def __init__(self, factor=1.0, **kwargs):\n"
                "    super().__init__(**kwargs)\n"
                "    self.factor = factor\n"
                "def call(self, inputs):\n"
                "    return self.factor * inputs\n"
                "def get_config(self):\n"
                "    return super(Mine, self).get_config() | {'factor': 1.0}"
            ),
        ),
        (
            ": Mine.get_config: expected factor=1.75, as __init__ was told, received 1.0; "
            'write: "factor": self.factor'
        ),
    ),
    "penalty_per_weight": (
        derived(
            "regularizers.Regularizer",
            ("def __call__(self, x):\n    return tf.abs(x)\ndef get_config(self):\n    return {}"),
        ),
        (
            ": Mine.__call__: expected one number for a weight, received shape (4, 3); write: "
            "return tf.reduce_sum(...)"
        ),
    ),
    "penalty_config": (
        derived(
            "regularizers.Regularizer",
            (
                "def __init__(self, factor=0.1):\n"
                "    self.factor = factor\n"
                "def __call__(self, x):\n"
                "    return self.factor * tf.reduce_sum(x)"
            ),
        ),
        (
            ": Mine.get_config: expected every argument of __init__, received a class without "
            'a get_config of its own; write: def get_config(self): return {"factor": '
            "self.factor}"
        ),
    ),
    "initializer_shape": (
        derived(
            "initializers.Initializer",
            (
                "def __call__(self, shape, dtype=None, **kwargs):\n"
                "    return tf.zeros(shape[:1], dtype)"
            ),
        ),
        (
            ": Mine.__call__: expected the shape that was asked for, (4, 3), received (4,); "
            "write: return tf.fill(shape, ...) or the like"
        ),
    ),
    "constraint_shape": (
        derived(
            "constraints.Constraint", "def __call__(self, w):\n    return tf.reduce_sum(w, axis=0)"
        ),
        ": Mine.__call__: expected the shape of its input, (4, 3), received (3,)",
    ),
    "activation_shape": (
        ("import tensorflow as tf\n\ndef mine(x):\n    return tf.reduce_sum(x, axis=-1)\n"),
        ": mine: expected the shape of its input, (4, 3), received (4,)",
    ),
}
