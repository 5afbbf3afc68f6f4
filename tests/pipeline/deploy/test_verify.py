"""The verbs `huberflow verify` and `huberflow predict`, with real models."""

import json
import shutil
import subprocess
import sys

import pytest
import tensorflow as tf
from click.testing import CliRunner
from small_bundles import edited, rewritten
from tensorflow.core.protobuf import saved_model_pb2

from huberflow.components.bundle import reload
from huberflow.pipeline.cli.main import cli

LOSS = "        return per_sample(huber(errors(y_true, y_pred), self.threshold))"

MAIN = "from huberflow.pipeline.cli.main import main; main()"

ROWS = "trip,miles,company\n1,1.5,Blue\n2,far,Red\n3,2,Red\n"

without_gpu = pytest.mark.skipif(
    bool(tf.config.list_physical_devices("GPU")), reason="this machine has a GPU"
)


@pytest.fixture
def copy(bundle, tmp_path):
    return shutil.copytree(bundle, tmp_path / "copy")


def huberflow(*arguments):
    return CliRunner().invoke(cli, [*map(str, arguments)])


def process(*arguments):
    """As a shell runs it, with all that libraries print."""
    return subprocess.run(
        [sys.executable, "-c", MAIN, *map(str, arguments)],
        capture_output=True,
        text=True,
    )


class TestVerify:
    def test_shows_that_every_value_is_as_it_was(self, bundle):
        done = huberflow("verify", bundle)
        assert done.exit_code == 0, done.output
        heading, *values, statement, signature, where, result = done.stdout.splitlines()
        assert heading.split() == ["value", "off", "by", "relative", "allowed"]
        assert ["steps", "0", "0", "0", "ok"] in [line.split() for line in values]
        assert all(line.endswith("ok") for line in values)
        assert statement.startswith("Proves: predictions, loss, metrics, two training steps and")
        assert signature == "not signed"
        assert where.startswith("on CPU:0, tolerances of same_machine; load ")
        assert result == f"ok  {bundle}"

    def test_shows_a_value_that_differs_and_fails(self, copy):
        edited(copy, "huberflow/custom_objects/losses.py", LOSS, f"{LOSS} * 1.5")
        done = huberflow("verify", copy)
        assert done.exit_code == 1
        words = [line.split() for line in done.stdout.splitlines()]
        assert [line[-1] for line in words if line[0] == "model/loss"] == ["FAILED"]
        assert [line[-1] for line in words if line[0] == "answers/columns/prediction"] == ["ok"]
        assert words[-1] == ["FAILED", str(copy)]

    def test_refuses_a_model_that_was_changed_in_a_line(self, copy):
        with (copy / "saved_model.pb").open("ab") as file:
            file.write(b"x")
        done = huberflow("verify", copy)
        assert (done.exit_code, done.stdout) == (1, "")
        assert done.stderr.startswith("huberflow: refused: saved_model.pb: changed")
        assert len(done.stderr.splitlines()) == 1

    def test_refuses_a_model_that_does_more_than_compute_unless_that_is_allowed(self, copy):
        saved_model = saved_model_pb2.SavedModel.FromString((copy / "saved_model.pb").read_bytes())
        saved_model.meta_graphs[0].graph_def.node.add(name="more", op="PrintV2")
        (copy / "saved_model.pb").write_bytes(saved_model.SerializeToString())
        done = huberflow("verify", rewritten(copy))
        assert done.exit_code == 1
        assert done.stderr.startswith(
            "huberflow: refused: the model does more than compute: PrintV2 prints what it is given"
        )
        assert huberflow("verify", copy, "--allow-op", "PrintV2").exit_code == 0

    def test_warns_of_other_versions(self, copy):
        versions = {**reload.releases.versions(), "tensorflow": "2.18.0"}
        done = huberflow("verify", rewritten(copy, versions=versions))
        assert done.exit_code == 0
        assert "tensorflow 2.18.0" in done.stderr

    def test_gives_its_report_as_json(self, bundle):
        report = json.loads(huberflow("verify", bundle, "--device", "cpu", "--json").stdout)
        assert report["ok"]
        assert report["device"] == "CPU:0"
        assert set(report["seconds"]) == {"load", "first_prediction", "warm_prediction"}
        assert report["values"]["model/loss"]["absolute"] == 0

    def test_without_a_model_shows_how_to_make_one(self, tmp_path):
        done = huberflow("verify", "--workspace", tmp_path)
        assert done.exit_code == 2
        assert done.stderr.endswith(f"write: huberflow run --workspace {tmp_path}\n")

    def test_takes_the_newest_version_in_the_workspace(self, bundle, tmp_path):
        shutil.copytree(bundle, tmp_path / "serving" / "taxi" / "7")
        done = process("verify", "--workspace", tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.endswith(f"\nok  {tmp_path}/serving/taxi/7\n")


class TestPredict:
    @pytest.fixture
    def data(self, tmp_path):
        (tmp_path / "data.csv").write_text(ROWS)
        return tmp_path / "data.csv"

    def test_writes_good_rows_and_names_bad_ones(self, bundle, data, tmp_path):
        out = tmp_path / "out.csv"
        done = process("predict", bundle, "--data", data, "--output", out)
        assert done.returncode == 1
        assert done.stdout == f"predicted 2 rows: {out}\n"
        assert done.stderr == (
            f"huberflow: bad rows: 1 of 3, see {out}.bad.csv; the first, in line 3: "
            "miles: expected a number, received 'far'\n"
        )
        assert [line.split(",")[0] for line in out.read_text().splitlines()] == ["trip", "1", "3"]
        assert (tmp_path / "out.csv.bad.csv").read_text().splitlines()[1:] == [
            '3,"miles: expected a number, received \'far\'","2,far,Red"'
        ]

    def test_is_done_where_every_row_is_fine(self, bundle, data, tmp_path):
        data.write_text(ROWS.replace("far", ""))
        done = huberflow("predict", bundle, "--data", data, "--output", tmp_path / "out.parquet")
        assert (done.exit_code, done.stderr) == (0, "")
        assert {path.name for path in tmp_path.iterdir()} == {"data.csv", "out.parquet"}

    def test_names_the_columns_that_the_file_lacks(self, bundle, data, tmp_path):
        data.write_text("Miles,company\n1,Blue\n")
        done = huberflow("predict", bundle, "--data", data, "--output", tmp_path / "out.csv")
        assert done.exit_code == 0
        assert done.stderr.startswith(f"huberflow: {data} has no column miles")

    def test_refuses_to_write_over_its_data(self, bundle, data):
        done = huberflow("predict", bundle, "--data", data, "--output", data)
        assert done.exit_code == 2
        assert str(data) in done.stderr
        assert data.read_text() == ROWS

    def test_refuses_a_model_that_was_changed(self, copy, data, tmp_path):
        (copy / "assets.extra" / "more.txt").touch()
        done = huberflow("predict", copy, "--data", data, "--output", tmp_path / "out.csv")
        assert done.exit_code == 1
        assert "refused: assets.extra/more.txt: not part of the bundle" in done.stderr


@without_gpu
@pytest.mark.parametrize("verb", ["verify", "predict"])
def test_on_a_gpu_is_refused_where_there_is_none(bundle, tmp_path, verb):
    (tmp_path / "data.csv").write_text(ROWS)
    files = ("--data", tmp_path / "data.csv", "--output", tmp_path / "out.csv")
    done = huberflow(verb, bundle, "--device", "gpu", *(files if verb == "predict" else ()))
    assert done.exit_code == 1
    assert done.stderr.startswith("huberflow: refused: device: ")
    assert "--device cpu" in done.stderr
