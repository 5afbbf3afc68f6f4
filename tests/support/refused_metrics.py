"""User's metrics that would be wrong over batches or workers: source, and what is said."""

from tiny_objects import metric

METRICS = {
    "mean_of_batches": (
        metric(update="self.total.assign(tf.reduce_mean(error))", result="return self.total"),
        (
            ": MyMetric: expected state that can be added up over workers, so that two parts "
            "give 0.289457 as the whole does, received 0.562749; keep sums and counts in "
            'self.add_weight(..., initializer="zeros") and divide in result()'
        ),
    ),
    "maximum": (
        metric(
            update="self.total.assign(tf.maximum(self.total, tf.reduce_max(error)))",
            result="return self.total",
        ),
        (
            ": MyMetric: expected state that can be added up over workers, so that two parts "
            "give 0.738324 as the whole does, received 1.15793; keep sums and counts in "
            'self.add_weight(..., initializer="zeros") and divide in result()'
        ),
    ),
    "python_state": (
        metric(
            init="self.seen = []",
            update="self.seen.append(error)",
            result="return tf.reduce_mean(tf.concat(self.seen, 0))",
        ),
        (
            ": MyMetric: expected state that can be added up over workers, received a metric "
            'without weights; write: self.total = self.add_weight("total", '
            'initializer="zeros")'
        ),
    ),
    "never_reset": (
        metric(more="\n    def reset_state(self):\n        pass\n"),
        (
            ": MyMetric.reset_state: expected 0, as before the first row, received 0.289457; "
            "write: def reset_state(self): self.total.assign(0.0), and so for each "
            "weight"
        ),
    ),
    "resets_scalars_only": (
        metric(
            init='self.total = self.add_weight("total", (2,), initializer="zeros")',
            update="self.total.assign_add([tf.reduce_sum(weight * error), tf.reduce_sum(weight)])",
            result="return tf.math.divide_no_nan(self.total[0], self.total[1])",
        ),
        (
            ": MyMetric.reset_state: expected to forget every row, received ValueError: Cannot "
            "assign value to variable ' total:0': Shape mismatch.The variable shape (2,), and the "
            "assigned value shape () are incompatible.; write: def reset_state(self): "
            "self.counts.assign(tf.zeros_like(self.counts)), and so for each weight"
        ),
    ),
    "metric_vector": (
        metric(result="return tf.stack([self.total, self.count])"),
        ": MyMetric.result: expected one number, received shape (2,)",
    ),
    "no_weights": (
        metric().replace(", sample_weight=None", "").replace("sample_weight is None", "True"),
        (
            ": MyMetric.update_state: expected to take labels, predictions and weights, each of "
            "shape (8, 1), received TypeError: update_state() takes 3 positional arguments but 4 "
            "were given; write: def update_state(self, y_true, y_pred, sample_weight=None)"
        ),
    ),
    "misread_weights": (
        metric().replace("tf.reshape(sample_weight, [-1])", "sample_weight"),
        (
            ": MyMetric.update_state: expected weights of 1, of shape (8, 1), to change nothing, "
            "received 0.296589 in place of 0.289457; write: sample_weight = "
            "tf.reshape(sample_weight, tf.shape(values))"
        ),
    ),
    "metric_without_name": (
        metric().replace('name="mine", **kwargs', "").replace("name=name, **kwargs", '"mine"'),
        (
            ": MyMetric.from_config: expected an object from what get_config returned, "
            "received TypeError: MyMetric.__init__() got an unexpected keyword argument "
            "'name'; write: def __init__(self, **kwargs): super().__init__(**kwargs)"
        ),
    ),
}
