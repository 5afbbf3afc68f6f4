"""TFMA's metrics by slice, in Beam: only what the config asks for, of all that TFMA computes."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow_model_analysis as tfma
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_model_analysis.proto import config_pb2, metrics_for_slice_pb2
from tfx import types
from tfx.components.util import tfxio_utils
from tfx_bsl.tfxio import tfxio

from huberflow.components.contracts import weights
from huberflow.components.contracts.constant_prediction import ConstantPrediction
from huberflow.components.contracts.evaluation_config import (
    TFMA_ROWS,
    EvaluationConfig,
    GateBound,
    MetricConfig,
)
from huberflow.components.contracts.evaluation_report import BASELINE, CANDIDATE
from huberflow.components.contracts.target import Target, of_label
from huberflow.components.evaluation import batch_metrics, slicing
from huberflow.components.evaluation.batch_metrics import KerasMetric
from huberflow.components.evaluation.labels import (
    ALL_LABELS,
    extractors,
    has_value,
    label_key,
    labelled_rows,
)
from huberflow.components.evaluation.summed_metric import mean_of
from huberflow.custom_objects.catalogue import BUILT_IN, Catalogue
from huberflow.custom_objects.input_error import InputError

BATCH_ROWS = 8192

OF_CONSTANT = "constant:"
"""Begins the keys of the constant prediction's metrics; no key of a config has a colon."""


def eval_config(
    evaluation: EvaluationConfig,
    target: Target,
    weight: str | None = None,
    catalogue: Catalogue = BUILT_IN,
    constant: ConstantPrediction | None = None,
) -> config_pb2.EvalConfig:
    """TFMA's config for these metrics, slices and gate.

    Args:
      evaluation: metrics, slices and gate.
      target: what the models predict.
      weight: raw column of each row's weight in every metric but ``example_count``.
      catalogue: has the metrics that ``evaluation`` names.
      constant: measured beside the models; its metrics have keys of their own, see ``OF_CONSTANT``.
    """
    # The signatures contain the transform, so TFMA needs no Keras model, and cannot misread one.
    model = {
        "model_type": "tf_generic",
        "signature_name": "serving_default",
        "label_key": label_key(target),
        "example_weight_key": weight,
    }
    return config_pb2.EvalConfig(
        model_specs=[
            config_pb2.ModelSpec(name=CANDIDATE, **model),
            config_pb2.ModelSpec(name=BASELINE, is_baseline=True, **model),
        ],
        slicing_specs=[config_pb2.SlicingSpec()]
        + [config_pb2.SlicingSpec(feature_keys=columns) for columns in evaluation.slices],
        metrics_specs=list(_metrics_specs(evaluation, target, catalogue, constant)),
    )


def _metrics_specs(
    evaluation: EvaluationConfig,
    target: Target,
    catalogue: Catalogue,
    constant: ConstantPrediction | None,
) -> Iterator[config_pb2.MetricsSpec]:
    metrics = {metric.key: _described(metric, catalogue) for metric in evaluation.metrics}
    count, ratio = (
        {key: KerasMetric(module=batch_metrics.__name__, name=name, arguments={})}
        for key, name in (("example_count", "ExampleCount"), ("calibration", "Calibration"))
    )
    gate = evaluation.gate
    output_names = [ALL_LABELS] if target.separate_labels else []
    yield config_pb2.MetricsSpec(
        metrics=_with_bounds(count, gate),
        output_names=output_names,
        example_weights=config_pb2.ExampleWeightOptions(unweighted=True),
    )
    whole = {**ratio, **metrics} if "calibration" in target.builtin_metrics else metrics
    values = constant.values if constant else ()
    yield config_pb2.MetricsSpec(metrics=_with_bounds(whole, gate), output_names=output_names)
    yield from _of_constant(whole, values, output_names)
    for place, label in enumerate(target.separate_labels):
        of_one = {**ratio, **metrics}
        yield config_pb2.MetricsSpec(
            metrics=_with_bounds(of_one, gate, label), output_names=[label]
        )
        yield from _of_constant(of_one, values[place : place + 1], [label])


def _described(metric: MetricConfig, catalogue: Catalogue) -> KerasMetric:
    """The metric; of a function, the mean of its values."""
    entry = catalogue.of_kind("metric")[metric.name]
    given = KerasMetric(module=entry.module, name=metric.name, arguments=metric.config)
    return mean_of(given) if entry.is_function else given


def _of_constant(
    metrics: Mapping[str, KerasMetric], values: Sequence[float], output_names: Sequence[str]
) -> Iterator[config_pb2.MetricsSpec]:
    """The metrics of the same prediction for every row; nothing without one."""
    if values:
        yield config_pb2.MetricsSpec(
            metrics=[
                _batch_metric(f"{OF_CONSTANT}{key}", metric, constant=values)
                for key, metric in metrics.items()
            ],
            output_names=output_names,
            model_names=[CANDIDATE],  # no model's predictions count, and so one is enough
        )


def _with_bounds(
    metrics: Mapping[str, KerasMetric], gate: Sequence[GateBound], label: str | None = None
) -> Iterator[config_pb2.MetricConfig]:
    """The metrics, of one label or of all, with the gate's bounds for them."""
    for key, metric in metrics.items():
        name = key if label is None else of_label(key, label)
        config = _batch_metric(key, metric)
        config.per_slice_thresholds.extend(
            _threshold(bound) for bound in gate if bound.metric == name
        )
        yield config


def _batch_metric(key: str, metric: KerasMetric, **arguments: object) -> config_pb2.MetricConfig:
    return config_pb2.MetricConfig(
        class_name=batch_metrics.BatchMetric.__name__,
        module=batch_metrics.__name__,
        config=json.dumps({"name": key, "metric": metric, **arguments}, sort_keys=True),
    )


def metric_name(key: metrics_for_slice_pb2.MetricKey) -> str:
    """The name in the config and the report for a metric of TFMA's result."""
    of_classes = [f"{part.name}_{value.value}" for part, value in key.sub_key.ListFields()]
    averages = [part.name for part, _ in key.aggregation_type.ListFields()]
    name = "_".join([key.name, *of_classes, *averages])
    return name if key.output_name in ("", ALL_LABELS) else of_label(name, key.output_name)


def _threshold(bound: GateBound) -> config_pb2.PerSliceMetricThreshold:
    threshold = config_pb2.MetricThreshold()
    if bound.lower_bound is not None:
        threshold.value_threshold.lower_bound.value = bound.lower_bound
    if bound.upper_bound is not None:
        threshold.value_threshold.upper_bound.value = bound.upper_bound
    if bound.max_increase is not None:
        threshold.change_threshold.direction = config_pb2.MetricDirection.LOWER_IS_BETTER
        threshold.change_threshold.relative.value = bound.max_increase
    if bound.max_decrease is not None:
        threshold.change_threshold.direction = config_pb2.MetricDirection.HIGHER_IS_BETTER
        threshold.change_threshold.relative.value = -bound.max_decrease
    # TFMA takes text, and compares "7" with a column of whole numbers as 7.
    values = {column: str(value) for column, value in (bound.slice or {}).items()}
    spec = config_pb2.SlicingSpec(feature_values=values)
    return config_pb2.PerSliceMetricThreshold(slicing_specs=[spec], threshold=threshold)


def read_eval_rows(
    examples: types.Artifact, schema: schema_pb2.Schema, columns: set[str]
) -> tfxio.TFXIO:
    """The eval rows: these columns, and every serialized row, for the models.

    TFMA splits batches in Python, column by column, so that each column costs time.

    Raises:
      InputError: the data lack a column.
    """
    rows = tfxio_utils.get_split_tfxio(
        [examples],
        "eval",
        telemetry_descriptors=["Evaluator"],
        schema=schema,
        raw_record_column_name=TFMA_ROWS,
    )
    available = rows.TensorRepresentations().keys()
    if absent := columns - available:
        raise InputError(
            "evaluation.slices",
            expected=f"columns of the data ({', '.join(sorted(available))})",
            received=", ".join(sorted(absent)),
        )
    return rows.Project(sorted(columns))


def checked_weights(batch: pa.RecordBatch, weight: str) -> pa.RecordBatch:
    """The same rows with their weights as floats, as the Trainer has them.

    Raises:
      ValueError: a weight cannot be used; Beam adds its step to the message of a ValueError.
    """
    values = np.full(len(batch), np.nan)
    values[has_value(batch[weight]).to_numpy(zero_copy_only=False)] = pc.list_flatten(batch[weight])
    try:
        weights.check_weights(values, weight)
    except InputError as error:
        raise ValueError(str(error)) from error
    lists = pa.ListArray.from_arrays(np.arange(len(batch) + 1), values.astype(np.float32))
    return batch.set_column(batch.schema.get_field_index(weight), weight, lists)


def measure(
    pipeline: beam.Pipeline,
    rows: tfxio.TFXIO,
    models: Mapping[str, str],
    config: config_pb2.EvalConfig,
    target: Target,
    output: Path,
) -> None:
    """Adds to a pipeline the steps that compute and write TFMA's metrics and validations.

    Args:
      pipeline: runs when its ``with`` block ends.
      rows: see ``read_eval_rows``.
      models: path of the SavedModel of each of the config's models, by name.
      config: completed by TFMA's ``update_eval_config_with_defaults``.
      target: what the models predict.
      output: folder for the files that ``tfma.load_metrics`` and similar functions read.
    """
    loaded = [
        tfma.default_eval_shared_model(path, model_name=name, eval_config=config)
        for name, path in models.items()
    ]
    shared = loaded if len(loaded) > 1 else loaded[0]  # TFMA takes a single model without a list
    weight = config.model_specs[0].example_weight_key
    # Batches of one size give the same sums, to the last bit, in every run.
    batches = (
        pipeline
        | "Read" >> rows.BeamSource(BATCH_ROWS)
        | "Labelled" >> beam.Map(labelled_rows, target).with_output_types(pa.RecordBatch)
    )
    if weight:
        batches |= "Weighed" >> beam.Map(checked_weights, weight).with_output_types(pa.RecordBatch)
    _ = batches | "Measure" >> tfma.ExtractEvaluateAndWriteResults(
        eval_shared_model=shared,
        eval_config=config,
        extractors=[
            tfma.extractors.FeaturesExtractor(config, rows.TensorRepresentations()),
            tfma.extractors.LabelsExtractor(config),
            tfma.extractors.ExampleWeightsExtractor(config),
            tfma.extractors.PredictionsExtractor(config, shared),
            *extractors(target),
            slicing.extractor(config),
        ],
        # Not TFMA's default writers, which also write empty files of plots and attributions.
        writers=[
            tfma.writers.EvalConfigWriter(str(output), config, model_locations=dict(models)),
            tfma.writers.MetricsPlotsAndValidationsWriter(
                {kind: str(output / kind) for kind in (tfma.METRICS_KEY, tfma.VALIDATIONS_KEY)},
                config,
                output_file_format="tfrecord",
            ),
        ],
        output_path=str(output),
    )
