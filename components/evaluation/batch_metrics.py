"""Metrics that take a batch of rows at a time; TFMA's own take each row by itself, in Python."""

from collections.abc import Iterable, Sequence

import apache_beam as beam
import numpy as np
import tensorflow as tf
import tensorflow_model_analysis as tfma
import tf_keras
from tensorflow_model_analysis.metrics import metric_types, metric_util
from tensorflow_model_analysis.proto import config_pb2

from huberflow.components.evaluation.summed_metric import KerasMetric, SummedMetric

State = tuple[np.ndarray, np.ndarray]
"""The weights of a ``SummedMetric`` that are not 0: their places, and the weights.

An AUC has tens of thousands of counts for every slice; most slices have rows for few of them.
"""


class BatchMetric(tfma.metrics.Metric):
    """A ``SummedMetric`` of rows that come in batches, not one by one as TFMA's own do.

    Args:
      name: its key.
      metric: the tf_keras metric.
      constant: what is predicted for every row, in place of the model's predictions.
    """

    def __init__(
        self, name: str, metric: KerasMetric, constant: Sequence[float] | None = None
    ) -> None:
        super().__init__(
            metric_util.merge_per_key_computations(_computations),
            name=name,
            metric=metric,
            constant=constant,
        )


def _computations(
    name: str,
    metric: KerasMetric,
    constant: Sequence[float] | None = None,
    eval_config: config_pb2.EvalConfig | None = None,
    model_name: str = "",
    output_name: str = "",
    example_weighted: bool = False,
) -> list[metric_types.MetricComputation]:
    key = metric_types.MetricKey(
        name, model_name, output_name=output_name, example_weighted=example_weighted
    )
    combiner = _StateSum(key, metric, constant, eval_config)
    return [metric_types.MetricComputation(keys=[key], preprocessors=None, combiner=combiner)]


class _StateSum(beam.CombineFn):
    def __init__(
        self,
        key: metric_types.MetricKey,
        metric: KerasMetric,
        constant: Sequence[float] | None,
        eval_config: config_pb2.EvalConfig | None,
    ) -> None:
        self._key, self._description, self._eval_config = key, metric, eval_config
        self._constant = constant

    def setup(self) -> None:
        self._metric = SummedMetric(self._key.name, self._description)

    def create_accumulator(self) -> State:
        return np.zeros(0, np.int32), np.zeros(0)

    def add_input(self, state: State, rows: metric_types.StandardMetricInputs) -> State:
        ((labels, predictions, weights),) = metric_util.to_label_prediction_example_weight(
            rows,
            eval_config=self._eval_config,
            model_name=self._key.model_name,
            output_name=self._key.output_name,
            example_weighted=self._key.example_weighted,
            flatten=False,
            squeeze=False,
        )
        self._metric.reset_state()
        # To Keras, the last axis has the outputs of a row.
        predictions = predictions.reshape(len(predictions), -1)
        if self._constant is not None:
            predictions = np.broadcast_to(np.asarray(self._constant, np.float32), predictions.shape)
        self._metric.update_state(
            labels.reshape(len(labels), -1),
            predictions,
            weights if self._key.example_weighted else None,
        )
        (weights,) = self._metric.get_weights()
        places = np.flatnonzero(weights).astype(np.int32)
        return self.merge_accumulators([state, (places, weights[places])])

    def merge_accumulators(self, states: Iterable[State]) -> State:
        places, values = map(np.concatenate, zip(*states, strict=True))
        merged, origin = np.unique(places, return_inverse=True)
        return merged, np.bincount(origin, values, len(merged))

    def extract_output(self, state: State) -> dict[metric_types.MetricKey, float]:
        (weights,) = self._metric.get_weights()
        self._metric.set_weights([np.bincount(*state, len(weights))])
        return {self._key: float(self._metric.result())}


class ExampleCount(tf_keras.metrics.Sum):
    """The number of rows; with weights, their sum."""

    def __init__(self, name: str = "example_count") -> None:
        super().__init__(name=name, dtype=tf.float64)

    def update_state(
        self, y_true: np.ndarray, y_pred: np.ndarray, sample_weight: np.ndarray | None = None
    ) -> None:
        """Counts the rows, or adds up their weights."""
        super().update_state(_weights(y_true, sample_weight))


class Calibration(tf_keras.metrics.Metric):
    """Σ prediction / Σ label; NaN where the labels add up to 0."""

    def __init__(self, name: str = "calibration") -> None:
        super().__init__(name=name, dtype=tf.float64)
        self._labels = self.add_weight("labels", initializer="zeros")
        self._predictions = self.add_weight("predictions", initializer="zeros")

    def update_state(
        self, y_true: np.ndarray, y_pred: np.ndarray, sample_weight: np.ndarray | None = None
    ) -> None:
        """Adds ``[rows, 1]`` labels and predictions, times their weights."""
        weights = _weights(y_true, sample_weight)
        self._labels.assign_add(np.sum(y_true * weights, dtype=np.float64))
        self._predictions.assign_add(np.sum(y_pred * weights, dtype=np.float64))

    def result(self) -> tf.Tensor:
        """The ratio."""
        return tf.where(self._labels == 0, np.nan, self._predictions / self._labels)


def _weights(rows: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    return np.ones((len(rows), 1)) if weights is None else weights.reshape(-1, 1)
