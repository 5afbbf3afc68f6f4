"""The ops of a graph: data until it is loaded, but some do more than compute."""

from __future__ import annotations

import difflib
import functools
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from .errors import ReloadError

_DEEDS = {
    "runs Python code": "EagerPyFunc PyFunc PyFuncStateless",
    "reads files": (
        "CSVDataset DecodeProto EncodeProto FixedLengthRecordDataset FixedLengthRecordReader "
        "FixedUnigramCandidateSampler GenerateVocabRemapping ImmutableConst InitializeTRTResource "
        "InitializeTableFromTextFile LMDBDataset LMDBReader ListSnapshotChunksDataset "
        "LoadAndRemapMatrix LoadDataset MatchingFiles MatchingFilesDataset ReadFile RecordInput "
        "SnapshotChunkDataset SnapshotDatasetReader SnapshotNestedDatasetReader SqlDataset "
        "TFRecordDataset TFRecordReader TextLineDataset TextLineReader WholeFileReader"
    ),
    "reads variables from a file": "DTensorRestore Restore RestoreSlice",
    "writes variables to a file": "MergeV2Checkpoints Save SaveSlices",
    "writes files": (
        "CacheDataset CreateSummaryDbWriter CreateSummaryFileWriter DatasetToTFRecord "
        "DistributedSave SaveDataset SerializeTRTResource SnapshotDataset WriteFile"
    ),
    "prints what it is given": "Print",
    # A debugger's watch: to a file or to an address.
    "sends what it is given elsewhere": (
        "Copy CopyHost DebugIdentity DebugNanCount DebugNumericSummary"
    ),
    "calls another process": (
        "ConfigureDistributedTPU DataServiceDataset HostRecv HostSend Recv RegisterDataset "
        "RemoteCall RpcCall RpcClient RpcServer RpcServerRegister RpcServerStart Send"
    ),
    "runs a program that is hidden in a value": (
        "DatasetFromGraph MlirPassthroughOp RemoteFusedGraphExecute TRTEngineOp XlaCallModule "
        "XlaCustomCall"
    ),
    "changes the process": "Abort FileSystemSetConfiguration",
}
"""Ops that do more than compute, without ``Experimental`` before and a version behind."""

_SAVER = ("reads variables from a file", "writes variables to a file")
_TABLE = "InitializeTableFromTextFile"


def unsafe_ops(path: str | os.PathLike[str]) -> dict[str, str]:
    """The ops of a SavedModel that do more than compute, and what they do; nothing is loaded.

    TensorFlow's and Keras's own do not count: those that save and restore the model's variables,
    and those that learn the bins of a layer, as long as nothing that is asked calls them; and those
    that fill tables from the model's assets.

    Raises:
      ReloadError: the file is not there, or is none.
    """
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    file = Path(path, "saved_model.pb")
    try:
        saved_model = saved_model_pb2.SavedModel.FromString(file.read_bytes())
        found = [pair for meta in saved_model.meta_graphs for pair in _Graph(meta).unsafe_ops()]
    except (OSError, DecodeError, LookupError, RecursionError) as error:
        # A node lacks an input, or there is no such node, or a chain is without end.
        raise ReloadError(f"{file.name}: cannot be read: {error}") from error
    return dict(sorted(found))


def refuse_unsafe_ops(path: str | os.PathLike[str], allowed: Collection[str] = ()) -> None:
    """Refuses a SavedModel with ``unsafe_ops``, but for those that are allowed.

    Raises:
      ReloadError: it has others; the message says what they do, and how they are allowed. Or an op
        is to be allowed that TensorFlow does not have, or that only computes.
    """
    if wrong := wrong_names(allowed):
        raise ReloadError(f"allow_ops: expected {ALLOWED}, received {wrong}")
    refused = {op: deed for op, deed in unsafe_ops(path).items() if op not in allowed}
    if refused:
        raise ReloadError(
            f"the model does more than compute: {in_deeds(refused)}; if you trust who made it, "
            f"allow it: {' '.join(f'--allow-op {op}' for op in refused)}, or allow_ops={[*refused]}"
        )


ALLOWED = "a list of ops of TensorFlow that do more than compute"


def wrong_names(allowed: Collection[str]) -> str:
    """The first of these names that would allow nothing, and the nearest that would; else "".

    A message goes on with it after "received".
    """
    if isinstance(allowed, str):
        return f"the text {allowed!r}; write: allow_ops=[{allowed!r}]"
    for name in allowed:
        if not _may_be_allowed(name):
            close = difflib.get_close_matches(name, _listed(), n=1)
            return repr(name) + (f"; did you mean {close[0]}?" if close else "")
    return ""


def does_more_than_compute(op: str) -> bool:
    """Whether an op of this name does, if there is one; does not import TensorFlow."""
    return _deed(op) is not None


def _may_be_allowed(op: str) -> bool:
    from tensorflow.python.framework import op_def_registry

    return does_more_than_compute(op) and op_def_registry.get(op) is not None


def _listed() -> list[str]:
    import tensorflow as tf

    return [*filter(_may_be_allowed, dir(tf.raw_ops))]


def in_deeds(ops: Mapping[str, str]) -> str:
    """Ops, and what they do."""
    return ", ".join(f"{op} {deed}" for op, deed in ops.items())


class _Graph:
    """A graph as it is in its file: nodes, functions, and what leads to what.

    A body is that of a function, by its name, or of the graph itself: "".
    """

    def __init__(self, meta_graph: Any) -> None:
        graph = meta_graph.graph_def
        self._meta, self._nodes = meta_graph, {node.name: node for node in graph.node}
        self._functions = {each.signature.name: each for each in graph.library.function}
        self._found: list[tuple[str, Any, str]] = []
        self._handles: list[bytes] = []
        self._callers: dict[str, list[tuple[str, Any]]] = {}
        self._called: dict[tuple[str, str], list[str]] = {}
        functions = [(each.signature.name, each.node_def) for each in graph.library.function]
        for body, nodes in [("", graph.node), *functions]:
            for node in nodes:
                op = node.op
                if op == "VarHandleOp":
                    self._handles.append(node.attr["shared_name"].s)
                if deed := _deed(op):
                    self._found.append((body, node, deed))
                for function in _called(node) if _calls(op) else ():
                    self._callers.setdefault(function, []).append((body, node))
                    self._called.setdefault((body, body or node.name), []).append(function)

    def unsafe_ops(self) -> Iterator[tuple[str, str]]:
        """Each op with what it does."""
        asked, assets, adapting = self._asked(), self._assets(), self._adapting()
        for body, node, deed in self._found:
            is_own = deed in _SAVER or body in adapting
            is_idle = is_own and (body, body or node.name) not in asked
            if is_idle or (_TABLE in node.op and self._is_path(body, node.input[1], assets)):
                continue
            yield node.op, deed

    def _asked(self) -> set[tuple[str, str]]:
        """All that a caller can reach, as body and name: nodes of the graph, and functions."""
        library, objects = self._meta.graph_def.library, self._meta.object_graph_def
        signatures, collections = self._meta.signature_def, self._meta.collection_def
        names = [tensor.name for each in signatures.values() for tensor in each.outputs.values()]
        names += [name for each in collections.values() for name in each.node_list.value]
        functions = [*(objects.concrete_functions.keys() - self._adapting())]
        functions += [each.gradient_func for each in library.gradient]
        functions += [each.gradient_func for each in library.registered_gradients]
        # TensorFlow may call one of these in place of another.
        functions += [n for n, each in self._functions.items() if "api_implements" in each.attr]
        reached = [("", _node(name)) for name in names] + [(name, name) for name in functions]
        asked: set[tuple[str, str]] = set()
        for place in reached:  # it grows
            if place not in asked:
                asked.add(place)
                body, name = place
                reached += [(each, each) for each in self._called.get(place, [])]
                if not body and name in self._nodes:
                    reached += [("", _node(tensor)) for tensor in self._nodes[name].input]
        return asked

    def _adapting(self) -> set[str]:
        """The functions by which Keras's layers learn bins or words; a reload calls none."""
        nodes = self._meta.object_graph_def.nodes
        adapting, others = set[str](), set[str]()
        for node in nodes:
            is_layer = node.user_object.identifier == "_tf_keras_layer"
            for child in node.children:
                held = nodes[child.node_id]
                names = {
                    *held.function.concrete_functions,
                    held.bare_concrete_function.concrete_function_name,
                }
                is_adapting = is_layer and child.local_name == "_adapt_function"
                # A function also holds its own traces.
                (adapting if is_adapting else others).update(
                    names - {*node.function.concrete_functions}
                )
        return adapting - others

    def _assets(self) -> list[Any]:
        """The model's assets; none where one of them is outside of the folder for assets."""
        from tensorflow.core.protobuf import meta_graph_pb2

        assets = [*self._meta.asset_file_def]
        for packed in self._meta.collection_def["saved_model_assets"].any_list.value:  # TF 1
            assets.append(meta_graph_pb2.AssetFileDef.FromString(packed.value))
        paths = [PurePosixPath(asset.filename) for asset in assets]
        return [] if any(path.is_absolute() or ".." in path.parts for path in paths) else assets

    def _is_path(
        self, body: str, tensor: str, assets: Sequence[Any], inner: Sequence[str] = ()
    ) -> bool:
        """Whether a tensor is the path of an asset, whoever calls the function that it is in."""
        if not body:
            name, paths = _node(tensor), {_node(asset.tensor_info.name) for asset in assets}
            sources = [] if name in inner else self._sources(name)
            are_paths = [self._is_path("", each, assets, [*inner, name]) for each in sources]
            return name in paths or (bool(sources) and all(are_paths))
        arguments = [each.name for each in self._functions[body].signature.input_arg]
        if tensor not in arguments or body in inner:  # inner: those that it is passed on to
            return False
        place, objects = arguments.index(tensor), self._meta.object_graph_def
        callers = [
            "PartitionedCall" in node.op
            and self._is_path(caller, node.input[place], assets, [*inner, body])
            for caller, node in self._callers.get(body, [])
        ]
        if body in objects.concrete_functions:
            bound = objects.concrete_functions[body].bound_inputs
            captured = place - len(arguments) + len(bound)
            callers.append(captured >= 0 and objects.nodes[bound[captured]].HasField("asset"))
        return bool(assets) and all(callers)

    def _sources(self, name: str) -> list[str]:
        """What a node outside of functions passes on; of a variable, all that it may be."""
        node = self._nodes.get(name)
        if node is None or node.op not in ("Identity", "ReadVariableOp"):
            return []
        if node.op == "Identity":
            return [node.input[0]]
        variable = self._nodes.get(_node(node.input[0]))
        if variable is None or self._handles.count(variable.attr["shared_name"].s) != 1:
            return []  # another handle may assign it
        users = [n for n in self._nodes.values() if variable.name in map(_node, n.input)]
        if not {user.op for user in users} <= {
            "AssignVariableOp",
            "ReadVariableOp",
            "VarIsInitializedOp",
        }:
            return []  # so may a function
        return [user.input[1] for user in users if user.op == "AssignVariableOp"]


def _node(tensor: str) -> str:
    """The node of a tensor or of a control input."""
    return tensor.lstrip("^").partition(":")[0]


def _called(node: Any) -> list[str]:
    """The functions that a node calls."""
    functions = []
    for value in node.attr.values():
        if value.HasField("func"):
            functions.append(value.func.name)
        elif value.HasField("list"):
            functions += [each.name for each in value.list.func]
    return functions


@functools.cache
def _calls(op: str) -> bool:
    """Whether an op can call functions."""
    from tensorflow.python.framework import op_def_registry

    definition = op_def_registry.get(op)
    return definition is None or any("func" in each.type for each in definition.attr)


@functools.cache
def _deed(op: str) -> str | None:
    """What an op does, if it does more than compute."""
    name = re.sub(r"^_?(?:Experimental)?(\w+?)(?:V\d+)?$", r"\1", op)
    return next((deed for deed, ops in _DEEDS.items() if name in ops.split()), None)
