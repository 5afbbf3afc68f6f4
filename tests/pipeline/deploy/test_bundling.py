"""A bundle of a SavedModel that another program wrote, from the command line's arguments."""

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tf_keras
from click.testing import CliRunner

from huberflow.components.bundle import reload
from huberflow.custom_objects.input_error import InputError
from huberflow.custom_objects.losses import HuberLoss
from huberflow.pipeline.cli.main import cli
from huberflow.pipeline.deploy import bundling
from huberflow.pipeline.deploy.bundling import make_bundle

LOSSES = """
import tensorflow as tf
import tf_keras


@tf_keras.utils.register_keras_serializable("users")
class TailLoss(tf_keras.losses.Loss):
    def __init__(self, limit=1.0, reduction="auto", name="tail"):
        super().__init__(reduction=reduction, name=name)
        self.limit = limit

    def call(self, y_true, y_pred):
        return tf.reduce_mean(tf.maximum(tf.abs(y_true - y_pred) - self.limit, 0.0), axis=-1)

    def get_config(self):
        return {**super().get_config(), "limit": self.limit}
"""
TRAIN = """
import numpy as np, tf_keras, users_tail_losses
tf_keras.utils.set_random_seed(3)
x = np.random.default_rng(5).normal(size=(64, 2)).astype("float32")
model = tf_keras.Sequential([tf_keras.layers.Dense(1, input_shape=(2,))])
model.compile("adam", users_tail_losses.TailLoss(limit=0.25))
model.fit(x, x @ [[1.0], [2.0]], verbose=0)
model.save("model", save_format="tf")
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with the user's module, a model that another process saved, and rows."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "users_tail_losses.py").write_text(LOSSES)
    subprocess.run([sys.executable, "-c", TRAIN], cwd=folder, check=True)
    rows = np.random.default_rng(1).normal(size=(300, 2)).round(3)
    lines = [f"{a},{b},{a + 2 * b},1.5" for a, b in rows]
    (folder / "rows.csv").write_text("\n".join(["a,b,fare,w", *lines]) + "\n")
    return folder


@pytest.fixture
def forgotten():
    """The user's module as this process has never seen it."""
    yield
    sys.modules.pop("users_tail_losses", None)
    tf_keras.utils.get_custom_objects().pop("users>TailLoss", None)


def test_the_verb_makes_a_bundle_and_says_what_it_proves(trained, tmp_path, forgotten):
    arguments = [
        *("bundle", trained / "model", "--objects", trained / "users_tail_losses.py"),
        *("--data", trained / "rows.csv", "--label", "fare", "--weight", "w"),
        *("--to", tmp_path / "bundle"),
    ]
    done = CliRunner().invoke(cli, list(map(str, arguments)), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "two training steps" in done.output
    assert "exporting process" in done.output
    certificate = reload.verify(tmp_path / "bundle")
    assert [each["name"] for each in certificate["objects"]] == ["users>TailLoss"]
    assert certificate["golden"]["rows"] == 256
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_an_object_that_nobody_registered_is_found_in_the_file(trained, tmp_path):
    (tmp_path / "plain_tail_losses.py").write_text(
        LOSSES.replace('@tf_keras.utils.register_keras_serializable("users")', "")
    )
    train = TRAIN.replace("users_tail", "plain_tail")
    subprocess.run([sys.executable, "-c", train], cwd=tmp_path, check=True)
    report = make_bundle(
        tmp_path / "model",
        tmp_path / "bundle",
        objects=[tmp_path / "plain_tail_losses.py"],
        data=trained / "rows.csv",
        labels=["fare"],
        weight="w",
    )
    assert report["ok"]
    assert "model/loss" in report["values"]


def model_of(folder, inputs, outputs):
    """A saved model with these inputs, ``{name: shape}``, and outputs."""
    layers = {name: tf_keras.Input(shape, name=name) for name, shape in inputs.items()}
    flat = [tf_keras.layers.Reshape((-1,))(each) for each in layers.values()]
    joined = tf_keras.layers.Concatenate()(flat) if len(flat) > 1 else flat[0]
    model = tf_keras.Model(layers, {n: tf_keras.layers.Dense(1, name=n)(joined) for n in outputs})
    model.compile("adam", HuberLoss(threshold=2.0))
    model.save(folder, save_format="tf")
    return folder


def test_columns_of_parquet_fit_several_inputs_and_outputs(tmp_path):
    folder = model_of(tmp_path / "model", {"miles": (1,), "place": (2,)}, ["fare", "tip"])
    columns = {
        "miles": [1.0, 2.0],
        "place": [[1.0, 2.0], [3.0, 4.0]],
        "fare": [1, 2],
        "tip": [0, 1],
    }
    pq.write_table(pa.table(columns), tmp_path / "rows.parquet")
    report = make_bundle(
        folder, tmp_path / "bundle", data=tmp_path / "rows.parquet", labels=["fare", "tip"]
    )
    assert report["ok"]
    assert {"model/loss", "model/prediction/fare"} <= report["values"].keys()


def test_without_rows_the_bundle_says_that_no_value_is_proven(tmp_path):
    folder = model_of(tmp_path / "model", {"miles": (1,)}, ["fare"])
    report = make_bundle(folder, tmp_path / "bundle")
    assert "no rows" in report["statement"]


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        (["False", "true", "0", "1"], "bool", [False, True, False, True]),
        ([True, False], "bool", [True, False]),
        (["9007199254740993"], "int64", [9007199254740993]),
        ([2.0, "3"], "int32", [2, 3]),
        (["1.5", "nan"], "float32", [1.5, float("nan")]),
    ],
)
def test_a_value_is_read_exactly(values, dtype, expected):
    found = bundling._exactly(np.array(values, object), np.dtype(dtype))
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        ("no", "bool"),
        (0.5, "bool"),
        (1.7, "int32"),
        ("1.7", "int32"),
        ("3000000000", "int32"),
        (-1, "uint8"),
        ("99999999999999999999", "int64"),
        (float("inf"), "int64"),
        ("70000", "float16"),
        (1e39, "float32"),
        (8, "object"),
    ],
)
def test_a_value_that_would_be_another_is_refused_in_words(tmp_path, value, dtype):
    column = bundling._Columns(tmp_path / "rows.parquet", pa.table({"x": [value]}))
    with pytest.raises(InputError):
        column.array("x", np.dtype(dtype))


class TestRefusal:
    def refused(self, trained, tmp_path, **arguments):
        with pytest.raises(InputError) as caught:
            make_bundle(trained / "model", tmp_path / "bundle", **arguments)
        assert list(tmp_path.glob("bundle*")) == []
        return caught.value

    @pytest.mark.parametrize(
        ("text", "labels", "part"),
        [
            ("a,b,fare\n", ["fare"], "rows"),
            ("a,b,fare\n1,2,x\n", ["fare"], "a number in each row"),
            ("a,b,fare\n1,,3\n", ["fare"], "a number in each row"),
            ("a,b,fare\n1,2\n", ["fare"], "a row"),
            ("a,b,fare\n1,2,3\n", ["fares"], "a column fares"),
            ("a,fare\n1,2\n", ["fare"], "or 2 others"),
        ],
    )
    def test_of_rows_that_do_not_fit(self, trained, tmp_path, text, labels, part):
        (tmp_path / "rows.csv").write_text(text)
        error = self.refused(trained, tmp_path, data=tmp_path / "rows.csv", labels=labels)
        assert part in error.expected

    def test_of_a_model_whose_objects_are_not_given(self, trained, tmp_path, forgotten):
        rows = {"data": trained / "rows.csv", "labels": ["fare"], "weight": "w"}
        error = self.refused(trained, tmp_path, **rows)
        assert error.key == "--objects"
        assert "TailLoss" in error.received

    def test_of_objects_that_cannot_be_imported(self, trained, tmp_path):
        (tmp_path / "wrong_tail_losses.py").write_text("import not_installed\n")
        path = tmp_path / "wrong_tail_losses.py"
        error = self.refused(trained, tmp_path, objects=[path])
        assert "not_installed" in error.received
        error = self.refused(trained, tmp_path, objects=[tmp_path / "missing.py"])
        assert error.key == "--objects"

    @pytest.mark.parametrize(
        ("texts", "received"),
        [
            (["def tail(y, p): ...", "def tail(y, p): ..."], "tail twice"),
            (["def mean_squared_error(y, p): ..."], "a name of Keras"),
            (["def relu(x): ..."], "a name of Keras"),
            (["class Dense: ..."], "a name of Keras"),
        ],
    )
    def test_of_objects_whose_name_says_too_little(self, trained, tmp_path, texts, received):
        paths = [tmp_path / f"ambiguous_{place}.py" for place, _ in enumerate(texts)]
        for path, text in zip(paths, texts, strict=True):
            path.write_text(text)
        try:
            assert received in self.refused(trained, tmp_path, objects=paths).received
        finally:
            for path in paths:
                sys.modules.pop(path.stem, None)

    def test_of_a_folder_without_a_model_and_of_one_with_files(self, trained, tmp_path):
        with pytest.raises(InputError) as caught:
            make_bundle(tmp_path, tmp_path / "bundle")
        assert "saved_model.pb" in caught.value.expected
        with pytest.raises(InputError) as caught:
            make_bundle(trained / "model", trained)
        assert caught.value.key == "--to"
