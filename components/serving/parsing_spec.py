"""How a signature parses ``tf.Example``s, read from a SavedModel's graph without loading it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf
from tensorflow.core.framework import function_pb2, node_def_pb2
from tensorflow.core.protobuf import meta_graph_pb2

from huberflow.components.serving.signatures import read_saved_model


@dataclass(frozen=True)
class ParsedColumn:
    """A column that a signature reads from each ``tf.Example``."""

    dtype: tf.DType
    shape: tuple[int | None, ...]
    """The shape of a row's values; ``(None,)`` where a row may have any number of them."""
    required: bool
    """Whether parsing fails for a row without a value."""


def parsing_spec(saved_model: Path, signature: str) -> dict[str, ParsedColumn]:
    """The columns that a signature parses, by name; empty where it parses none."""
    graph = read_saved_model(saved_model).meta_graphs[0]
    columns: dict[str, ParsedColumn] = {}
    for function in _functions(graph, signature):
        constants = {node.name: node for node in function.node_def if node.op == "Const"}
        for node in function.node_def:
            if node.op == "ParseExampleV2":
                columns |= dict(_parsed(node, constants))
    return columns


def _functions(
    graph: meta_graph_pb2.MetaGraphDef, signature: str
) -> Iterator[function_pb2.FunctionDef]:
    """The functions that a signature calls, and those that they call."""
    nodes = {node.name: node for node in graph.graph_def.node}
    library = {each.signature.name: each for each in graph.graph_def.library.function}
    outputs = graph.signature_def[signature].outputs.values()
    names = [name for out in outputs for name in _called(nodes[out.name.partition(":")[0]])]
    seen: set[str] = set()
    while names:
        name = names.pop()
        if name in seen or name not in library:
            continue
        seen.add(name)
        yield library[name]
        names += [called for node in library[name].node_def for called in _called(node)]


def _called(node: node_def_pb2.NodeDef) -> Iterator[str]:
    for attribute in node.attr.values():
        if attribute.HasField("func"):
            yield attribute.func.name
        yield from (each.name for each in attribute.list.func)


def _parsed(
    node: node_def_pb2.NodeDef, constants: dict[str, node_def_pb2.NodeDef]
) -> Iterator[tuple[str, ParsedColumn]]:
    def constant(name: str) -> tf.Tensor:
        return tf.make_ndarray(constants[name.partition(":")[0]].attr["value"].tensor)

    # serialized, names, sparse_keys, dense_keys, ragged_keys, dense_defaults …
    _, _, sparse_keys, dense_keys, ragged_keys, *defaults = node.input
    any_number = [
        (sparse_keys, node.attr["sparse_types"].list.type),
        (ragged_keys, node.attr["ragged_value_types"].list.type),
    ]
    for keys, types in any_number:
        for name, dtype in zip(constant(keys), types, strict=True):
            yield name.decode(), ParsedColumn(tf.as_dtype(dtype), (None,), required=False)
    shapes = node.attr["dense_shapes"].list.shape
    types = node.attr["Tdense"].list.type
    for name, dtype, shape, default in zip(
        constant(dense_keys), types, shapes, defaults, strict=True
    ):
        sizes = tuple(tf.TensorShape(shape).as_list())
        required = constant(default).size == 0 if default.partition(":")[0] in constants else False
        yield name.decode(), ParsedColumn(tf.as_dtype(dtype), sizes, required)
