"""The exported model as MLflow sees it, loaded where huberflow is not installed."""

import json
import os
import pickletools
import subprocess
import sys
import textwrap

import mlflow
import pytest
import tensorflow as tf
from mlflow.types.schema import AnyType

from huberflow.pipeline.tracking import mlflow_models, tracker

INPUTS = [tracker.Column("miles", "double"), tracker.Column("company", "string")]
OUTPUTS = [tracker.Column("prediction", "double")]
EXAMPLE = [{"miles": 1.5, "company": "Yellow"}, {"miles": None, "company": "Flash"}, {"miles": 2}]

LOAD = """
    import json, sys
    sys.modules.update(dict.fromkeys(["huberflow", "tf_keras"]))
    import mlflow, numpy as np, pandas as pd
    model = mlflow.pyfunc.load_model(sys.argv[1])

    def fares(table):
        return model.predict(table)["prediction"].tolist()

    def refusal(table):
        try:
            return fares(table)
        except Exception as error:
            return f"{type(error).__name__}: {error}"
"""


class Fares(tf.Module):
    """2 per mile, 100 where the miles are missing, and 1 per letter of the company."""

    def __init__(self):
        super().__init__()
        self.rate = tf.Variable(2.0, dtype=tf.float64)

    @tf.function(
        input_signature=[
            {
                "miles": tf.TensorSpec([None], tf.float64, name="miles"),
                "company": tf.TensorSpec([None], tf.string, name="company"),
            }
        ]
    )
    def columns(self, columns):
        miles = columns["miles"]
        price = tf.where(tf.math.is_nan(miles), tf.cast(100.0, tf.float64), self.rate * miles)
        letters = tf.cast(tf.strings.length(columns["company"]), tf.float64)
        return {"prediction": tf.cast(price + letters, tf.float32)}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("serving") / "3"
    fares = Fares()
    tf.saved_model.save(fares, str(folder), signatures={"columns": fares.columns})
    return tracker.ExportedModel("key", "taxi", folder, INPUTS, OUTPUTS, EXAMPLE)


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    """The saved model; the user's folder is a uv project, and tracks elsewhere."""
    project = tmp_path_factory.mktemp("project")
    for name in ("uv.lock", "pyproject.toml"):
        (project / name).touch()
    folder = tmp_path_factory.mktemp("saved") / "model"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        before = mlflow.get_tracking_uri()
        mlflow_models.save_model(model, folder)
        assert mlflow.get_tracking_uri() == before
        assert mlflow.active_run() is None
        assert {path.name for path in project.iterdir()} == {"uv.lock", "pyproject.toml"}
    return folder


@pytest.fixture(scope="module")
def answers(folder, tmp_path_factory):
    """The loaded model's answers, from one process, since TensorFlow starts slowly."""
    code = textwrap.dedent(LOAD) + textwrap.dedent(
        """
        from mlflow.pyfunc import scoring_server

        def served(body):
            args = (json.dumps(body), "application/json", model, model.metadata.get_input_schema())
            reply = scoring_server.invocations(*args).response
            return [row["prediction"] for row in json.loads(reply)["predictions"]]

        floats = pd.DataFrame({"miles": [1.5, np.nan], "company": ["Yellow", None]}, index=[7, 3])
        json.dump({
            "index": model.predict(floats).index.tolist(),
            "columns": model.predict(floats).columns.tolist(),
            "floats": fares(floats),
            "ints": fares(pd.DataFrame({"miles": [1, 2], "company": ["a", "b"]})),
            "nullable": fares(pd.DataFrame({"miles": pd.array([1, None], "Int64")})),
            "all missing": fares(pd.DataFrame({"miles": [None], "company": [float("nan")]})),
            "no miles": fares(pd.DataFrame({"company": ["abc"]})),
            "no rows": fares(pd.DataFrame({"miles": []})),
            "rows": fares([{"miles": 3}, {"company": "ab"}]),
            "served records": served({"dataframe_records": [{"miles": 3}, {"company": "ab"}]}),
            "served inputs": served({"inputs": [{"miles": 3, "company": None}]}),
            "served example": served(json.load(open(sys.argv[1] + "/serving_input_example.json"))),
            "unknown": refusal(pd.DataFrame({"mile": [1.0]})),
            "text for numbers": refusal(pd.DataFrame({"miles": ["far"]})),
            "date for numbers": refusal(pd.DataFrame({"miles": [pd.Timestamp(2024, 1, 1)]})),
            "number for text": refusal(pd.DataFrame({"company": [8.0]})),
        }, sys.stdout)
        """
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code, str(folder)],
        cwd=tmp_path_factory.mktemp("elsewhere"),
        env={**os.environ, "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


class TestPredictions:
    def test_are_those_of_the_saved_model(self, answers, model):
        signature = tf.saved_model.load(str(model.folder)).signatures["columns"]
        miles = tf.constant([1.5, float("nan")], tf.float64)
        expected = signature(miles=miles, company=tf.constant(["Yellow", ""]))["prediction"]
        assert answers["floats"] == expected.numpy().tolist() == [9.0, 100.0]

    def test_keep_the_index_of_the_table(self, answers):
        assert (answers["index"], answers["columns"]) == ([7, 3], ["prediction"])

    @pytest.mark.parametrize(
        ("table", "fares"),
        [
            ("ints", [3.0, 5.0]),
            ("nullable", [2.0, 100.0]),
            ("no miles", [103.0]),
            ("all missing", [100.0]),
            ("rows", [6.0, 102.0]),
            ("no rows", []),
            ("served records", [6.0, 102.0]),
            ("served inputs", [6.0]),
            ("served example", [9.0, 105.0, 4.0]),
        ],
    )
    def test_take_other_tables_and_requests(self, answers, table, fares):
        assert answers[table] == fares

    @pytest.mark.parametrize(
        ("table", "message"),
        [
            ("unknown", "expected a table with columns such as"),
            ("text for numbers", "column miles: expected numbers"),
            ("date for numbers", "column miles: expected numbers"),
            ("number for text", "column company: expected text"),
            ("number for text", "dtype={'company': str}"),
        ],
    )
    def test_refuse_a_table_that_does_not_fit(self, answers, table, message):
        assert message in answers[table]


class TestFolder:
    def test_names_every_column_and_its_type(self, folder):
        model = mlflow.models.Model.load(str(folder))
        found = [(c.name, c.type, c.required) for c in model.signature.inputs]
        assert found == [("miles", AnyType(), False), ("company", AnyType(), False)]
        assert [(c.name, str(c.type)) for c in model.signature.outputs] == [
            ("prediction", "DataType.double")
        ]
        assert model.metadata == {"columns": {"miles": "double", "company": "string"}}

    def test_has_the_example(self, folder):
        example = mlflow.models.Model.load(str(folder)).load_input_example(str(folder))
        rows = json.loads(example.to_json(orient="records"))
        assert rows == [
            {"miles": 1.5, "company": "Yellow"},
            {"miles": None, "company": "Flash"},
            {"miles": 2, "company": None},
        ]

    def test_names_what_it_needs_with_versions(self, folder):
        lines = (folder / "requirements.txt").read_text().splitlines()
        assert f"tensorflow=={tf.__version__}" in lines
        assert {line.split("==")[0] for line in lines} == {
            "mlflow",
            "tensorflow",
            "numpy",
            "pandas",
        }

    def test_has_the_saved_model_once_and_nothing_else_of_the_user(self, folder):
        assert len(list(folder.rglob("saved_model.pb"))) == 1
        assert not (folder / "uv.lock").exists()
        assert list(folder.parent.iterdir()) == [folder]

    def test_has_no_pickle(self, folder):
        files = [path for path in folder.rglob("*") if path.is_file()]
        assert [path for path in files if path.suffix in (".pkl", ".pickle")] == []
        assert [path for path in files if is_pickle(path.read_bytes())] == []


def is_pickle(content: bytes) -> bool:
    try:
        return bool(list(pickletools.genops(content)))
    except Exception:  # what pickletools raises for other content is not documented
        return False


def test_a_model_without_an_example(model, tmp_path):
    bare = tracker.ExportedModel("key", "taxi", model.folder, INPUTS, OUTPUTS, example=[])
    mlflow_models.save_model(bare, tmp_path / "model")
    assert not (tmp_path / "model" / "input_example.json").exists()


def test_what_cannot_be_saved_leaves_nothing(model, tmp_path):
    gone = tracker.ExportedModel("key", "taxi", tmp_path / "gone", INPUTS, OUTPUTS, EXAMPLE)
    with pytest.raises(mlflow.MlflowException, match="gone"):
        mlflow_models.save_model(gone, tmp_path / "saved" / "model")
    assert list((tmp_path / "saved").iterdir()) == []


def test_saving_needs_no_tensorflow(model, tmp_path):
    code = f"""
        import sys
        from pathlib import Path
        from huberflow.pipeline.tracking import mlflow_models, tracker
        model = tracker.ExportedModel("key", "taxi", Path({str(model.folder)!r}),
            [tracker.Column("miles", "double")], [tracker.Column("prediction", "double")],
            [{{"miles": 1.0}}])
        mlflow_models.save_model(model, Path({str(tmp_path / "model")!r}))
        assert "tensorflow" not in sys.modules
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True, capture_output=True)
