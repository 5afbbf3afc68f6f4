"""A pipeline of stock TFX components, with the habits of a user who has never heard of huberflow.

Of ours are the loss, two metrics, and ServingExport where it is asked for. TFX imports functions
by the name of this module.
"""

from __future__ import annotations

import importlib.util
from itertools import islice
from pathlib import Path

import tensorflow as tf
import tensorflow_model_analysis as tfma
import tensorflow_transform as tft
import tf_keras
from tfx.components import (
    CsvExampleGen,
    Evaluator,
    ExampleValidator,
    Pusher,
    SchemaGen,
    StatisticsGen,
    Trainer,
    Transform,
)
from tfx.components.trainer.fn_args_utils import DataAccessor, FnArgs
from tfx.dsl.components.common.resolver import Resolver
from tfx.dsl.input_resolution.strategies.latest_blessed_model_strategy import (
    LatestBlessedModelStrategy,
)
from tfx.orchestration import metadata
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import pusher_pb2, trainer_pb2
from tfx.types import Channel
from tfx.types.standard_artifacts import Model, ModelBlessing
from tfx_bsl.public.tfxio import TensorFlowDatasetOptions

import huberflow.tfma
from huberflow import HuberLoss

NUMBERS, CATEGORY, LABEL = ("trip_miles", "trip_seconds", "trip_start_hour"), "payment_type", "fare"
BATCH = 32


def create_pipeline(
    folder: Path,
    *,
    serving_export: bool = False,
    name: str = "stock",
    rows: int = 600,
    steps: int = 20,
    threshold: float = 1.0,
    module_file: bool = False,
    cache: bool = True,
) -> Pipeline:
    """Trains on the first taxi trips, judges, and pushes to ``folder/serving``.

    Args:
      folder: for the rows, the artifacts, ``metadata.db`` and the pushed models.
      serving_export: add huberflow's ServingExport, and push its bundle.
      name: of the pipeline.
      rows: how many trips to read.
      steps: of training, with batches of 32.
      threshold: of the loss.
      module_file: name this file instead of its functions; TFX packages it with pip.
      cache: whether results of nodes that did not change are reused.
    """
    module = Path(__file__)
    examples = CsvExampleGen(input_base=str(_data(folder, rows)))
    statistics = StatisticsGen(examples=examples.outputs["examples"])
    schema = SchemaGen(statistics=statistics.outputs["statistics"])
    validator = ExampleValidator(
        statistics=statistics.outputs["statistics"], schema=schema.outputs["schema"]
    )
    transform = Transform(
        examples=examples.outputs["examples"],
        schema=schema.outputs["schema"],
        **_function(module, "preprocessing_fn", module_file),
    )
    trainer = Trainer(
        examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        schema=schema.outputs["schema"],
        train_args=trainer_pb2.TrainArgs(num_steps=steps),
        eval_args=trainer_pb2.EvalArgs(num_steps=2),
        custom_config={"threshold": threshold},
        **_function(module, "run_fn", module_file),
    )
    baseline = Resolver(
        strategy_class=LatestBlessedModelStrategy,
        model=Channel(type=Model),
        model_blessing=Channel(type=ModelBlessing),
    ).with_id("latest_blessed_model_resolver")
    evaluator = Evaluator(
        examples=examples.outputs["examples"],
        model=trainer.outputs["model"],
        baseline_model=baseline.outputs["model"],
        eval_config=_eval_config(),
    )
    nodes = [examples, statistics, schema, validator, transform, trainer, baseline, evaluator]
    model = trainer.outputs["model"]
    if serving_export:
        from huberflow.components import ServingExport

        export = ServingExport(
            model=model,
            examples=examples.outputs["examples"],
            transform_graph=transform.outputs["transform_graph"],
            label=_transformed(LABEL),
        )
        nodes.append(export)
        model = export.outputs["exported_model"]
    pusher = Pusher(
        model=model,
        model_blessing=evaluator.outputs["blessing"],
        push_destination=pusher_pb2.PushDestination(
            filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=str(folder / "serving"))
        ),
    )
    return Pipeline(
        pipeline_name=name,
        pipeline_root=str(folder / "artifacts" / name),
        metadata_connection_config=metadata.sqlite_metadata_connection_config(
            str(folder / "metadata.db")
        ),
        components=[*nodes, pusher],
        enable_cache=cache,
    )


def _data(folder: Path, rows: int) -> Path:
    """A folder with the header and the first trips of the file that TFX ships."""
    (origin,) = importlib.util.find_spec("tfx").submodule_search_locations
    source = Path(origin, "examples", "chicago_taxi_pipeline", "data", "simple", "data.csv")
    target = folder / "data" / "trips.csv"
    target.parent.mkdir(parents=True, exist_ok=True)
    with source.open() as lines:
        text = "".join(islice(lines, rows + 1))
    if not target.exists() or target.read_text() != text:  # TFX's cache sees the time of writing
        target.write_text(text)
    return target.parent


def _function(module: Path, name: str, module_file: bool) -> dict[str, str]:
    return {"module_file": str(module)} if module_file else {name: f"{module.stem}.{name}"}


def _eval_config() -> tfma.EvalConfig:
    bound = tfma.MetricThreshold(
        value_threshold=tfma.GenericValueThreshold(upper_bound={"value": 100.0})
    )
    return tfma.EvalConfig(
        model_specs=[
            tfma.ModelSpec(
                signature_name="serving_default",
                label_key=_transformed(LABEL),
                preprocessing_function_names=["transform_features"],
            )
        ],
        slicing_specs=[tfma.SlicingSpec(), tfma.SlicingSpec(feature_keys=[CATEGORY])],
        metrics_specs=[
            tfma.MetricsSpec(
                metrics=[
                    tfma.MetricConfig(class_name="ExampleCount"),
                    tfma.MetricConfig(class_name="MeanSquaredError", threshold=bound),
                    tfma.MetricConfig(class_name="MeanAbsoluteError"),
                    huberflow.tfma.metric("HuberMetric", threshold=0.5),
                    huberflow.tfma.metric("HuberMetric", threshold=2.0),
                ]
            )
        ],
    )


def preprocessing_fn(inputs):
    """Scales numbers, looks up the category, and takes the logarithm of the label."""
    outputs = {
        _transformed(name): tft.scale_to_z_score(tf.cast(_dense(inputs[name]), tf.float32))
        for name in NUMBERS
    }
    outputs[_transformed(CATEGORY)] = tft.compute_and_apply_vocabulary(
        _dense(inputs[CATEGORY]), num_oov_buckets=1, vocab_filename=CATEGORY
    )
    outputs[_transformed(LABEL)] = tf.math.log1p(tf.cast(_dense(inputs[LABEL]), tf.float32))
    return outputs


def run_fn(fn_args: FnArgs) -> None:
    """Trains, and saves with a signature for requests and one for the Evaluator."""
    transformed = tft.TFTransformOutput(fn_args.transform_graph_path)
    train = _rows(fn_args.train_files, fn_args.data_accessor, transformed).repeat()
    evaluated = _rows(fn_args.eval_files, fn_args.data_accessor, transformed)
    model = _model(transformed, float(fn_args.custom_config["threshold"]))
    model.fit(
        train,
        steps_per_epoch=fn_args.train_steps,
        validation_data=evaluated,
        validation_steps=fn_args.eval_steps,
        verbose=0,
    )
    model.tft_layer = transformed.transform_features_layer()
    signatures = {
        "serving_default": _serving(model, transformed),
        "transform_features": _transforming(model, transformed),
    }
    model.save(fn_args.serving_model_dir, save_format="tf", signatures=signatures)


def _model(transformed: tft.TFTransformOutput, threshold: float) -> tf_keras.Model:
    words = transformed.vocabulary_size_by_name(CATEGORY) + 1
    numbers = {
        name: tf_keras.Input((1,), name=_transformed(name), dtype=tf.float32) for name in NUMBERS
    }
    category = tf_keras.Input((1,), name=_transformed(CATEGORY), dtype=tf.int64)
    encoded = tf_keras.layers.CategoryEncoding(words, output_mode="one_hot")(category)
    hidden = tf_keras.layers.Concatenate()([*numbers.values(), encoded])
    hidden = tf_keras.layers.Dense(8, activation="relu")(hidden)
    outputs = tf_keras.layers.Dense(1)(hidden)
    model = tf_keras.Model([*numbers.values(), category], outputs)
    model.compile("adam", loss=HuberLoss(threshold=threshold), metrics=["mae"])
    return model


def _rows(
    files: list[str], accessor: DataAccessor, transformed: tft.TFTransformOutput
) -> tf.data.Dataset:
    options = TensorFlowDatasetOptions(
        batch_size=BATCH, num_epochs=1, label_key=_transformed(LABEL)
    )
    return accessor.tf_dataset_factory(files, options, transformed.transformed_metadata.schema)


def _serving(model: tf_keras.Model, transformed: tft.TFTransformOutput):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve_tf_examples(examples):
        spec = transformed.raw_feature_spec()
        spec.pop(LABEL)
        features = model.tft_layer(tf.io.parse_example(examples, spec))
        return {"outputs": model(features)}

    return serve_tf_examples


def _transforming(model: tf_keras.Model, transformed: tft.TFTransformOutput):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def transform_features(examples):
        return model.tft_layer(tf.io.parse_example(examples, transformed.raw_feature_spec()))

    return transform_features


def _dense(values):
    """A column of one value a row, also where SchemaGen found rows without a value."""
    if not isinstance(values, tf.SparseTensor):
        return values
    default = "" if values.dtype == tf.string else 0
    return tf.sparse.to_dense(
        tf.SparseTensor(values.indices, values.values, [values.dense_shape[0], 1]), default
    )


def _transformed(name: str) -> str:
    return f"{name}_xf"
