"""The objects of a user's own in ``model_matrix``: they travel with the models."""

import tensorflow as tf
import tf_keras


def swish_of(x):
    return x * tf.sigmoid(1.5 * x)


def unit_sum(kernel):
    """A constraint."""
    return kernel / (tf.reduce_sum(tf.abs(kernel)) + 1.0)


def asymmetric_loss(y_true, y_pred):
    error = y_pred - y_true
    return tf.reduce_mean(tf.maximum(2 * error, -error), axis=-1)


def rounded_error(y_true, y_pred):
    """A metric."""
    return tf.reduce_mean(tf.round(tf.abs(y_true - y_pred)), axis=-1)


class LargestError(tf_keras.metrics.Metric):
    """The largest error so far."""

    def __init__(self, scale=1.0, name="largest_error", **kwargs):
        super().__init__(name=name, **kwargs)
        self.scale = scale
        self.largest = self.add_weight("largest", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        largest = tf.reduce_max(tf.abs(y_true - y_pred)) * self.scale
        self.largest.assign(tf.maximum(self.largest, largest))

    def result(self):
        return self.largest

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}


class RunningMean(tf_keras.layers.Layer):
    """Takes the mean of all batches so far off."""

    def __init__(self, momentum, **kwargs):
        super().__init__(**kwargs)
        self.momentum = momentum

    def build(self, shape):
        self.mean = self.add_weight("mean", shape[1:], initializer="zeros", trainable=False)
        self.batches = self.add_weight("n", (), tf.int64, initializer="zeros", trainable=False)

    def call(self, inputs, training=False):
        if training:
            mean = tf.reduce_mean(inputs, axis=0)
            self.mean.assign(self.momentum * self.mean + (1 - self.momentum) * mean)
            self.batches.assign_add(1)
        return inputs - self.mean

    def get_config(self):
        return {**super().get_config(), "momentum": self.momentum}


class Experts(tf_keras.layers.Layer):
    """A mixture of small networks, weighed by a gate."""

    def __init__(self, experts, units, **kwargs):
        super().__init__(**kwargs)
        self.experts, self.units = experts, units
        self.networks = [tf_keras.layers.Dense(units, "relu") for _ in range(experts)]
        self.gate = tf_keras.layers.Dense(experts, "softmax")

    def call(self, inputs):
        answers = tf.stack([network(inputs) for network in self.networks], axis=1)
        shares = self.gate(inputs)
        self.add_loss(0.01 * tf.reduce_sum(tf.square(tf.reduce_mean(shares, axis=0))))
        return tf.einsum("be,beu->bu", shares, answers)

    def get_config(self):
        return {**super().get_config(), "experts": self.experts, "units": self.units}


class MinimalCell(tf_keras.layers.Layer):
    """A recurrent cell."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = self.state_size = self.output_size = units
        self.mix = tf_keras.layers.Dense(units, "tanh")

    def call(self, inputs, states):
        mixed = self.mix(tf.concat([inputs, states[0]], axis=1))
        return mixed, [mixed]

    def get_config(self):
        return {**super().get_config(), "units": self.units}


class Tower(tf_keras.Model):
    """Dense layers, as many as its config says."""

    def __init__(self, units, depth, **kwargs):
        super().__init__(**kwargs)
        self.units, self.depth = units, depth
        self.hidden = [tf_keras.layers.Dense(units, "relu") for _ in range(depth)]
        self.normalize = tf_keras.layers.BatchNormalization()
        self.out = tf_keras.layers.Dense(1)

    def call(self, inputs, training=False):
        for layer in self.hidden:
            inputs = layer(inputs)
        return self.out(self.normalize(inputs, training=training))

    def get_config(self):
        return {**super().get_config(), "units": self.units, "depth": self.depth}


class Halved(tf_keras.Model):
    """Takes two inputs by name."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.parts = {name: tf_keras.layers.Dense(units) for name in ("a", "b")}
        self.out = tf_keras.layers.Dense(1)

    def call(self, inputs):
        return self.out(self.parts["a"](inputs["a"]) * self.parts["b"](inputs["b"]))

    def get_config(self):
        return {**super().get_config(), "units": self.units}


class Tied(tf_keras.Model):
    """A model of words, whose output layer is its embedding, transposed."""

    def __init__(self, words, width, **kwargs):
        super().__init__(**kwargs)
        self.words, self.width = words, width
        self.embedding = tf_keras.layers.Embedding(words, width)
        self.mix = tf_keras.layers.Dense(width, "tanh")

    def call(self, inputs):
        mixed = self.mix(self.embedding(inputs))
        return tf.matmul(mixed, self.embedding.embeddings, transpose_b=True)

    def get_config(self):
        return {**super().get_config(), "words": self.words, "width": self.width}


class Clipped(tf_keras.Model):
    """Trains with gradients between -0.1 and 0.1."""

    def train_step(self, data):
        x, y, sample_weight = tf_keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(x, y, y_pred, sample_weight)
        gradients = tape.gradient(loss, self.trainable_variables)
        clipped = [tf.clip_by_value(each, -0.1, 0.1) for each in gradients]
        self.optimizer.apply_gradients(zip(clipped, self.trainable_variables, strict=True))
        return self.compute_metrics(x, y, y_pred, sample_weight)


class EncoderBlock(tf_keras.layers.Layer):
    """A transformer's, as tutorials write it; its attention makes its weights when it is called."""

    def __init__(self, width, heads, **kwargs):
        super().__init__(**kwargs)
        self.width, self.heads = width, heads
        self.attention = tf_keras.layers.MultiHeadAttention(heads, width // heads)
        self.normalize = [tf_keras.layers.LayerNormalization() for _ in range(2)]
        self.mix = tf_keras.Sequential(
            [tf_keras.layers.Dense(2 * width, "relu"), tf_keras.layers.Dense(width)]
        )

    def call(self, inputs, mask=None):
        seen = None if mask is None else mask[:, tf.newaxis, :]
        attended = self.attention(inputs, inputs, attention_mask=seen)
        attended = self.normalize[0](inputs + attended)
        return self.normalize[1](attended + self.mix(attended))

    def get_config(self):
        return {**super().get_config(), "width": self.width, "heads": self.heads}


class Reconstructing(tf_keras.Model):
    """An autoencoder that is trained and judged by its own steps, without labels."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.encoder = tf_keras.layers.Dense(units, "tanh")
        self.decoder = tf_keras.layers.Dense(4)
        self.mean = tf_keras.metrics.Mean(name="mean_loss")

    @property
    def metrics(self):
        return [self.mean]

    def call(self, inputs):
        return self.decoder(self.encoder(inputs))

    def loss_of(self, inputs):
        return tf.reduce_mean(tf.square(self(inputs, training=True) - inputs))

    def train_step(self, data):
        inputs, *_ = tf_keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            loss = self.loss_of(inputs)
        self.optimizer.minimize(loss, self.trainable_variables, tape=tape)
        self.mean.update_state(loss)
        return {"loss": self.mean.result()}

    def test_step(self, data):
        inputs, *_ = tf_keras.utils.unpack_x_y_sample_weight(data)
        self.mean.update_state(self.loss_of(inputs))
        return {"loss": self.mean.result()}

    def get_config(self):
        return {**super().get_config(), "units": self.units}


class Adversarial(tf_keras.Model):
    """Two networks, each with an optimizer of its own."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.generator = tf_keras.Sequential([tf_keras.layers.Dense(4)])
        self.critic = tf_keras.layers.Dense(1)

    def compile(self, generating, judging):
        super().compile(generating)
        self.judging = judging

    def call(self, inputs):
        return self.generator(inputs)

    def train_step(self, data):
        inputs, real, _ = tf_keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape(persistent=True) as tape:
            made = self.critic(self.generator(inputs))
            judged = tf.nn.softplus(made) + tf.nn.softplus(-self.critic(real))
            loss = tf.nn.softplus(-made)
        self.optimizer.minimize(loss, self.generator.trainable_variables, tape=tape)
        self.judging.minimize(judged, self.critic.trainable_variables, tape=tape)
        return {"loss": tf.reduce_mean(loss)}

    def get_config(self):
        return {}


class Encoder(tf_keras.Model):
    """A transformer of a class of its own: Keras does not call it when it is loaded."""

    def __init__(self, words, width, **kwargs):
        super().__init__(**kwargs)
        self.words, self.width = words, width
        self.embedding = tf_keras.layers.Embedding(words, width)
        self.blocks = [EncoderBlock(width, 2) for _ in range(2)]
        self.out = tf_keras.layers.Dense(1)

    def call(self, inputs):
        seen = self.embedding(inputs)
        for block in self.blocks:
            seen = block(seen)
        return self.out(tf.reduce_mean(seen, axis=1))

    def get_config(self):
        return {**super().get_config(), "words": self.words, "width": self.width}
