"""What every tracker keeps to: the same twice changes nothing, and nothing is lost or doubled."""

import json
import math
import subprocess
import sys
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import mlflow
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.entities import ViewType
from mlflow_servers import mlflow_server, postgresql

from huberflow.pipeline.tracking.mlflow_tracker import MlflowTracker
from huberflow.pipeline.tracking.tracker import (
    Column,
    Dataset,
    ExportedModel,
    MetricValue,
    NewRun,
    NullTracker,
    Tracker,
    TrackingError,
)

STARTED = 1_760_000_000.25
ENDED = STARTED + 60


@dataclass
class Store:
    """One place to track runs in, with an experiment and a workspace that no other test uses."""

    connect: Callable[[], Tracker]
    uri: str | None = None

    def __post_init__(self) -> None:
        self.experiment = f"taxi {uuid.uuid4().hex}"
        self.workspace = uuid.uuid4().hex
        self.tracker = self.connect()

    @property
    def client(self) -> MlflowClient:
        return MlflowClient(self.uri, self.uri)

    def new_run(self, run="run-1", **changes) -> NewRun:
        return NewRun(
            **{
                "key": f"{self.workspace}/{run}",
                "experiment": self.experiment,
                "name": "threshold=2.0",
                "started": STARTED,
                **changes,
            }
        )

    def opened(self, run="run-1", **changes) -> str:
        return self.tracker.open_run(self.new_run(run, **changes)).id

    def all_runs(self) -> list:
        experiment = self.client.get_experiment_by_name(self.experiment)
        return self.client.search_runs([experiment.experiment_id], run_view_type=ViewType.ALL)

    def create_directly(self, run="run-1", parent=None) -> str:
        """As another process would: an open run with this key, whatever is there already."""
        found = self.client.get_experiment_by_name(self.experiment)
        above = {"mlflow.parentRunId": parent} if parent else {}
        tags = {"huberflow.key": f"{self.workspace}/{run}", **above}
        return self.client.create_run(found.experiment_id, tags=tags).info.run_id


@pytest.fixture(scope="module")
def sqlite_uri(tmp_path_factory):
    return f"sqlite:///{tmp_path_factory.mktemp('sqlite') / 'mlflow.db'}"


@pytest.fixture(scope="module")
def sqlite_server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    with mlflow_server(f"sqlite:///{folder / 'mlflow.db'}", folder) as address:
        yield address


@pytest.fixture(scope="module")
def postgresql_server(tmp_path_factory):
    with (
        postgresql() as uri,
        mlflow_server(uri, tmp_path_factory.mktemp("postgresql")) as address,
    ):
        yield address


MLFLOW = ["sqlite_uri", "sqlite_server", "postgresql_server"]


@pytest.fixture(params=["null", *MLFLOW])
def any_store(request, tmp_path):
    if request.param == "null":
        return Store(NullTracker)
    return mlflow_store(request, tmp_path)


@pytest.fixture(params=MLFLOW)
def store(request, tmp_path):
    return mlflow_store(request, tmp_path)


@pytest.fixture
def local(sqlite_uri, tmp_path):
    return Store(lambda: MlflowTracker(sqlite_uri, tmp_path / "artifacts"), sqlite_uri)


def mlflow_store(request, tmp_path) -> Store:
    uri = request.getfixturevalue(request.param)
    return Store(lambda: MlflowTracker(uri, tmp_path / "artifacts"), uri)


@pytest.fixture(scope="module")
def saved_model(tmp_path_factory):
    """Doubles ``miles``; adds 1 where ``company`` is given."""
    import tensorflow as tf

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.float64, name="miles"),
            tf.TensorSpec([None], tf.string, name="company"),
        ]
    )
    def columns(miles, company):
        return {"prediction": 2.0 * miles + tf.cast(company != "", tf.float64)}

    folder = tmp_path_factory.mktemp("exported") / "1"
    tf.saved_model.save(tf.Module(), str(folder), signatures={"columns": columns})
    return folder


@pytest.fixture
def model(saved_model):
    return ExportedModel(
        key=f"{uuid.uuid4().hex}/run-1",
        name=f"taxi-{uuid.uuid4().hex}",
        folder=saved_model,
        inputs=[Column("miles", "double"), Column("company", "string")],
        outputs=[Column("prediction", "double")],
        example=[{"miles": 1.5, "company": "Flash Cab"}],
        tags={"loss": "HuberLoss"},
    )


class TestRuns:
    def test_the_same_key_is_the_same_run(self, any_store):
        assert any_store.opened("run-1") == any_store.opened("run-1")

    def test_another_key_is_another_run(self, any_store):
        runs = {any_store.opened(run) for run in ("run-1", "run-10", "run-1/Trainer", "run-2")}
        assert len(runs) == 4

    def test_is_open_until_it_is_closed_however_often(self, any_store):
        assert not any_store.tracker.open_run(any_store.new_run()).closed
        for _ in range(2):
            any_store.tracker.close_run(any_store.opened(), "finished", ENDED)
        assert any_store.tracker.open_run(any_store.new_run()).closed

    def test_another_process_finds_the_runs_and_which_are_closed(self, store):
        run = store.opened()
        node = store.opened("run-1/Trainer", parent=run)
        store.tracker.close_run(node, "failed", ENDED)
        again = store.connect()
        found_run = again.open_run(store.new_run())
        found_node = again.open_run(store.new_run("run-1/Trainer", parent=run))
        assert (found_run.id, found_run.closed) == (run, False)
        assert (found_node.id, found_node.closed) == (node, True)

    def test_mlflow_shows_name_times_outcome_tags_and_parent(self, store):
        run = store.opened()
        node = store.opened("run-1/Trainer", name="Trainer", parent=run, tags={"state": "ran"})
        store.tracker.close_run(node, "killed", ENDED)
        shown = store.client.get_run(node)
        assert shown.info.run_name == "Trainer"
        assert shown.info.start_time == 1_760_000_000_250
        assert shown.info.end_time == 1_760_000_060_250
        assert shown.info.status == "KILLED"
        assert shown.data.tags["state"] == "ran"
        assert shown.data.tags["mlflow.parentRunId"] == run

    def test_an_outcome_stays(self, store):
        run = store.opened()
        store.tracker.close_run(run, "failed", ENDED)
        store.connect().close_run(run, "finished", ENDED + 1)
        assert store.client.get_run(run).info.status == "FAILED"

    def test_of_another_revision_is_open_again_without_its_old_failure(self, store):
        run = store.opened(revision="1", tags={"huberflow.cause": "killed"})
        store.tracker.close_run(run, "killed", ENDED)
        assert store.connect().open_run(store.new_run(revision="1")).closed
        assert store.connect().open_run(store.new_run()).closed
        again = store.connect()
        found = again.open_run(store.new_run(revision="2"))
        assert (found.id, found.closed) == (run, False)
        assert "huberflow.cause" not in store.client.get_run(run).data.tags
        again.close_run(run, "finished", ENDED + 1)
        assert store.client.get_run(run).info.status == "FINISHED"
        assert store.connect().open_run(store.new_run(revision="2")).closed

    def test_the_runs_own_end_replaces_that_of_a_revision(self, store):
        run = store.opened()
        reader = store.connect()
        reader.open_run(store.new_run(revision="1"))
        reader.close_run(run, "finished", ENDED)
        store.tracker.close_run(run, "failed", ENDED + 1)
        assert store.client.get_run(run).info.status == "FAILED"
        assert store.connect().open_run(store.new_run(revision="2")).closed

    def test_a_closed_run_without_a_revision_stays_closed(self, store):
        store.tracker.close_run(store.opened(), "finished", ENDED)
        assert store.connect().open_run(store.new_run(revision="2")).closed

    def test_a_name_in_any_script(self, store):
        store.experiment = f"δοκιμή 出租车 {uuid.uuid4().hex}"
        run = store.opened(name="δ=2 · 日本語")
        assert store.client.get_run(run).info.run_name == "δ=2 · 日本語"
        assert store.connect().open_run(store.new_run()).id == run

    def test_a_run_deleted_in_mlflow_counts_as_closed_and_stays_deleted(self, store):
        run = store.opened()
        store.client.delete_run(run)
        again = store.connect().open_run(store.new_run())
        assert (again.id, again.closed) == (run, True)
        assert store.client.get_run(run).info.lifecycle_stage == "deleted"
        with pytest.raises(TrackingError, match="deleted"):
            store.tracker.log(run, tags={"state": "ran"})

    def test_of_two_runs_with_one_key_one_is_kept_with_its_nodes(self, store):
        kept = store.opened()
        node = store.opened("run-1/Trainer", parent=kept)
        store.tracker.close_run(node, "finished", ENDED)
        store.tracker.close_run(kept, "finished", ENDED)
        doubled = store.create_directly()
        doubled_node = store.create_directly("run-1/Trainer", parent=doubled)

        again = store.connect()
        assert again.open_run(store.new_run()).id == kept
        assert again.open_run(store.new_run("run-1/Trainer", parent=kept)).id == node
        deleted = {r.info.run_id for r in store.all_runs() if r.info.lifecycle_stage == "deleted"}
        assert deleted == {doubled, doubled_node}

    def test_runs_whose_key_begins_alike_are_left_alone(self, store):
        for run in ("run-1", "run-10", "run-1.5", "run_1"):
            store.opened(run)
        store.connect().open_run(store.new_run("run-1"))
        assert [r.info.lifecycle_stage for r in store.all_runs()] == ["active"] * 4

    def test_a_create_whose_answer_was_lost_is_not_repeated(self, local, monkeypatch):
        create = MlflowClient.create_run

        def lost(*args, **kwargs):
            create(*args, **kwargs)
            raise ConnectionError("reset by peer")

        with monkeypatch.context() as patched:
            patched.setattr(MlflowClient, "create_run", lost)
            with pytest.raises(TrackingError):
                local.opened()
        assert [local.opened()] == [run.info.run_id for run in local.all_runs()]

    def test_inherited_variables_have_no_influence(self, store, monkeypatch):
        other = store.opened("other")
        monkeypatch.setenv("MLFLOW_RUN_ID", other)
        monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", "0")
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
        run = store.connect().open_run(store.new_run()).id
        assert run != other
        assert store.client.get_run(run).info.experiment_id != "0"


class TestExperiments:
    def test_processes_that_start_together_share_it(self, store):
        with ThreadPoolExecutor(4) as pool:
            opened = [
                pool.submit(store.connect().open_run, store.new_run(f"run-{number}"))
                for number in range(4)
            ]
            experiments = {run.result().experiment for run in opened}
        assert len(experiments) == 1

    def test_a_deleted_one_is_refused_with_both_ways_out(self, store):
        store.opened()
        deleted = store.client.get_experiment_by_name(store.experiment).experiment_id
        store.client.delete_experiment(deleted)
        with pytest.raises(TrackingError) as caught:
            store.connect().open_run(store.new_run())
        assert f"restore --experiment-id {deleted}" in str(caught.value)
        assert "--set tracking.experiment=" in str(caught.value)

    def test_processes_that_start_together_create_one_database(self, tmp_path):
        uri = f"sqlite:///{tmp_path}/new/folder/mlflow.db"
        script = (
            "import sys; from huberflow.pipeline.tracking.mlflow_tracker import MlflowTracker\n"
            "from huberflow.pipeline.tracking.tracker import NewRun\n"
            "run = NewRun(sys.argv[2], 'taxi', 'name', 1.0)\n"
            "print(MlflowTracker(sys.argv[1]).open_run(run).experiment)"
        )
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", script, uri, f"w/run-{number}"],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for number in range(3)
        ]
        outputs = [process.communicate() for process in processes]
        assert [process.returncode for process in processes] == [0, 0, 0], outputs
        assert len({out for out, _ in outputs}) == 1

    @pytest.mark.parametrize("name", ["a/b", "..", "a b#c", "δ"])
    def test_artifacts_stay_in_their_folder_whatever_its_name(self, name, local, tmp_path):
        local.experiment = f"{name}{uuid.uuid4().hex}" if name != ".." else name
        (tmp_path / "files").mkdir()
        (tmp_path / "files" / "config.yaml").write_text("seed: 1")
        local.tracker.attach(local.opened(), tmp_path / "files")
        written = [p for p in tmp_path.rglob("config.yaml") if "files" not in p.parts]
        assert len(written) == 1
        assert written[0].is_relative_to(tmp_path / "artifacts")


PARAMS = {"loss.config.threshold": "2.0", "loss.name": "HuberLoss"}
LOSSES = [
    MetricValue("training/loss", value, STARTED + epoch, epoch)
    for epoch, value in enumerate([0.5, 0.25, 0.1], start=1)
]
TAGS = {"git": "52fd3f8"}
DATASET = Dataset(
    name="taxi",
    digest="f" * 36,
    source="/data/taxi",
    rows={"train": 9000, "eval": 6002},
    columns={"trip_miles": "double", "company": "string", "trip_start_hour": "long"},
)


class TestLog:
    def log(self, tracker: Tracker, run: str) -> None:
        tracker.log(run, params=PARAMS, metrics=LOSSES, tags=TAGS, dataset=DATASET)

    def shown(self, store: Store, run: str):
        found = store.client.get_run(run)
        datasets = [used.to_dictionary() for used in found.inputs.dataset_inputs]
        history = store.client.get_metric_history(run, "training/loss")
        points = [(p.step, p.timestamp, p.value) for p in history]
        return found.data.to_dictionary(), datasets, points

    def test_all_is_there(self, store):
        run = store.opened()
        self.log(store.tracker, run)
        data, datasets, points = self.shown(store, run)
        assert data["params"] == PARAMS
        assert data["tags"]["git"] == "52fd3f8"
        assert data["metrics"] == {"training/loss": 0.1}
        assert points == [
            (1, 1_760_000_001_250, 0.5),
            (2, 1_760_000_002_250, 0.25),
            (3, 1_760_000_003_250, 0.1),
        ]
        assert len(datasets) == 1

    def test_the_same_again_changes_nothing(self, store):
        run = store.opened()
        self.log(store.tracker, run)
        before = self.shown(store, run)
        self.log(store.tracker, run)
        self.log(store.connect(), run)
        assert self.shown(store, run) == before

    def test_what_was_delivered_in_part_is_completed(self, store):
        run = store.opened()
        store.tracker.log(run, params={"loss.name": "HuberLoss"}, metrics=LOSSES[:1])
        self.log(store.connect(), run)
        data, _, points = self.shown(store, run)
        assert data["params"] == PARAMS
        assert len(points) == 3

    def test_a_null_tracker_takes_all_of_it(self):
        self.log(NullTracker(), "run")

    def test_mlflow_reads_the_dataset(self, store):
        run = store.opened()
        self.log(store.tracker, run)
        (used,) = store.client.get_run(run).inputs.dataset_inputs
        assert [(tag.key, tag.value) for tag in used.tags] == [("mlflow.data.context", "training")]
        assert mlflow.data.get_source(used.dataset).uri == "/data/taxi"
        assert json.loads(used.dataset.profile)["num_rows"] == 15_002
        columns = json.loads(used.dataset.schema)["mlflow_colspec"]
        schema = mlflow.types.Schema.from_json(json.dumps(columns))
        assert {column.name: column.type.name for column in schema.inputs} == DATASET.columns

    def test_a_dataset_whose_columns_are_not_known_yet(self, store):
        run = store.opened()
        store.tracker.log(run, dataset=replace(DATASET, columns={}))
        (used,) = store.client.get_run(run).inputs.dataset_inputs
        assert (used.dataset.digest, used.dataset.schema) == (DATASET.digest, None)

    def test_more_than_one_request_can_hold(self, store):
        run = store.opened()
        params = {f"p{number}": "x" for number in range(250)}
        tags = {f"t{number}": "x" for number in range(150)}
        points = [MetricValue("loss", float(step), STARTED + step, step) for step in range(1500)]
        store.tracker.log(run, params=params, tags=tags, metrics=points)
        shown = store.client.get_run(run)
        assert shown.data.params == params
        assert tags.items() <= shown.data.tags.items()
        assert len(store.client.get_metric_history(run, "loss")) == 1500

    def test_a_param_never_changes_and_both_values_are_named(self, store):
        run = store.opened()
        store.tracker.log(run, params=PARAMS)
        with pytest.raises(TrackingError) as caught:
            store.tracker.log(run, params={"loss.config.threshold": "3.0"})
        for word in ("loss.config.threshold", "'2.0'", "'3.0'"):
            assert word in str(caught.value)

    def test_tags_are_replaced(self, store):
        run = store.opened()
        for state in ("running", "ran"):
            store.tracker.log(run, tags={"state": state})
        assert store.client.get_run(run).data.tags["state"] == "ran"

    def test_nan_stays_and_infinity_is_the_largest_number(self, store):
        run = store.opened()
        extremes = {"nan": math.nan, "up": math.inf, "down": -math.inf}
        points = [MetricValue(name, value, STARTED, 1) for name, value in extremes.items()]
        for _ in range(2):
            store.tracker.log(run, metrics=points)
        values = {}
        for name in extremes:
            (point,) = store.client.get_metric_history(run, name)
            values[name] = point.value
        assert math.isnan(values["nan"])
        assert (values["up"], values["down"]) == (sys.float_info.max, -sys.float_info.max)


class TestArtifacts:
    def test_come_back_equal_under_their_paths(self, store, tmp_path):
        files = {"config.yaml": b"seed: 42\n", "plots/δ loss.png": bytes(range(256)) * 5000}
        for name, content in files.items():
            path = tmp_path / "files" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        run = store.opened()
        for _ in range(2):
            store.tracker.attach(run, tmp_path / "files")
        store.client.download_artifacts(run, "", str(tmp_path))
        for name, content in files.items():
            assert (tmp_path / name).read_bytes() == content


class TestModels:
    def test_the_same_model_is_the_same_version(self, any_store, model):
        run = any_store.opened()
        versions = {any_store.tracker.register(run, model, None) for _ in range(2)}
        assert len(versions) == 1

    def test_another_model_is_the_next_version(self, any_store, model):
        run, other = any_store.opened(), replace(model, key=f"{model.key}-2")
        versions = {any_store.tracker.register(run, each, None) for each in (model, other)}
        assert len(versions) == 2

    def test_another_process_finds_the_version(self, store, model):
        run = store.opened()
        store.tracker.register(run, model, "champion")
        assert store.connect().register(run, model, "champion") == "1"

    def test_mlflow_loads_the_champion(self, store, model, tmp_path, monkeypatch):
        run = store.opened()
        monkeypatch.chdir(tmp_path)
        store.tracker.register(run, model, "champion")
        monkeypatch.setenv("MLFLOW_TRACKING_URI", store.uri)
        monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
        loaded = mlflow.pyfunc.load_model(f"models:/{model.name}@champion")
        rows = pd.DataFrame({"miles": [1.0, 2.5], "company": ["Flash Cab", None]})
        assert loaded.predict(rows)["prediction"].tolist() == [3.0, 5.0]
        assert {path.name for path in tmp_path.iterdir()} <= {"artifacts"}

    def test_mlflow_shows_where_a_version_is_from(self, store, model):
        run = store.opened()
        store.tracker.register(run, model, None)
        version = store.client.get_model_version(model.name, "1")
        assert version.run_id == run
        assert version.tags["loss"] == "HuberLoss"
        assert version.description == "Reads miles, company."
        history = json.loads(store.client.get_run(run).data.tags["mlflow.log-model.history"])
        assert [entry["artifact_path"] for entry in history] == ["model"]

    @pytest.mark.parametrize(
        ("registered", "aliases"),
        [
            ([("a", "champion"), ("b", "champion")], {"champion": "2"}),
            ([("a", "challenger"), ("a", "champion")], {"champion": "1"}),
            # A sweep met the config that serves now.
            ([("a", "champion"), ("a", "challenger")], {"champion": "1"}),
            (
                [("a", "champion"), ("b", "challenger"), ("b", None)],
                {"champion": "1", "challenger": "2"},
            ),
        ],
    )
    def test_a_version_is_champion_or_challenger(self, store, model, registered, aliases):
        for key, alias in registered:
            store.tracker.register(store.opened(), replace(model, key=key), alias)
        found = store.client.get_registered_model(model.name).aliases
        assert {alias: str(version) for alias, version in found.items()} == aliases
