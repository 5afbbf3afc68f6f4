"""A graph that does more than compute is refused before any of it is loaded."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.framework import op_def_registry

import huberflow
from huberflow.components.bundle import bundle as bundles
from huberflow.components.bundle import reload
from huberflow.components.bundle.unsafe_ops import refuse_unsafe_ops
from huberflow.custom_objects.input_error import InputError

ROWS = np.ones((2, 2), np.float32)
SAVES, RESTORES = "writes variables to a file", "reads variables from a file"

EVERY_KIND = {
    "EagerPyFunc": "runs Python code",
    "PyFuncStateless": "runs Python code",
    "ReadFile": "reads files",
    "MatchingFiles": "reads files",
    "TFRecordDatasetV2": "reads files",
    "TextLineReaderV2": "reads files",
    "ExperimentalCSVDataset": "reads files",
    "WriteFile": "writes files",
    "CreateSummaryFileWriter": "writes files",
    "SaveDatasetV2": "writes files",
    "PrintV2": "prints what it is given",
    "DebugIdentityV3": "sends what it is given elsewhere",
    "RpcCall": "calls another process",
    "_HostSend": "calls another process",
    "DataServiceDatasetV4": "calls another process",
    "XlaCustomCallV2": "runs a program that is hidden in a value",
    "DatasetFromGraph": "runs a program that is hidden in a value",
    "FileSystemSetConfiguration": "changes the process",
}

TELLING = re.compile(
    "file|path|address|descriptor|debug|stream$|logdir|prefix|_uri|program|module$|target_name|graph"
    "|region"
)
"""Arguments of an op that name what lies outside of it."""
HARMLESS = {
    "CTCBeamSearchDecoder",  # top_paths: a number
    "ExperimentalSetStatsAggregatorDataset",  # counter_prefix: of a name
    "GetMinibatchSplitsWithPhysicalReplica",  # program_key: of a TPU's memory
    "GetMinibatchesInCsrWithPhysicalReplica",
    "ParseSequenceExample",  # debug_name: in an error
    "ParseSequenceExampleV2",
    "ParseSingleSequenceExample",
    "SetStatsAggregatorDataset",
    "StoreMinibatchStatisticsInFdo",
    "TensorSliceDataset",  # is_files: a hint to distribute what the tensor has
    "VarHandleOp",
}


def written(folder, *ops):
    """A SavedModel whose graph has these ops; TensorFlow could not run it."""
    saved_model = saved_model_pb2.SavedModel()
    graph = saved_model.meta_graphs.add().graph_def
    for place, op in enumerate(ops):
        graph.node.add(name=f"node_{place}", op=op)
    return rewritten(folder, saved_model)


def rewritten(folder, saved_model):
    folder.mkdir(exist_ok=True)
    (folder / "saved_model.pb").write_bytes(saved_model.SerializeToString())
    return folder


def read(folder):
    return saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())


def dense(*layers):
    inputs = tf_keras.Input((2,), name="x")
    outputs = tf_keras.layers.Dense(1, name="y")(inputs)
    for layer in layers:
        outputs = layer(outputs)
    model = tf_keras.Model(inputs, outputs)
    model.compile("adam", "mse")
    return model


def saved(model, folder):
    model.save(folder, save_format="tf")
    return folder


def printing(model):
    """A signature of a model that prints what it is asked."""

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")])
    def serving_default(x):
        tf.print(x, output_stream="file:///dev/null")
        return {"y": model(x)}

    return {"serving_default": serving_default}


class Writer(tf.Module):
    """Answers, and writes a file meanwhile."""

    def __init__(self, file):
        super().__init__()
        self.file = str(file)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def __call__(self, x):
        tf.io.write_file(self.file, "written")
        return {"y": 2 * x}


@pytest.fixture
def writer(tmp_path):
    """A bundle that somebody made, and the file that it would write."""
    file = tmp_path / "traces" / "file"
    module = Writer(file)
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures=module.__call__)
    bundles.assemble(tmp_path / "saved", None, tmp_path / "bundle", None)
    return tmp_path / "bundle", file


class TestLoading:
    def test_a_model_that_writes_a_file_is_refused_before_it_does(self, writer, capsys):
        path, file = writer
        for refusing in (huberflow.predictor, huberflow.check):
            with pytest.raises(reload.ReloadError) as refused:
                refusing(path)
            message = str(refused.value)
            assert "WriteFile writes files" in message
            assert "--allow-op WriteFile" in message
            assert "allow_ops=['WriteFile']" in message
        assert reload.command_line.main(["--check"], path) == 1
        assert capsys.readouterr().out.startswith("refused: the model does more than compute")
        assert not file.exists()

    def test_a_keras_model_is_refused_likewise(self, tmp_path):
        model, path = dense(), tmp_path / "bundle"
        given = {"signatures": printing(model), "check": False}
        huberflow.save_bundle(model, path, ROWS, allow_ops=["PrintV2"], **given)
        with pytest.raises(reload.ReloadError, match="PrintV2 prints what it is given"):
            huberflow.load(path)
        assert huberflow.load(path, allow_ops=["PrintV2"]).name == model.name

    def test_what_is_allowed_runs(self, writer):
        path, file = writer
        answers = huberflow.predictor(path, allow_ops=["WriteFile"])(x=[1.0, 2.0])
        assert answers["y"].tolist() == [2.0, 4.0]
        assert file.read_text() == "written"
        assert huberflow.check(path, allow_ops=["WriteFile"])["ok"]
        assert reload.command_line.main(["--check", "--allow-op", "WriteFile"], path) == 0

    def test_one_that_is_allowed_allows_no_other(self, tmp_path):
        path = written(tmp_path / "model", "ReadFile", "PyFunc")
        with pytest.raises(reload.ReloadError) as refused:
            reload.graph_ops.refuse_unsafe_ops(path, ["ReadFile"])
        assert "PyFunc runs Python code" in str(refused.value)
        assert "ReadFile" not in str(refused.value)


class TestNamesThatWouldAllowNothing:
    """Nobody would notice a slip of the pen: the model is refused, or has no such op."""

    @pytest.mark.parametrize(
        ("name", "nearest"),
        [
            ("NoSuchOp", None),
            ("PrintV3", "PrintV2"),
            ("readfile", "ReadFile"),
            ("EagerPyfunc", "EagerPyFunc"),
            ("MatMul", None),  # it only computes
        ],
    )
    def test_are_refused_with_the_nearest_that_is_one(self, name, nearest, tmp_path):
        path = written(tmp_path / "model", "MatMul")
        with pytest.raises(reload.ReloadError) as loading:
            reload.graph_ops.refuse_unsafe_ops(path, [name])
        with pytest.raises(InputError) as exporting:
            refuse_unsafe_ops(path, [name])
        assert exporting.value.key == "allow_ops"
        for message in (str(loading.value), str(exporting.value)):
            assert f"received {name!r}" in message
            assert ("did you mean" in message) is (nearest is not None)
            assert nearest is None or message.endswith(f"did you mean {nearest}?")

    def test_are_refused_by_the_command_line(self, writer, capsys):
        assert reload.command_line.main(["--check", "--allow-op", "WriteFil"], writer[0]) == 1
        assert capsys.readouterr().out.endswith("received 'WriteFil'; did you mean WriteFile?\n")

    def test_a_text_is_no_list_of_them(self, writer):
        with pytest.raises(reload.ReloadError, match=r"write: allow_ops=\['WriteFile'\]"):
            huberflow.predictor(writer[0], allow_ops="WriteFile")

    def test_all_that_a_message_offers_may_be_allowed(self, tmp_path):
        assert reload.graph_ops.wrong_names(EVERY_KIND) == ""


class TestExporting:
    def test_is_refused_in_the_same_words_unless_allowed(self, tmp_path):
        model = dense()
        signatures = printing(model)
        with pytest.raises(InputError) as refused:
            huberflow.save_bundle(model, tmp_path / "bundle", ROWS, signatures=signatures)
        assert refused.value.key == "allow_ops"
        assert refused.value.received == "PrintV2 prints what it is given"
        python, verb, config = refused.value.write.split(", ")
        assert python == "allow_ops=['PrintV2'] in Python"
        assert verb == "--allow-op PrintV2 for a verb"
        assert config == "export.allow_ops: [PrintV2] in a config"
        assert not (tmp_path / "bundle").exists()
        given = {"signatures": signatures, "allow_ops": ["PrintV2"]}
        huberflow.save_bundle(model, tmp_path / "bundle", ROWS, **given)

    def test_of_a_saved_model_is_refused_before_it_is_loaded(self, writer, tmp_path):
        with pytest.raises(InputError, match="WriteFile writes files"):
            refuse_unsafe_ops(tmp_path / "saved", ())
        refuse_unsafe_ops(tmp_path / "saved", ("WriteFile",))


class TestOps:
    @pytest.mark.parametrize("op", EVERY_KIND)
    def test_what_does_more_than_compute_is_found(self, op, tmp_path):
        assert reload.graph_ops.unsafe_ops(written(tmp_path / "model", "MatMul", op)) == {
            op: EVERY_KIND[op]
        }

    def test_in_every_function_of_every_graph(self, tmp_path):
        saved_model = saved_model_pb2.SavedModel()
        saved_model.meta_graphs.add()
        function = saved_model.meta_graphs.add().graph_def.library.function.add()
        function.node_def.add(name="read", op="ReadFile")
        path = rewritten(tmp_path / "model", saved_model)
        assert reload.graph_ops.unsafe_ops(path) == {"ReadFile": "reads files"}

    def test_every_op_of_tensorflow_that_names_something_outside_is_judged(self):
        """An op is new here: say in ``reload`` what it does, or above that it is harmless."""
        unknown = {}
        for name in dir(tf.raw_ops):
            definition = op_def_registry.get(name)
            if definition is None or reload.graph_ops._deed(name) or name in HARMLESS:
                continue
            arguments = [each.name for each in (*definition.input_arg, *definition.attr)]
            if telling := [each for each in arguments if TELLING.search(each)]:
                unknown[name] = telling
        assert not unknown


class TestOrdinaryModels:
    def test_of_our_own_pipeline_has_none(self, bundle):
        assert reload.graph_ops.unsafe_ops(bundle) == {}

    def test_with_tables_that_are_filled_from_assets(self, tmp_path):
        words = tf_keras.Input((1,), dtype=tf.string, name="word")
        (tmp_path / "words.txt").write_text("a\nb\n")
        lookup = tf_keras.layers.StringLookup(vocabulary=str(tmp_path / "words.txt"))
        text = tf_keras.layers.TextVectorization(vocabulary=["c", "d"])
        outputs = tf_keras.layers.Concatenate()([lookup(words), text(words)])
        path = saved(tf_keras.Model(words, outputs), tmp_path / "model")
        nodes = [
            node.op
            for each in read(path).meta_graphs[0].graph_def.library.function
            for node in each.node_def
        ]
        assert "InitializeTableFromTextFileV2" in nodes, "a poor example"
        assert reload.graph_ops.unsafe_ops(path) == {}

    def test_that_learned_the_bins_of_a_layer_has_none(self, tmp_path):
        """Keras learns them with NumPy, in a function that is saved, and that nothing calls."""
        layer = tf_keras.layers.Discretization(num_bins=3)
        layer.adapt(ROWS[:, :1])
        inputs = tf_keras.Input((1,))
        tf_keras.Model(inputs, layer(inputs)).save(tmp_path, save_format="tf")
        graph = read(tmp_path).meta_graphs[0].graph_def
        ops = {node.op for each in graph.library.function for node in each.node_def}
        assert "PyFunc" in ops, "a poor example"
        assert reload.graph_ops.unsafe_ops(tmp_path) == {}
        saved = read(tmp_path)
        for node in saved.meta_graphs[0].object_graph_def.nodes:
            for child in node.children:
                child.local_name = child.local_name.replace("_adapt_function", "call")
        assert reload.graph_ops.unsafe_ops(rewritten(tmp_path, saved)) == {
            "PyFunc": "runs Python code"
        }

    def test_of_a_strategy_has_none(self, two_replicas, tmp_path):
        with two_replicas.scope():
            model = dense(tf_keras.layers.BatchNormalization())
        model.fit(ROWS, ROWS[:, :1], verbose=0)
        assert reload.graph_ops.unsafe_ops(saved(model, tmp_path / "model")) == {}

    def test_of_tfx_has_none(self):
        """Estimators, Keras, TFT: of TensorFlow 1 and 2."""
        (tfx,) = importlib.util.find_spec("tfx").submodule_search_locations
        found = sorted(Path(tfx, "components", "testdata").rglob("saved_model.pb"))
        assert len(found) >= 8
        assert {str(path): reload.graph_ops.unsafe_ops(path.parent) for path in found} == {
            str(path): {} for path in found
        }


def lacking_inputs():
    saved_model = saved_model_pb2.SavedModel()
    saved_model.meta_graphs.add().graph_def.node.add(name="a", op="InitializeTableFromTextFileV2")
    return saved_model


def endless_chain():
    saved_model = saved_model_pb2.SavedModel()
    meta = saved_model.meta_graphs.add()
    for place in range(3000):
        meta.graph_def.node.add(name=f"n{place}", op="Identity", input=[f"n{place + 1}"])
    meta.graph_def.node.add(name="a", op="InitializeTableFromTextFileV2", input=["table", "n0"])
    meta.asset_file_def.add(filename="words.txt").tensor_info.name = "asset:0"
    return saved_model


@pytest.mark.parametrize("made", [lacking_inputs, endless_chain])
def test_a_graph_that_tensorflow_never_wrote_is_refused_in_words(made, tmp_path):
    with pytest.raises(reload.ReloadError, match=r"saved_model.pb: cannot be read"):
        reload.graph_ops.unsafe_ops(rewritten(tmp_path / "model", made()))


class TestTheSaver:
    """Every model has ops that save and restore it; they are its own while nothing calls them."""

    def test_an_op_of_it_that_a_signature_runs(self, tmp_path):
        class Saver(tf.Module):
            @tf.function(input_signature=[tf.TensorSpec([], tf.string, name="file")])
            def __call__(self, file):
                tf.raw_ops.SaveV2(
                    prefix=file, tensor_names=["x"], shape_and_slices=[""], tensors=[1.0]
                )
                return tf.raw_ops.RestoreV2(
                    prefix=file, tensor_names=["x"], shape_and_slices=[""], dtypes=[tf.float32]
                )[0]

        module = Saver()
        tf.saved_model.save(module, str(tmp_path / "model"), signatures=module.__call__)
        assert reload.graph_ops.unsafe_ops(tmp_path / "model") == {
            "RestoreV2": RESTORES,
            "SaveV2": SAVES,
        }

    @pytest.mark.parametrize("called", ["by a function", "by a signature", "as a gradient"])
    def test_a_function_of_it_that_something_else_calls(self, called, tmp_path):
        path = saved(dense(), tmp_path / "model")
        saved_model = read(path)
        graph = saved_model.meta_graphs[0]
        (own,) = {
            node.attr["f"].func.name
            for node in graph.graph_def.node
            if "traced_save" in node.attr["f"].func.name
        }
        if called == "by a function":
            body = graph.graph_def.library.function
            asked = next(each for each in body if "signature_wrapper" in each.signature.name)
            asked.node_def.add(name="more", op="PartitionedCall").attr["f"].func.name = own
        elif called == "by a signature":
            name = graph.saver_def.save_tensor_name
            graph.signature_def["serving_default"].outputs["file"].name = name
        else:
            graph.graph_def.library.gradient.add(function_name="any", gradient_func=own)
        assert reload.graph_ops.unsafe_ops(rewritten(path, saved_model)) == {
            "MergeV2Checkpoints": SAVES,
            "SaveV2": SAVES,
        }


class TestTables:
    """A table may be filled from the assets of the model, and from no other file."""

    def test_from_a_file_of_this_machine(self, tmp_path):
        class Reader(tf.Module):
            def __init__(self):
                super().__init__()
                self.table = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1)

            @tf.function(input_signature=[tf.TensorSpec([], tf.string, name="word")])
            def __call__(self, word):
                table = tf.raw_ops.HashTableV2(key_dtype=tf.string, value_dtype=tf.int64)
                tf.raw_ops.InitializeTableFromTextFileV2(
                    table_handle=table, filename="/etc/passwd", key_index=-2, value_index=-1
                )
                return tf.raw_ops.LookupTableFindV2(
                    table_handle=table, keys=word, default_value=tf.constant(-1, tf.int64)
                )

        module = Reader()
        tf.saved_model.save(module, str(tmp_path / "model"), signatures=module.__call__)
        assert reload.graph_ops.unsafe_ops(tmp_path / "model") == {
            "InitializeTableFromTextFileV2": "reads files"
        }

    @pytest.mark.parametrize(
        "changed", ["the asset's place", "what the function gets", "the variable with its path"]
    )
    def test_from_an_asset_that_is_none(self, changed, tmp_path):
        (tmp_path / "words.txt").write_text("a\nb\n")
        words = tf_keras.Input((1,), dtype=tf.string, name="word")
        lookup = tf_keras.layers.StringLookup(vocabulary=str(tmp_path / "words.txt"))
        path = saved(tf_keras.Model(words, lookup(words)), tmp_path / "model")
        saved_model = read(path)
        graph = saved_model.meta_graphs[0]
        if changed == "the asset's place":
            graph.asset_file_def[0].filename = "../../../etc/passwd"
        elif changed == "what the function gets":
            for node in graph.object_graph_def.nodes:
                if node.HasField("asset"):
                    node.constant.operation = "path"
        else:
            (variable,) = (each for each in graph.graph_def.node if each.op == "VarHandleOp")
            graph.graph_def.node.add(name="path", op="Const")
            inputs = [variable.name, "path"]
            graph.graph_def.node.add(name="more", op="AssignVariableOp", input=inputs)
        assert reload.graph_ops.unsafe_ops(rewritten(path, saved_model)) == {
            "InitializeTableFromTextFileV2": "reads files"
        }
