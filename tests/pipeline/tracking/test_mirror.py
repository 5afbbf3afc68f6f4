"""What a tracker gets to know of a run, and when."""

from __future__ import annotations

import gzip
import json
import math
import struct

import pytest
from journals import START, Story, evaluation
from remembering_tracker import RememberingTracker

from huberflow.pipeline.history import run_history
from huberflow.pipeline.resolve.resolved_run import load
from huberflow.pipeline.tracking.data_and_model import EXAMPLE_ROWS
from huberflow.pipeline.tracking.mirror import Mirror
from huberflow.pipeline.tracking.tracker import MetricValue, TrackingError

TRAINER = {
    "custom_config": {
        "training": {"loss": {"name": "HuberLoss", "config": {"threshold": 2.0}}},
        "source": {"components/training/trainer.py": "abc123"},
    }
}

NODES = {"ExampleGen", "SchemaGen", "Trainer", "Evaluator", "ServingExport", "Pusher"}

SWEEP = {"log": "none", "sweep_name": "a sweep", "sweep_started": START}


@pytest.fixture
def artifacts(tmp_path):
    """Folders as the nodes of a run leave them, by output key."""
    folders = {
        name: tmp_path / "artifacts" / name for name in ("examples", "schema", "model", "model_run")
    }
    for folder in folders.values():
        folder.mkdir(parents=True)
    (folders["examples"] / "Split-train").mkdir()
    with gzip.open(folders["examples"] / "Split-train" / "rows.gz", "wb") as rows:
        rows.write(struct.pack("<QI", 0, 0) + struct.pack("<I", 0))
    (folders["schema"] / "schema.pbtxt").write_text(
        'feature { name: "trip_miles" type: FLOAT }\nfeature { name: "company" type: BYTES }\n'
    )
    (folders["model_run"] / "epochs.csv").write_text(
        f"epoch,loss,time\n0,2.5,{START + 6}\n1,1.25,{START + 7}\n"
    )
    sample = {"label": 5.0, "prediction": 5.5, "features": {"trip_miles": 1.5, "company": None}}
    (folders["model_run"] / "predictions.jsonl").write_text(f"{json.dumps(sample)}\n" * 6)
    return folders


@pytest.fixture
def story(tmp_path, artifacts):
    """A run that has trained and been evaluated; its journal may go on."""

    def evaluated(run_id="run-1", *, blessed=True, trained="ran", pushed="ran", **begin) -> Story:
        story = Story(tmp_path / "journal", run_id, **begin)
        splits = {"split_names": '["train"]'}
        story.runs(
            "ExampleGen",
            properties={"input_base": "/data/taxi"},
            outputs={"examples": (artifacts["examples"], splits)},
        )
        story.runs("SchemaGen", outputs={"schema": (artifacts["schema"], {})})
        story.starts("Trainer")
        if trained == "ran":
            story.trains(1, loss=2.5).trains(2, loss=1.25)
        outputs = {key: (artifacts[key], {}) for key in ("model", "model_run")}
        story.finishes("Trainer", state=trained, properties=TRAINER, outputs=outputs)
        found = evaluation(tmp_path / f"evaluation-{run_id}", blessed=blessed)
        story.runs("Evaluator", outputs={"evaluation": found})
        if pushed:
            exported = (artifacts["model"], {"certificate": "c0ffee"})
            story.runs("ServingExport", outputs={"exported_model": exported})
            to = {"pushed": 1, "pushed_destination": "/serving/taxi/1", "pushed_version": "1"}
            story.runs("Pusher", state=pushed, outputs={"pushed_model": (tmp_path, to)})
        return story

    return evaluated


def mirrored(story: Story, tracker: RememberingTracker | None = None) -> RememberingTracker:
    tracker = tracker or RememberingTracker()
    Mirror(tracker, "ws").update(run_history.read_run(story.path))
    return tracker


class TestARun:
    def test_is_one_run_and_one_below_it_for_each_node(self, story):
        runs = mirrored(story().ends()).runs
        assert set(runs) == {"ws/run-1"} | {f"ws/run-1/{node}" for node in NODES}
        assert [kept.new.parent for kept in runs.values()] == [None] + ["ws/run-1"] * 6
        assert {kept.new.experiment for kept in runs.values()} == {"taxi"}

    @pytest.mark.parametrize(
        ("status", "outcome"),
        [
            ("done", "finished"),
            ("failed", "failed"),
            ("interrupted", "killed"),
            ("killed", "killed"),
        ],
    )
    def test_has_its_name_its_outcome_and_its_end(self, story, status, outcome):
        ended = story(name="deep and wide").ends(status)
        run = mirrored(ended).runs["ws/run-1"]
        assert run.new.name == "deep and wide"
        assert (run.outcome, run.ended) == (outcome, run_history.read_run(ended.path).ended)

    def test_of_a_sweep_is_below_the_sweep(self, tmp_path, story):
        sweep = Story(tmp_path / "journal", "sweep-1", kind="sweep", name="a sweep").ends()
        for before in (RememberingTracker(), mirrored(sweep)):
            tracker = mirrored(story(sweep="sweep-1", facts=SWEEP), before)
            assert tracker.runs["ws/run-1"].new.parent == "ws/sweep-1"
            assert tracker.runs["ws/sweep-1"].new.name == "a sweep"
        assert tracker.runs["ws/sweep-1"].outcome == "finished"


class TestParameters:
    def test_are_on_the_node_and_on_the_run(self, story):
        runs = mirrored(story()).runs
        path = "training.loss.config.threshold"
        assert runs["ws/run-1/Trainer"].params[path] == "2.0"
        assert runs["ws/run-1"].params[f"Trainer.{path}"] == "2.0"
        assert runs["ws/run-1"].params["Trainer.training.loss.name"] == "HuberLoss"
        assert runs["ws/run-1"].params["ExampleGen.input_base"] == "/data/taxi"

    def test_of_cached_nodes_are_there_as_well(self, story):
        ran, cached = story("run-1"), story("run-2", trained="cached", pushed="cached")
        tracker = mirrored(cached, mirrored(ran))
        assert tracker.runs["ws/run-2"].params == tracker.runs["ws/run-1"].params


class TestMetrics:
    def test_are_the_curves_a_value_per_epoch(self, story):
        curve = {
            MetricValue("training/loss", 2.5, START + 6, 1),
            MetricValue("training/loss", 1.25, START + 7, 2),
        }
        for run in ("ws/run-1", "ws/run-1/Trainer"):
            values = mirrored(story()).runs[run].metrics
            losses = {value for value in values if value.key == "training/loss"}
            assert losses == curve

    def test_of_a_cached_model_are_the_curves_of_its_training(self, story):
        tracker = mirrored(story(trained="cached"))
        losses = {v.step: v.value for v in tracker.runs["ws/run-1"].metrics if "loss" in v.key}
        assert losses == {1: 2.5, 2: 1.25}

    def test_are_how_far_each_column_changed(self, story, tmp_path):
        shift = {"measure": "infinity_norm", "threshold": 0.1, "largest": None}
        shifts = [
            {**shift, "kind": "drift", "column": "company", "value": 0.3},
            {**shift, "kind": "skew", "column": "company", "value": 0.0},
        ]
        (tmp_path / "findings.json").write_text(json.dumps({"anomalies": [], "shifts": shifts}))
        seen = story().runs("ExampleValidator", outputs={"anomalies": (tmp_path, {})})
        # MLflow shows first what came first: that is to be how good the model is.
        assert "drift/company" not in mirrored(seen).values("ws/run-1")
        values = mirrored(seen.ends()).values("ws/run-1")
        assert (values["drift/company"], values["skew/company"]) == (0.3, 0.0)

    def test_are_the_evaluators(self, story):
        values = mirrored(story()).values("ws/run-1")
        assert (values["evaluation/huber"], values["evaluation/mae"]) == (0.75, 1.5)
        assert not any(key.startswith("baseline/") for key in values)

    def test_are_what_each_node_took(self, story):
        tracker = mirrored(story(trained="cached").ends())
        values = tracker.values("ws/run-1")
        assert (values["nodes/Trainer.seconds"], values["nodes/Trainer.cached"]) == (2.5, 1.0)
        assert values["nodes/Evaluator.cached"] == 0.0
        assert values["nodes/Evaluator.peak_memory_mb"] == 512.0
        assert tracker.values("ws/run-1/Evaluator")["seconds"] == 2.5


class TestValuesThatAreNoNumbers:
    """NaN and infinity: of a training that diverged, of a slice without rows."""

    @pytest.fixture
    def tracker(self, tmp_path, artifacts):
        (artifacts["model_run"] / "epochs.csv").write_text(
            f"epoch,loss,time\n0,inf,{START + 6}\n1,nan,{START + 7}\n"
        )
        sample = {"label": 5.0, "prediction": math.nan, "features": {}}
        (artifacts["model_run"] / "predictions.jsonl").write_text(f"{json.dumps(sample)}\n" * 3)
        outputs = {key: (artifacts[key], {}) for key in ("model", "model_run")}
        found = evaluation(tmp_path / "evaluation", huber=math.nan, mae=math.inf)
        story = Story(tmp_path / "journal").starts("Trainer")
        story.trains(1, loss=math.inf).trains(2, loss=math.nan)
        story.finishes("Trainer", properties=TRAINER, outputs=outputs)
        return mirrored(story.runs("Evaluator", outputs={"evaluation": found}).ends())

    def test_are_logged_as_they_are(self, tracker):
        values = tracker.values("ws/run-1")
        assert math.isnan(values["evaluation/huber"])
        assert values["evaluation/mae"] == math.inf
        logged = tracker.runs["ws/run-1"].metrics
        assert {repr(v.value) for v in logged if v.key == "training/loss"} == {"inf", "nan"}

    def test_leave_every_file_readable_and_the_run_ends(self, tracker):
        files = tracker.runs["ws/run-1"].files
        for name in ("slices.csv", "figures/training_curves.png", "report.html"):
            assert files[name]
        assert "NaN" not in files["slices.json"].decode()  # browsers read no such JSON
        assert tracker.runs["ws/run-1"].outcome == "finished"


class TestArtifacts:
    def test_are_the_report_and_all_it_is_made_of(self, story):
        files = mirrored(story().ends()).runs["ws/run-1"].files
        assert set(files) >= {
            "config.yaml",
            "schema.pbtxt",
            "slices.csv",
            "slices.json",
            "figures/training_curves.png",
            "figures/predicted_against_true.png",
            "figures/residuals.png",
            "figures/error_by_slice.png",
            "report.html",
        }
        assert files["report.html"].count(b"data:image/png;base64,") == 4

    def test_of_a_node_are_all_that_the_metadata_has(self, story):
        kept = mirrored(story()).runs["ws/run-1/Trainer"]
        node = json.loads(kept.files["node.json"])
        assert node["properties"] == TRAINER
        assert kept.tags["huberflow.metadata.execution"] == str(node["id"])

    def test_of_a_failed_run_are_its_log(self, tmp_path):
        (tmp_path / "logs").mkdir()
        (tmp_path / "logs" / "run-1.log").write_text("Traceback ...\nDB_PASSWORD=hunter2\n")
        story = Story(tmp_path / "journal").starts("Transform").fails("Transform", "no rows")
        kept = mirrored(story.ends("failed"))
        run, node = kept.runs["ws/run-1"], kept.runs["ws/run-1/Transform"]
        assert run.files["run.log"] == b"Traceback ...\nDB_PASSWORD=***\n"
        assert (run.outcome, node.outcome) == ("failed", "failed")
        assert (run.tags["huberflow.failed_node"], run.tags["huberflow.cause"]) == (
            "Transform",
            "no rows",
        )
        assert "no rows" in run.tags["mlflow.note.content"]


class TestLineage:
    def test_leads_to_data_code_metadata_and_what_serves(self, story):
        git = {"commit": "c0ffee", "branch": "main", "dirty": True, "remote": None}
        facts = {"log": "none", "git": git, "user": "ada", "command": "huberflow run"}
        kept = mirrored(story(facts=facts).ends()).runs["ws/run-1"]
        assert kept.tags["mlflow.source.git.commit"] == "c0ffee"
        assert kept.tags["mlflow.source.git.dirty"] == "true"
        assert kept.tags["mlflow.user"] == "ada"
        assert kept.tags["huberflow.pushed"] == "/serving/taxi/1"
        assert set(json.loads(kept.tags["huberflow.metadata.executions"])) == NODES
        (data,) = kept.datasets
        assert (data.name, data.source, data.rows) == ("taxi", "/data/taxi", {"train": 1})
        assert len(data.digest) == 32


class TestModel:
    def test_is_registered_with_what_it_reads(self, story, artifacts):
        tracker = mirrored(story().ends())
        model = tracker.models["1"]
        assert (model.name, model.folder) == ("taxi", artifacts["model"] / "Format-Serving")
        assert {column.name: column.type for column in model.inputs} == {
            "trip_miles": "double",
            "company": "string",
        }
        assert model.example == [{"trip_miles": 1.5, "company": None}] * EXAMPLE_ROWS
        assert tracker.runs["ws/run-1"].tags["huberflow.model"] == "taxi/1"

    @pytest.mark.parametrize(
        ("blessed", "pushed", "aliases"),
        [
            (True, "ran", {"champion": "1"}),
            (False, "ran", {"challenger": "1"}),
            (True, "cached", {}),
            (True, None, {"challenger": "1"}),
        ],
        ids=["pushed", "not blessed", "pushed by an earlier run", "of a sweep"],
    )
    def test_has_the_alias_that_it_deserves(self, story, blessed, pushed, aliases):
        sweep = None if pushed else "sweep-1"
        ended = story(blessed=blessed, pushed=pushed, sweep=sweep, facts=SWEEP).ends()
        assert mirrored(ended).aliases == aliases

    def test_is_there_before_the_run_has_ended(self, story):
        """The upload takes longest of all."""
        tracker = mirrored(story())
        assert (list(tracker.models), tracker.aliases) == (["1"], {})

    def test_of_a_run_is_the_one_with_a_certificate(self, story):
        tags = mirrored(story()).models["1"].tags
        assert tags["huberflow.certificate"] == "c0ffee"
        assert tags["huberflow.weights"] == "not known", "an older run has no word of it"
        trial = mirrored(story(pushed=None, sweep="sweep-1", facts=SWEEP))
        assert trial.models["1"].tags["huberflow.certificate"] == "none"

    def test_of_a_run_that_failed_to_train_is_not_registered(self, tmp_path):
        story = Story(tmp_path / "journal").starts("Trainer").fails("Trainer", "diverged")
        assert mirrored(story.ends("failed")).models == {}


class TestSecrets:
    def test_never_leave(self, tmp_path, artifacts):
        config = load(None, ["tracking.uri=postgresql://me:hunter2@db/mlflow"]).plain()
        properties = {
            "input_base": "s3://key:hunter2@bucket/taxi",
            "db_password": "hunter2",
            "custom_config": {"token": "hunter2", "beam": ["--password=hunter2"]},
        }
        story = Story(
            tmp_path / "journal",
            name="password=hunter2 11-22",
            config=config,
            facts={"log": "none", "command": "huberflow run --set x.password=hunter2"},
        )
        examples = (artifacts["examples"], {"split_names": '["train"]'})
        story.runs("ExampleGen", properties=properties, outputs={"examples": examples})
        story.runs("SchemaGen", outputs={"schema": (artifacts["schema"], {})}).starts("Trainer")
        story.fails("Trainer", "cannot read s3://key:hunter2@bucket/data, token=hunter2")
        tracker = mirrored(story.ends("failed"))
        run = tracker.runs["ws/run-1"]
        assert run.datasets[0].source == "s3://***@bucket/taxi"
        assert "cannot read s3://" in run.tags["huberflow.cause"]
        assert "hunter2" not in everything(tracker)


def everything(tracker: RememberingTracker) -> str:
    """All that was logged."""
    return repr([(k.params, k.tags, k.datasets, k.files, k.new) for k in tracker.runs.values()])


class TestWhileItHappens:
    def test_epochs_come_one_by_one(self, tmp_path):
        tracker, story = RememberingTracker(), Story(tmp_path / "journal").starts("Trainer")
        mirror = Mirror(tracker, "ws")
        for epoch in (1, 2, 3):
            story.trains(epoch, loss=1 / epoch)
            mirror.update(run_history.read_run(story.path))
            assert tracker.values("ws/run-1") == {"training/loss": 1 / epoch}
        assert tracker.runs["ws/run-1/Trainer"].outcome is None

    def test_nodes_end_when_they_end(self, tmp_path):
        runs = mirrored(Story(tmp_path / "journal").runs("SchemaGen").starts("Trainer")).runs
        outcomes = [runs[f"ws/run-1{node}"].outcome for node in ("/SchemaGen", "/Trainer", "")]
        assert outcomes == ["finished", None, None]

    def test_nothing_new_costs_nothing(self, story):
        tracker, run = RememberingTracker(), run_history.read_run(story().path)
        mirror = Mirror(tracker, "ws")
        mirror.update(run)
        calls = tracker.calls
        mirror.update(run)
        assert tracker.calls == calls


class TestAgain:
    def test_changes_nothing(self, story):
        tracker = mirrored(story().ends())
        before = repr(tracker.runs)
        mirror = Mirror(tracker, "ws")
        assert not mirror.update(run_history.read_run(story().ends().path))
        assert mirror.complete
        assert repr(tracker.runs) == before

    @pytest.mark.parametrize(("step", "same_process"), [(2, True), (7, False)])
    def test_wherever_it_broke_off_all_arrives_once(self, story, step, same_process):
        """The server fails at one call, whichever it is; the next try delivers the rest."""
        run = run_history.read_run(story().ends().path)
        whole = RememberingTracker()
        Mirror(whole, "ws").update(run)
        for fail_at in range(1, whole.calls + 1, step):
            tracker = RememberingTracker(fail_at)
            mirror = Mirror(tracker, "ws")
            with pytest.raises(TrackingError):
                mirror.update(run)
            assert not mirror.complete
            mirror = mirror if same_process else Mirror(tracker, "ws")
            mirror.update(run)
            assert mirror.complete
            assert without_time(tracker) == without_time(whole)


def without_time(tracker: RememberingTracker) -> list:
    """All that was kept; files by their names, for pictures hold the time they were made at."""
    return [
        (key, kept.params, kept.metrics, kept.tags, kept.datasets, set(kept.files), kept.outcome)
        for key, kept in sorted(tracker.runs.items())
    ]
