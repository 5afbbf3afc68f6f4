"""The source of a user's modules with one object each, good unless a part is replaced."""

LOSS = """
import tensorflow as tf
import tf_keras

class {name}(tf_keras.losses.Loss):
    def __init__(self, {arguments}, **kwargs):
        super().__init__(**kwargs)
        {init}

    def call(self, y_true, y_pred):
        {call}

    def get_config(self):
        {config}
"""


def loss(
    name="MyLoss",
    arguments="scale=0.5",
    init="self.scale = scale",
    call="return self.scale * tf.reduce_mean(tf.abs(y_true - y_pred), axis=-1)",
    config='return {**super().get_config(), "scale": self.scale}',
    more="",
):
    return LOSS.format(name=name, arguments=arguments, init=init, call=call, config=config) + more


OPTIMIZER = """
import tensorflow as tf
import tf_keras

class MyOptimizer(tf_keras.optimizers.Optimizer):
    def __init__(self, learning_rate=0.1, name="MyOptimizer", **kwargs):
        super().__init__(name=name, **kwargs)
        self._learning_rate = self._build_learning_rate(learning_rate)
        {init}

    def build(self, variables):
        super().build(variables)

    def update_step(self, gradient, variable):
        {update}

    def get_config(self):
        rate = self._serialize_hyperparameter(self._learning_rate)
        return {{**super().get_config(), "learning_rate": rate}}
"""


def optimizer(init="pass", update="variable.assign_sub(self.learning_rate * gradient)"):
    return OPTIMIZER.format(init=init, update=update)


SCHEDULE = """
import tensorflow as tf
import tf_keras

class MySchedule(tf_keras.optimizers.schedules.LearningRateSchedule):
    def __init__(self, peak=0.1):
        self.peak = peak

    def __call__(self, step):
        {call}

    def get_config(self):
        return {{"peak": self.peak}}
"""


def schedule(call):
    return SCHEDULE.format(call=call)


_SUM_AND_COUNT = """self.total = self.add_weight("total", initializer="zeros")
        self.count = self.add_weight("count", initializer="zeros")"""
_ADD = """self.total.assign_add(tf.reduce_sum(weight * error))
        self.count.assign_add(tf.reduce_sum(weight))"""

METRIC = """
import tensorflow as tf
import tf_keras

class MyMetric(tf_keras.metrics.Metric):
    def __init__(self, name="mine", **kwargs):
        super().__init__(name=name, **kwargs)
        {init}

    def update_state(self, y_true, y_pred, sample_weight=None):
        error = tf.reduce_mean(tf.abs(y_true - y_pred), axis=-1)
        weight = 1.0 if sample_weight is None else tf.reshape(sample_weight, [-1])
        weight *= tf.ones_like(error)
        {update}

    def result(self):
        {result}
"""


def metric(
    init=_SUM_AND_COUNT,
    update=_ADD,
    result="return tf.math.divide_no_nan(self.total, self.count)",
    more="",
):
    return METRIC.format(init=init, update=update, result=result) + more
