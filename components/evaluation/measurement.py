"""TFMA's metrics by slice, in Beam: of TFMA's usual way, what the config asks for and no more."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2
from tfx import types
from tfx.components.util import tfxio_utils
from tfx_bsl.tfxio import tfxio

from huberflow.components.contracts import weights
from huberflow.components.contracts.target import Target, of_label
from huberflow.components.evaluation import batch_metrics, slicing
from huberflow.components.evaluation.labels import (
    TOGETHER,
    extractors,
    is_there,
    label_key,
    labelled,
)
from huberflow.custom_objects.catalogue import BUILT_IN, Catalogue

CANDIDATE, BASELINE = "candidate", "baseline"
BATCH_ROWS = 8192


def eval_config(
    evaluation: Mapping[str, Any],
    target: Target,
    weight: str | None = None,
    catalogue: Catalogue = BUILT_IN,
) -> config_pb2.EvalConfig:
    """TFMA's config for our metrics, slices and gate.

    Args:
      evaluation: ``metrics`` (name, config, key), ``slices`` (lists of columns) and ``gate``
        (metric, slice, lower_bound, upper_bound, max_increase, max_decrease), plain JSON.
      target: what the models predict.
      weight: raw column of how much a row counts in every metric but ``example_count``.
      catalogue: has the metrics that ``evaluation`` names.
    """
    # The signatures hold the transform, so TFMA needs no Keras model, and cannot misread one.
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
        + [config_pb2.SlicingSpec(feature_keys=columns) for columns in evaluation["slices"]],
        metrics_specs=list(_metrics_specs(evaluation, target, catalogue)),
    )


def _metrics_specs(
    evaluation: Mapping[str, Any], target: Target, catalogue: Catalogue
) -> Iterator[config_pb2.MetricsSpec]:
    metrics = [_of_config(metric, catalogue) for metric in evaluation["metrics"]]
    calibration, gate = _ours("calibration", "Calibration"), evaluation["gate"]
    together = [TOGETHER] if target.parts else []
    yield config_pb2.MetricsSpec(
        metrics=_gated([_ours("example_count", "ExampleCount")], gate),
        output_names=together,
        example_weights=config_pb2.ExampleWeightOptions(unweighted=True),
    )
    if "calibration" in target.always:
        metrics = [calibration, *metrics]
    yield config_pb2.MetricsSpec(metrics=_gated(metrics, gate), output_names=together)
    for label in target.parts:
        yield config_pb2.MetricsSpec(
            metrics=_gated([calibration, *metrics], gate, label), output_names=[label]
        )


def _gated(
    metrics: Iterable[config_pb2.MetricConfig],
    gate: Iterable[Mapping[str, Any]],
    label: str | None = None,
) -> Iterator[config_pb2.MetricConfig]:
    """The metrics, of one label or of all, with their bounds."""
    for metric in metrics:
        key = json.loads(metric.config)["name"]
        wanted = key if label is None else of_label(key, label)
        bounds = [_threshold(bound) for bound in gate if bound["metric"] == wanted]
        yield config_pb2.MetricConfig(
            class_name=metric.class_name,
            module=metric.module,
            config=metric.config,
            per_slice_thresholds=bounds,
        )


def name_of(key: Any) -> str:
    """What the config and the report call a metric of TFMA's result."""
    if key.output_name in ("", TOGETHER):
        return str(key.name)
    return of_label(key.name, key.output_name)


def _of_config(metric: Mapping[str, Any], catalogue: Catalogue) -> config_pb2.MetricConfig:
    module = catalogue.of_kind("metric")[metric["name"]].module
    return _metric(metric["key"], module, metric["name"], metric["config"])


def _ours(key: str, name: str) -> config_pb2.MetricConfig:
    return _metric(key, batch_metrics.__name__, name, {})


def _metric(
    key: str, module: str, name: str, arguments: Mapping[str, Any]
) -> config_pb2.MetricConfig:
    of = {"module": module, "name": name, "arguments": arguments}
    return config_pb2.MetricConfig(
        class_name=batch_metrics.BatchMetric.__name__,
        module=batch_metrics.__name__,
        config=json.dumps({"name": key, "of": of}, sort_keys=True),
    )


def _threshold(gate: Mapping[str, Any]) -> config_pb2.PerSliceMetricThreshold:
    threshold = config_pb2.MetricThreshold()
    for bound in ("lower_bound", "upper_bound"):
        if gate[bound] is not None:
            getattr(threshold.value_threshold, bound).value = gate[bound]
    if gate["max_increase"] is not None:
        threshold.change_threshold.direction = config_pb2.MetricDirection.LOWER_IS_BETTER
        threshold.change_threshold.relative.value = gate["max_increase"]
    if gate["max_decrease"] is not None:
        threshold.change_threshold.direction = config_pb2.MetricDirection.HIGHER_IS_BETTER
        threshold.change_threshold.relative.value = -gate["max_decrease"]
    # TFMA wants text, and compares "7" with a column of whole numbers as 7.
    values = {column: str(value) for column, value in (gate["slice"] or {}).items()}
    spec = config_pb2.SlicingSpec(feature_values=values)
    return config_pb2.PerSliceMetricThreshold(slicing_specs=[spec], threshold=threshold)


def read(examples: Sequence[types.Artifact], schema: Any, columns: set[str]) -> tfxio.TFXIO:
    """The eval rows: these columns, and every row as it was written, for the models.

    TFMA takes rows apart in Python, column by column, so that each column costs time.

    Raises:
      ValueError: the data have no column of a name.
    """
    rows = tfxio_utils.get_split_tfxio(
        list(examples),
        "eval",
        telemetry_descriptors=["Evaluator"],
        schema=schema,
        raw_record_column_name=tfma.ARROW_INPUT_COLUMN,
    )
    known = rows.TensorRepresentations().keys()
    if absent := columns - known:
        raise ValueError(
            f"evaluation.slices: expected columns of the data ({', '.join(sorted(known))}), "
            f"received {', '.join(sorted(absent))}"
        )
    return rows.Project(sorted(columns))


def weighed(batch: pa.RecordBatch, weight: str) -> pa.RecordBatch:
    """The same rows, once each is found to have a weight; as floats, as the Trainer passes them.

    Raises:
      ValueError: a weight cannot be used.
    """
    values = np.full(len(batch), np.nan)
    values[is_there(batch[weight]).to_numpy(zero_copy_only=False)] = pc.list_flatten(batch[weight])
    if wrong := weights.mistake(values, weight):
        raise ValueError(wrong)
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
    """Adds to a pipeline what computes TFMA's metrics and validations, and writes them.

    Args:
      pipeline: runs when it is left.
      rows: see ``read``.
      models: path of the SavedModel of each of the config's models, by name.
      config: complete, as TFMA's ``update_eval_config_with_defaults`` leaves it.
      target: what the models predict.
      output: folder for what ``tfma.load_metrics`` and its kin read.
    """
    loaded = [
        tfma.default_eval_shared_model(path, model_name=name, eval_config=config)
        for name, path in models.items()
    ]
    shared = loaded if len(loaded) > 1 else loaded[0]  # TFMA wants a lone model by itself
    # Batches of one size give the same sums, to the last bit, in every run.
    weight = config.model_specs[0].example_weight_key
    batches = (
        pipeline
        | "Read" >> rows.BeamSource(BATCH_ROWS)
        | "Labelled" >> beam.Map(labelled, target).with_output_types(pa.RecordBatch)
    )
    if weight:
        batches |= "Weighed" >> beam.Map(weighed, weight).with_output_types(pa.RecordBatch)
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
        # Without TFMA's empty files of plots and attributions.
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
