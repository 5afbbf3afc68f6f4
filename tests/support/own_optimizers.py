"""Optimizers and a schedule of a user's own: two that a bundle carries, and some that it cannot."""

import tensorflow as tf
import tf_keras


class Warmup(tf_keras.optimizers.schedules.LearningRateSchedule):
    """Rises to ``peak`` in some steps, and stays there."""

    def __init__(self, peak=0.05, steps=4):
        self.peak = peak
        self.steps = steps

    def __call__(self, step):
        return self.peak * tf.minimum(1.0, (tf.cast(step, tf.float32) + 1.0) / self.steps)

    def get_config(self):
        return {"peak": self.peak, "steps": self.steps}


class Fading(tf_keras.optimizers.Optimizer):
    """Momentum that fades; a variable that Keras does not list says how far."""

    def __init__(self, learning_rate=0.05, keep=0.5, name="Fading", **kwargs):
        super().__init__(name=name, **kwargs)
        self._learning_rate = self._build_learning_rate(learning_rate)
        self.keep = keep

    def build(self, variables):
        super().build(variables)
        if getattr(self, "_built", False):
            return
        self.pasts = [self.add_variable_from_reference(each, "past") for each in variables]
        self.strength = tf.Variable(1.0, trainable=False)
        self.count = len(variables)
        self._built = True

    def update_step(self, gradient, variable):
        past = self.pasts[self._index_dict[self._var_key(variable)]]
        past.assign(self.keep * past + gradient)
        self.strength.assign(0.99 * self.strength)
        rate = tf.cast(self.learning_rate, variable.dtype)
        variable.assign_sub(rate * self.strength * past)

    def get_config(self):
        rate = self._serialize_hyperparameter(self._learning_rate)
        return {**super().get_config(), "learning_rate": rate, "keep": self.keep}


class Counting(Fading):
    """Counts its steps in Python, where no graph and no bundle sees it."""

    def __init__(self, learning_rate=0.05, keep=0.5, name="Counting", **kwargs):
        super().__init__(learning_rate, keep, name, **kwargs)
        self.steps = 0

    def update_step(self, gradient, variable):
        self.steps += 1
        super().update_step(gradient / self.steps, variable)


class Forgetful(Fading):
    """Its config does not say how much it keeps."""

    def get_config(self):
        config = super().get_config()
        del config["keep"]
        return config


class Adam(Fading):
    """Has the name of an optimizer of Keras."""
