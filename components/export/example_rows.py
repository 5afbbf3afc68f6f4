"""Rows of an ``Examples`` artifact, in the forms that signatures and Keras models take."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from tfx.components.util import examples_utils
from tfx.proto import example_gen_pb2
from tfx.types import Artifact, artifact_utils

from huberflow.components.bundle import answers
from huberflow.components.bundle.fit_rows import ROWS
from huberflow.custom_objects.input_error import InputError

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class ExampleRows:
    """Some rows, as they are stored and as arrays."""

    serialized: list[bytes]
    """``tf.Example``s."""
    columns: Arrays
    """The raw columns that have equally many values in every row, ``[rows, values]``."""
    features: Arrays
    """The columns after the transform; without one, the raw columns."""

    def without(self, *names: str | None) -> Arrays:
        """The features but these, for the model's inputs."""
        return {name: array for name, array in self.features.items() if name not in names}

    def feature(self, key: str, name: str | None) -> np.ndarray | None:
        """A feature by its name; None where no name is given.

        Raises:
          InputError: there is none of that name; ``key`` is the argument that named it.
        """
        if name is None:
            return None
        if name not in self.features:
            expected = f"one of {', '.join(sorted(self.features))}"
            raise InputError(key, expected=expected, received=name)
        return self.features[name]

    def requests(self, saved_model: Path) -> dict[str, Arrays]:
        """The arguments of each signature that takes ``tf.Example``s, or columns by name."""
        asked = answers.of_saved_model(saved_model)
        found = {name: _arguments(signature.inputs, self) for name, signature in asked.items()}
        return {
            name: arguments
            for name, arguments in found.items()
            if arguments and answers.takes(asked[name], arguments)
        }


def read_rows(examples: Artifact, split: str | None, transform_graph: Path | None) -> ExampleRows:
    """The first rows of a split.

    Args:
      examples: has gzipped ``tf.Example``s.
      split: its name; None for ``eval``, or the last one where there is none.
      transform_graph: the folder of Transform's graph, where the model was trained on its outputs.

    Raises:
      InputError: the artifact holds other records, or has no such split, or no rows in it.
    """
    payload = examples_utils.get_payload_format(examples)
    if payload != example_gen_pb2.PayloadFormat.FORMAT_TF_EXAMPLE:
        received = examples_utils.get_payload_format_string(payload)
        raise InputError("examples", expected="records of FORMAT_TF_EXAMPLE", received=received)
    splits = artifact_utils.decode_split_names(examples.split_names)
    chosen = split or ("eval" if "eval" in splits else splits[-1])
    if chosen not in splits:
        raise InputError("split", expected=f"one of {', '.join(splits)}", received=chosen)
    uri = artifact_utils.get_split_uri([examples], chosen)
    files = sorted(tf.io.gfile.glob(f"{uri}/*"))
    records = tf.data.TFRecordDataset(files, compression_type="GZIP").take(ROWS)
    serialized = list(records.as_numpy_iterator())
    if not serialized:
        raise InputError("examples", expected=f"rows in the split {chosen}", received="none")
    columns = _columns(serialized)
    features = _transformed(serialized, transform_graph) if transform_graph else columns
    return ExampleRows(serialized, columns, features)


def _columns(serialized: list[bytes]) -> dict[str, np.ndarray]:
    parsed = [tf.train.Example.FromString(row).features.feature for row in serialized]
    columns = {}
    for name in sorted(set().union(*parsed)):
        values = [_values(row[name]) if name in row else [] for row in parsed]
        lengths = {len(each) for each in values}
        if len(lengths) == 1 and 0 not in lengths:
            columns[name] = _array(values)
    return columns


def _values(feature: tf.train.Feature) -> list[bytes | float | int]:
    kind = feature.WhichOneof("kind")
    return list(getattr(feature, kind).value) if kind else []


def _array(values: list[list[bytes | float | int]]) -> np.ndarray:
    types = {bytes: object, int: np.int64, float: np.float32}
    return np.array(values, types[type(values[0][0])])


def _transformed(serialized: list[bytes], transform_graph: Path) -> dict[str, np.ndarray]:
    graph = tft.TFTransformOutput(str(transform_graph))
    raw = tf.io.parse_example(tf.constant(serialized, tf.string), graph.raw_feature_spec())
    return dict(_dense(graph.transform_raw_features(raw)))


def _dense(tensors: Mapping[str, tf.Tensor | tf.SparseTensor]) -> Iterator[tuple[str, np.ndarray]]:
    """The tensors that have a value in every place."""
    for name, tensor in tensors.items():
        if isinstance(tensor, tf.Tensor):
            yield name, tensor.numpy()
        elif isinstance(tensor, tf.SparseTensor) and tf.size(tensor.values) == tf.reduce_prod(
            tf.cast(tensor.dense_shape, tf.int32)
        ):
            yield name, tf.sparse.to_dense(tensor).numpy()


def _arguments(specs: Mapping[str, tf.TensorSpec], rows: ExampleRows) -> dict[str, np.ndarray]:
    """The arguments of one signature; empty where the rows do not have them."""
    for columns in (rows.columns, rows.features):
        if specs.keys() <= columns.keys():
            arguments = {name: _as(columns[name], spec) for name, spec in specs.items()}
            if all(spec.shape.is_compatible_with(arguments[n].shape) for n, spec in specs.items()):
                return arguments
    names = list(specs)
    if len(names) == 1 and specs[names[0]].dtype == tf.string:
        return {names[0]: np.array(rows.serialized, object)}
    return {}


def _as(column: np.ndarray, spec: tf.TensorSpec) -> np.ndarray:
    """The column as a signature takes it: ``[rows]`` where it takes one value a row."""
    flat = column[:, 0] if spec.shape.rank == 1 and column.shape[1:] == (1,) else column
    return flat if column.dtype == object else flat.astype(spec.dtype.as_numpy_dtype)
