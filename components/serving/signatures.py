"""The exported model's signatures: two ways in, one predict path.

Every output is ``[batch]``, a column of a table. A number is ``prediction``, in label units; those
of several labels are ``prediction_<label>``. Of classes, ``prediction`` names the likeliest, and
there is a ``probability_<class>`` for each.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
import tf_keras
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.saved_model import fingerprinting_utils

from huberflow.components.contracts.target import PREDICTION, Target


def predict(
    model: tf_keras.Model, raw: Mapping[str, tf.SparseTensor], target: Target
) -> dict[str, tf.Tensor]:
    """The outputs above, from raw columns: transform, then model."""
    transformed = model.transform(raw)
    inputs = {name: transformed[name] for name in model.input_names}
    predicted = model(inputs, training=False)
    if len(target.classes) == 2:
        predicted = tf.concat([1.0 - predicted, predicted], axis=1)
    numbers = dict(zip(target.numbers, tf.unstack(predicted, axis=1), strict=True))
    if not target.classes:
        return numbers
    likeliest = tf.gather(tf.constant(target.classes), tf.argmax(predicted, axis=1))
    return {PREDICTION: likeliest, **numbers}


def outputs(saved_model: Path) -> set[str]:
    """Names of what a SavedModel answers, read without loading it."""
    return set(_read(saved_model).meta_graphs[0].signature_def["serving_default"].outputs)


def columns_read(saved_model: Path) -> dict[str, tf.DType]:
    """Raw columns that ``serving_default`` parses, and their types, read without loading it."""
    found: dict[str, tf.DType] = {}
    for function in _read(saved_model).meta_graphs[0].graph_def.library.function:
        nodes = {node.name: node for node in function.node_def}
        for node in nodes.values():
            if node.op == "ParseExampleV2":
                _, _, keys, *_ = node.input  # serialized, names, sparse_keys, …
                names = tf.make_ndarray(nodes[keys.partition(":")[0]].attr["value"].tensor)
                types = node.attr["sparse_types"].list.type
                found |= {n.decode(): tf.as_dtype(t) for n, t in zip(names, types, strict=True)}
    return found


def _read(saved_model: Path) -> Any:
    return saved_model_pb2.SavedModel.FromString((saved_model / "saved_model.pb").read_bytes())


def signatures(
    model: tf_keras.Model, raw_spec: Mapping[str, Any], target: Target
) -> dict[str, Any]:
    """What the SavedModel answers to; every way in runs transform and model the same way.

    * ``serving_default(examples)``: serialized ``tf.Example``s, string ``[batch]``.
    * ``columns(**columns)``: one ``[batch]`` tensor for each raw column. Numbers are float64, NaN
      where missing; text is a string, empty where missing.

    Both give what ``predict`` does. Once it is saved, ``name_columns`` has to follow.

    Args:
      model: takes transformed features; its ``transform`` attribute is TFT's layer, attached so
        that it is saved along.
      raw_spec: parsing spec of the raw columns, the label left out.
      target: what the model predicts.
    """

    def answer(raw: Mapping[str, tf.SparseTensor]) -> dict[str, tf.Tensor]:
        return predict(model, raw, target)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serving_default(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        return answer(tf.io.parse_example(examples, raw_spec))

    called = _arguments(raw_spec)

    @tf.function(input_signature=[{called[n]: _column(s, called[n]) for n, s in raw_spec.items()}])
    def columns(columns: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return answer({n: _sparse(columns[called[n]], spec.dtype) for n, spec in raw_spec.items()})

    return {"serving_default": serving_default, "columns": columns}


def name_columns(saved_model: Path, columns: Iterable[str]) -> None:
    """Gives the inputs of ``columns`` the columns' own names in a model that was just saved.

    TensorFlow saves no argument that is called ``Ship Mode``, and loads it well.

    Args:
      saved_model: written with ``signatures``.
      columns: of its ``raw_spec``.
    """
    names = {argument: name for name, argument in _arguments(columns).items() if argument != name}
    if not names:
        return
    proto = _read(saved_model)
    (graph,) = proto.meta_graphs
    inputs = graph.signature_def["columns"].inputs
    for argument, name in names.items():
        inputs[name].CopyFrom(inputs[argument])
        del inputs[argument]
    for node in graph.object_graph_def.nodes:
        if node.HasField("bare_concrete_function"):
            keywords = node.bare_concrete_function.argument_keywords
            keywords[:] = [names.get(keyword, keyword) for keyword in keywords]
    (saved_model / "saved_model.pb").write_bytes(proto.SerializeToString(deterministic=True))
    fingerprinting_utils.write_fingerprint(str(saved_model))


def _arguments(columns: Iterable[str]) -> dict[str, str]:
    """What the function ``columns`` calls each column."""
    return {
        name: name
        if re.fullmatch("[A-Za-z][A-Za-z0-9_]*", name)
        else f"column_{place}_{re.sub('[^A-Za-z0-9]', '_', name)}"
        for place, name in enumerate(columns)
    }


def _column(spec: Any, name: str) -> tf.TensorSpec:
    return tf.TensorSpec([None], tf.string if spec.dtype == tf.string else tf.float64, name=name)


def _sparse(column: tf.Tensor, dtype: tf.DType) -> tf.SparseTensor:
    """``[batch, 1]``, with an entry only where ``column`` has a value."""
    if dtype == tf.string:
        present = tf.not_equal(column, "")
    else:
        present = tf.logical_not(tf.math.is_nan(column))
    rows = tf.where(present)
    return tf.SparseTensor(
        indices=tf.concat([rows, tf.zeros_like(rows)], axis=1),
        values=tf.cast(tf.boolean_mask(column, present), dtype),
        dense_shape=tf.stack([tf.size(column, tf.int64), 1]),
    )
