"""What a TFX tutorial's user module holds, for the taxi fares: features, model, training."""

from typing import Any

import tensorflow as tf
import tensorflow_transform as tft
import tf_keras
from tfx import v1 as tfx
from tfx_bsl.public import tfxio

LABEL = "fare"
NUMERIC = (
    "trip_miles",
    "trip_seconds",
    "pickup_latitude",
    "pickup_longitude",
    "dropoff_latitude",
    "dropoff_longitude",
)
VOCABULARY = ("company", "payment_type", "pickup_community_area", "dropoff_community_area")
# Whole numbers below these.
BOUNDED = {"trip_start_hour": 24, "trip_start_day": 31, "trip_start_month": 13}

VOCABULARY_SIZE = 1_000
UNKNOWN_BUCKETS = 10
EMBEDDING = 8
HIDDEN_UNITS = (128, 64)
BATCH_SIZE = 256


def transformed_name(column: str) -> str:
    """The tutorials' suffix, so that raw and transformed features never mix."""
    return f"{column}_xf"


def preprocessing_fn(inputs: dict[str, Any]) -> dict[str, tf.Tensor]:
    """Z-scores, vocabularies, and the rest as it is; called by Transform."""
    dense = {
        column: _fill_in_missing(inputs[column])
        for column in (*NUMERIC, *VOCABULARY, *BOUNDED, LABEL)
    }
    outputs = {column: tft.scale_to_z_score(dense[column]) for column in NUMERIC}
    for column in VOCABULARY:
        outputs[column] = tft.compute_and_apply_vocabulary(
            dense[column], top_k=VOCABULARY_SIZE, num_oov_buckets=UNKNOWN_BUCKETS
        )
    outputs |= {column: dense[column] for column in (*BOUNDED, LABEL)}
    return {transformed_name(column): tensor for column, tensor in outputs.items()}


def run_fn(fn_args: tfx.components.FnArgs) -> None:
    """Trains and exports; called by Trainer. No TensorBoard callback: it is not installed."""
    transform = tft.TFTransformOutput(fn_args.transform_graph_path)
    model = _build_model()
    model.fit(
        _dataset(fn_args.train_files, fn_args.data_accessor, transform),
        steps_per_epoch=fn_args.train_steps,
        validation_data=_dataset(fn_args.eval_files, fn_args.data_accessor, transform),
        validation_steps=fn_args.eval_steps,
    )
    signatures = {"serving_default": _serving_signature(model, transform)}
    tf.saved_model.save(model, fn_args.serving_model_dir, signatures=signatures)


def _fill_in_missing(tensor: Any) -> tf.Tensor:
    if not isinstance(tensor, tf.sparse.SparseTensor):
        return tensor
    default = "" if tensor.dtype == tf.string else 0
    shape = [tensor.dense_shape[0], 1]
    return tf.sparse.to_dense(tf.SparseTensor(tensor.indices, tensor.values, shape), default)


def _dataset(
    files: list[str],
    accessor: tfx.components.DataAccessor,
    transform: tft.TFTransformOutput,
) -> tf.data.Dataset:
    options = tfxio.TensorFlowDatasetOptions(
        batch_size=BATCH_SIZE, label_key=transformed_name(LABEL)
    )
    schema = transform.transformed_metadata.schema
    return accessor.tf_dataset_factory(files, options, schema).repeat()


def _build_model() -> tf_keras.Model:
    sizes = dict.fromkeys(VOCABULARY, VOCABULARY_SIZE + UNKNOWN_BUCKETS) | BOUNDED
    inputs = {
        transformed_name(column): tf_keras.Input(
            (1,), name=transformed_name(column), dtype="int64" if column in sizes else "float32"
        )
        for column in (*NUMERIC, *sizes)
    }
    parts = [inputs[transformed_name(column)] for column in NUMERIC]
    for column, size in sizes.items():
        embedded = tf_keras.layers.Embedding(size, EMBEDDING)(inputs[transformed_name(column)])
        parts.append(tf_keras.layers.Flatten()(embedded))
    hidden = tf_keras.layers.concatenate(parts)
    for units in HIDDEN_UNITS:
        hidden = tf_keras.layers.Dense(units, activation="relu")(hidden)
    model = tf_keras.Model(inputs, tf_keras.layers.Dense(1)(hidden))
    model.compile(
        optimizer=tf_keras.optimizers.Adam(learning_rate=0.003),
        loss=tf_keras.losses.Huber(),
        metrics=[tf_keras.metrics.MeanAbsoluteError()],
    )
    return model


def _serving_signature(model: tf_keras.Model, transform: tft.TFTransformOutput) -> Any:
    model.transform = transform.transform_features_layer()

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        spec = transform.raw_feature_spec()
        spec.pop(LABEL)
        return {"outputs": model(model.transform(tf.io.parse_example(examples, spec)))}

    return serve
