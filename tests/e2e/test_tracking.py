"""What MLflow's own client reads of real runs, on SQLite and on a server with PostgreSQL."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import ml_metadata
import numpy as np
import pytest
import yaml
from ml_metadata.proto import metadata_store_pb2
from mlflow_servers import free_port, mlflow_server, postgresql
from PIL import Image
from taxi_workspace import HUBERFLOW, NODES, Run, Workspace, wait_for
from tracked import Tracked, differences

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="session")
def database() -> Iterator[str]:
    with postgresql() as uri:
        yield uri


@pytest.fixture(scope="session")
def server(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An MLflow server on PostgreSQL."""
    with mlflow_server(database, tmp_path_factory.mktemp("server")) as url:
        yield url


@pytest.fixture(scope="session", params=["SQLite", "PostgreSQL"])
def tracked(
    request: pytest.FixtureRequest,
    workspace: Workspace,
    sweep: Run,
    failing: Run,
    after_killed: Run,
    tmp_path_factory: pytest.TempPathFactory,
) -> Tracked:
    """Where the shared runs are tracked: where they went by themselves, and on a server."""
    if request.param == "SQLite":
        return Tracked(f"sqlite:///{workspace.root}/mlflow/mlflow.db")
    server = request.getfixturevalue("server")
    copy = workspace.copy(tmp_path_factory.mktemp("copy") / "workspace", history=True)
    done = copy.command("track", f"tracking.uri={server}")
    assert done.code == 0, done.errors
    return Tracked(server)


A_PARAMETER_OF_EACH_NODE = {
    "ExampleGen.output_config.split_config.splits.0.hash_buckets": "6",
    "StatisticsGen.exclude_splits": '["validation"]',
    "SchemaGen.infer_feature_shape": "0",
    "ExampleValidator.drift_threshold": "0.1",
    "Transform.features.vocabulary_size": "1000",
    "Trainer.seed": "42",
    "Trainer.training.loss.name": "HuberLoss",
    "Trainer.training.loss.config.threshold": "1.0",
    "Trainer.model.hidden_units": "[64, 32]",
    "Evaluator.evaluation.gate.0.upper_bound": "3.0",
}


class TestParameters:
    @pytest.mark.parametrize("command", ["first", "again"])
    def test_of_every_node_are_on_the_run(
        self, request: pytest.FixtureRequest, tracked: Tracked, workspace: Workspace, command: str
    ) -> None:
        params = tracked.run(request.getfixturevalue(command).id).data.params
        assert params | A_PARAMETER_OF_EACH_NODE == params
        serving = params["Pusher.push_destination.filesystem.base_directory"]
        assert serving == str(workspace.serving)

    def test_of_every_node_are_on_its_own_run_too(self, tracked: Tracked, again: Run) -> None:
        run = tracked.run(again.id)
        nodes = tracked.nodes(run)
        assert sorted(nodes) == sorted(NODES)
        for name, node in nodes.items():
            rolled_up = {f"{name}.{key}": value for key, value in node.data.params.items()}
            assert rolled_up.items() <= run.data.params.items()

    def test_are_the_whole_config_of_training(self, tracked: Tracked, first: Run) -> None:
        printed = subprocess.run(
            [HUBERFLOW, "config"], capture_output=True, text=True, check=True
        ).stdout
        params = tracked.run(first.id).data.params
        for key, value in yaml.safe_load(printed)["training"].items():
            whole = [path for path in params if path.startswith(f"Trainer.training.{key}")]
            assert whole, key
            if not isinstance(value, dict | list):
                assert yaml.safe_load(params[f"Trainer.training.{key}"]) == value

    def test_of_a_cached_run_are_those_of_the_first(
        self, tracked: Tracked, first: Run, again: Run
    ) -> None:
        assert tracked.run(again.id).data.params == tracked.run(first.id).data.params


class TestCurves:
    @pytest.mark.parametrize("command", ["first", "again"])
    def test_have_a_point_per_epoch(
        self, request: pytest.FixtureRequest, tracked: Tracked, workspace: Workspace, command: str
    ) -> None:
        run = tracked.run(request.getfixturevalue(command).id)
        table = min((workspace.root / "artifacts" / "Trainer" / "model_run").iterdir(), key=number)
        with (table / "epochs.csv").open() as lines:
            rows = list(csv.DictReader(lines))
        for key in ("loss", "val_loss", "huber_metric", "learning_rate", "steps_per_second"):
            expected = [(n, float(row[key])) for n, row in enumerate(rows, start=1)]
            assert tracked.history(run, f"training/{key}") == expected
        assert len(rows) > 5


def number(path: Path) -> int:
    return int(path.name)


class TestResults:
    @pytest.mark.parametrize("command", ["first", "again", "other_threshold"])
    def test_are_the_evaluators(
        self, request: pytest.FixtureRequest, tracked: Tracked, command: str
    ) -> None:
        pipeline_run = request.getfixturevalue(command)
        run = tracked.run(pipeline_run.id)
        (overall,) = [row for row in pipeline_run.report["slices"] if not row["slice"]]
        for group, model in (("evaluation", "candidate"), ("baseline", "baseline")):
            found = {
                key.removeprefix(f"{group}/"): value
                for key, value in run.data.metrics.items()
                if key.startswith(f"{group}/")
            }
            assert found == (overall[model] or {})

    def test_say_what_each_node_took(self, tracked: Tracked, first: Run, again: Run) -> None:
        ran, cached = (tracked.run(run.id).data.metrics for run in (first, again))
        assert (ran["nodes/Trainer.cached"], cached["nodes/Trainer.cached"]) == (0, 1)
        assert ran["nodes/Trainer.seconds"] > cached["nodes/Trainer.seconds"] > 0
        assert ran["nodes/Trainer.peak_memory_mb"] > 200
        assert ran["nodes/Trainer.cpu_seconds"] > 0

    def test_not_blessed_says_why(self, tracked: Tracked, gated: Run) -> None:
        tags = tracked.run(gated.id).data.tags
        assert tags["huberflow.blessed"] == "false"
        assert "above the upper bound 0.5" in tags["mlflow.note.content"]


class TestRuns:
    def test_end_as_they_ended(
        self, tracked: Tracked, first: Run, gated: Run, failing: Run
    ) -> None:
        assert tracked.run(first.id).info.status == "FINISHED"
        assert tracked.run(gated.id).info.status == "FINISHED"
        assert tracked.run(failing.id).info.status == "FAILED"

    def test_that_failed_name_node_and_cause_and_bring_the_log(
        self, tracked: Tracked, failing: Run
    ) -> None:
        run = tracked.run(failing.id)
        assert run.data.tags["huberflow.failed_node"] == "Transform"
        assert "no_such_column" in run.data.tags["huberflow.cause"]
        assert tracked.nodes(run)["Transform"].info.status == "FAILED"
        assert "Traceback" in tracked.file(run, "run.log").read_text()

    def test_that_were_killed_are_closed(self, tracked: Tracked, after_killed: Run) -> None:
        (killed,) = [r for r in tracked.runs() if r.data.tags.get("huberflow.status") == "killed"]
        assert killed.info.status == "KILLED"
        assert killed.data.params["Transform.label"] == "fare"
        assert tracked.history(killed, "training/loss")[0][0] == 1
        assert tracked.nodes(killed)["Trainer"].info.status in ("KILLED", "FAILED")

    def test_of_a_sweep_are_below_it(self, tracked: Tracked, sweep: Run) -> None:
        (above,) = [r for r in tracked.runs() if r.data.tags.get("huberflow.kind") == "sweep"]
        trials = tracked.nodes(above).values()
        thresholds = [
            trial.data.params["Trainer.training.loss.config.threshold"] for trial in trials
        ]
        assert sorted(thresholds) == ["0.5", "1.0", "2.0", "4.0"]
        assert above.info.status == "FINISHED"


class TestLineage:
    def test_data_is_an_input_with_digest_and_rows(self, tracked: Tracked, first: Run) -> None:
        (used,) = tracked.run(first.id).inputs.dataset_inputs
        profile = json.loads(used.dataset.profile)
        assert (
            profile["num_rows"]
            == 15_002
            == sum(profile[s] for s in ("train", "validation", "eval"))
        )
        assert profile["eval"] == first.metric("example_count")
        assert len(used.dataset.digest) == 32

    def test_same_data_has_the_same_digest(self, tracked: Tracked, first: Run, gated: Run) -> None:
        inputs = [tracked.run(run.id).inputs.dataset_inputs[0] for run in (first, gated)]
        assert len({used.dataset.digest for used in inputs}) == 1

    def test_metadata_and_tracking_know_each_other(
        self, workspace: Workspace, sweep: Run, first: Run
    ) -> None:
        tracked = Tracked(f"sqlite:///{workspace.root}/mlflow/mlflow.db")
        store = metadata_store(workspace)
        context = store.get_context_by_type_and_name("pipeline_run", first.id)
        run = tracked.run(first.id)
        assert context.custom_properties["mlflow_run_id"].string_value == run.info.run_id
        executions = json.loads(run.data.tags["huberflow.metadata.executions"])
        assert sorted(executions.values()) == sorted(
            execution.id for execution in store.get_executions_by_context(context.id)
        )

    def test_code_is_named(self, tracked: Tracked, first: Run) -> None:
        run = tracked.run(first.id)
        commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True)
        # An archive of the code has no repository, and no commit to name.
        known = commit.stdout.strip() if commit.returncode == 0 else None
        assert run.data.tags.get("mlflow.source.git.commit") == known
        assert len(run.data.tags["huberflow.source"]) == 16

    def test_pushed_version_is_named(self, tracked: Tracked, first: Run, workspace) -> None:
        tags = tracked.run(first.id).data.tags
        assert tags["huberflow.pushed"] == str(workspace.serving / "1")


def metadata_store(workspace: Workspace):
    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = str(workspace.root / "metadata.sqlite")
    return ml_metadata.MetadataStore(config)


class TestArtifacts:
    def test_open(self, tracked: Tracked, first: Run) -> None:
        run = tracked.run(first.id)
        for name in ("predicted_against_true", "residuals", "error_by_slice", "training_curves"):
            with Image.open(tracked.file(run, f"figures/{name}.png")) as picture:
                picture.verify()
                assert picture.width > 600
        table = json.loads(tracked.file(run, "slices.json").read_text())
        assert len(table["data"]) == len(first.report["slices"])
        assert yaml.safe_load(tracked.file(run, "config.yaml").read_text())["seed"] == 42
        assert "trip_miles" in tracked.file(run, "schema.pbtxt").read_text()
        assert "trip_miles" in tracked.file(run, "statistics.html").read_text()
        assert tracked.file(run, "anomalies.txt").read_text().strip()

    def test_report_is_one_page_with_all_of_it(self, tracked: Tracked, first: Run) -> None:
        page = tracked.file(tracked.run(first.id), "report.html").read_text()
        assert page.count("data:image/png;base64,") == 4
        assert "payment_type=Cash" in page
        assert 'src="http' not in page
        assert len(page) < 2_000_000


ASK_THE_CHAMPION = """
import json, sys
import mlflow
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model("models:/taxi@champion")
example = model.input_example
assert model.metadata.signature.inputs is not None
print(json.dumps({
    "columns": model.metadata.signature.inputs.input_names(),
    "rows": json.loads(example.to_json(orient="records")),
    "predictions": model.predict(example)["prediction"].tolist(),
}))
"""


@pytest.fixture(scope="session")
def champion(tracked: Tracked) -> dict:
    """What the champion answers where nothing of ours can be imported, nor any pickle read."""
    library = np.__path__[0].rpartition("/")[0]
    done = subprocess.run(
        [
            *(sys.executable, "-B", "-I", "-S", "-c"),
            f"import sys; sys.path.append({library!r})\n{ASK_THE_CHAMPION}",
            tracked.uri,
        ],
        capture_output=True,
        text=True,
        env={"MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false", "PATH": ""},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


class TestRegistry:
    def test_champion_is_what_serves(
        self, tracked: Tracked, workspace: Workspace, other_threshold: Run
    ) -> None:
        version = tracked.client.get_model_version_by_alias("taxi", "champion").version
        pushed = [r for r in tracked.runs() if r.data.metrics.get("nodes/Pusher.cached") == 0]
        newest = max(pushed, key=lambda r: int(r.data.tags.get("huberflow.pushed_version", 0)))
        assert newest.data.tags["huberflow.model"] == f"taxi/{version}"

    def test_champion_answers_as_the_pushed_model(
        self, tracked: Tracked, champion: dict, workspace: Workspace
    ) -> None:
        import tensorflow as tf

        version = tracked.client.get_model_version_by_alias("taxi", "champion")
        pushed = tracked.client.get_run(version.run_id).data.tags["huberflow.pushed"]
        ask = tf.saved_model.load(pushed).signatures["columns"]
        specs = ask.structured_input_signature[1]
        missing = {tf.string: "", tf.float64: float("nan")}
        columns = {
            name: tf.constant(
                [
                    missing[spec.dtype] if row[name] is None else row[name]
                    for row in champion["rows"]
                ],
                spec.dtype,
            )
            for name, spec in specs.items()
        }
        np.testing.assert_array_equal(
            np.float32(champion["predictions"]), ask(**columns)["prediction"].numpy()
        )
        assert set(champion["columns"]) == set(specs)

    def test_same_model_is_one_version(self, tracked: Tracked, first: Run, again: Run) -> None:
        versions = {tracked.run(run.id).data.tags["huberflow.model"] for run in (first, again)}
        assert len(versions) == 1


class TestServerThatDies:
    def test_costs_nothing_and_gets_all_later(
        self,
        workspace: Workspace,
        sweep: Run,
        tmp_path: Path,
    ) -> None:
        copy, port = workspace.copy(tmp_path / "workspace", history=False), free_port()
        settings = [
            "seed=9",
            "training.epochs=4",
            "evaluation.gate=[{metric: huber, upper_bound: 50.0}]",
            f"tracking.uri=http://127.0.0.1:{port}",
        ]
        with postgresql() as database:
            with mlflow_server(database, tmp_path, port):
                process = copy.start(*settings)
                printed = wait_for(process, "epoch 1/4")
            printed += process.stdout.read()
            assert process.wait() == 0, printed
            assert "blessed       yes" in printed
            assert printed.count("cannot be reached") == 1
            assert "huberflow track" in printed

            with mlflow_server(database, tmp_path, port) as url:
                tracked = Tracked(url)
                first = copy.command("track", *settings)
                assert first.output == "delivered 1, already there 0\n"
                dump, ids = tracked.dump(), tracked.ids()
                second = copy.command("track", *settings)
                assert second.output == "delivered 0, already there 1\n"
                assert (tracked.dump(), tracked.ids()) == (dump, ids)
        whole = {key.rpartition("/")[2]: run["status"] for key, run in dump["runs"].items()}
        assert list(whole.values()) == ["FINISHED"] * (1 + len(NODES))
        assert len(dump["models"]) == 1


class TestSameMoment:
    def test_two_workspaces_with_one_server(
        self, workspace: Workspace, sweep: Run, server: str, tmp_path: Path
    ) -> None:
        settings = [
            "training.epochs=2",
            "name=twin",
            "evaluation.gate=[{metric: huber, upper_bound: 50.0}]",
            f"tracking.uri={server}",
        ]
        copies = [workspace.copy(tmp_path / place / "workspace", history=False) for place in "ab"]
        processes = [copy.start(*settings, f"seed={seed}") for seed, copy in enumerate(copies)]
        printed = [process.communicate()[0] for process in processes]
        assert [process.returncode for process in processes] == [0, 0], printed

        client = Tracked(server).client
        experiment = client.get_experiment_by_name("twin")
        runs = client.search_runs([experiment.experiment_id], max_results=100)
        assert len(runs) == 2 * (1 + len(NODES))
        assert {run.info.status for run in runs} == {"FINISHED"}
        assert len(client.search_model_versions("name = 'twin'")) == 2


class TestDeletedDatabase:
    def test_is_rebuilt_as_it_was_tracked_live(
        self, workspace: Workspace, sweep: Run, failing: Run, after_killed: Run, tmp_path: Path
    ) -> None:
        live = Tracked(f"sqlite:///{workspace.root}/mlflow/mlflow.db").dump()
        assert len(live["runs"]) > 9 * len(NODES)
        copy = workspace.copy(tmp_path / "workspace", history=True)
        assert copy.command("track").code == 0
        tracked = Tracked(f"sqlite:///{copy.root}/mlflow/mlflow.db")
        assert differences(tracked.dump(), live) == []
        shutil.rmtree(copy.root / "mlflow")
        done = copy.command("track")
        assert done.code == 0, done.errors
        # Under another spelling: MLflow's client keeps the deleted file open under the first.
        again = Tracked(f"sqlite:///{copy.root}/./mlflow/mlflow.db")
        assert differences(again.dump(), live) == []
