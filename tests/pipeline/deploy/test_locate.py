"""Which model a reference names, and what to do where there is none."""

import json

import pytest
from journals import Story
from mlflow_servers import mlflow_server

from huberflow.components.bundle import reload
from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.deploy.locate import locate_model
from huberflow.pipeline.history.workspace import Workspace
from huberflow.pipeline.resolve.resolved_run import load
from huberflow.pipeline.tracking.store import connect
from huberflow.pipeline.tracking.tracker import Column, ExportedModel, NewRun, TrackingError


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return Workspace(tmp_path / "my workspace")


def found(reference, workspace, *settings):
    config = load(None, (f"workspace={workspace.root}", *settings))
    return locate_model(reference, config, workspace, named=bool(settings))


def where(reference, workspace):
    with found(reference, workspace) as folder:
        return folder


def refusal(reference, workspace, *settings):
    with pytest.raises(InputError) as refused, found(reference, workspace, *settings):
        pytest.fail("there is no model")
    return refused.value


def model(folder):
    """As much of a bundle as identifies it."""
    certificate = folder / reload.layout.CERTIFICATE
    certificate.parent.mkdir(parents=True)
    certificate.write_text("{}")
    return folder


def exporting(workspace, run_id, **begin):
    """A run, and the model that it exported."""
    artifact = workspace.artifacts / "ServingExport" / "exported_model" / run_id
    outputs = {"exported_model": (artifact, {})}
    Story(workspace.journals, run_id, **begin).runs("ServingExport", outputs=outputs).ends()
    return model(artifact / "Format-Serving")


class TestFolders:
    def test_none_named_is_the_version_that_was_pushed_last(self, workspace):
        versions = [model(workspace.serving("taxi") / name) for name in ("2", "10", "9")]
        (workspace.serving("taxi") / ".pushing-11").mkdir()
        assert where(None, workspace) == versions[1]

    def test_none_named_is_the_model_that_the_latest_run_pushed(self, workspace):
        taxi = model(workspace.serving("taxi") / "7")
        houses = [model(workspace.serving("houses") / version) for version in ("1", "2")]
        for day, version in enumerate([houses[0], taxi, houses[1]], start=1):
            lineage = {"lineage": {"run": f"2026-11-0{day}T10-00-00"}}
            (version / reload.layout.CERTIFICATE).write_text(json.dumps(lineage))
        assert where(None, workspace) == houses[1]
        with found(None, workspace, "name=taxi") as named:
            assert named == taxi

    def test_nothing_pushed(self, workspace):
        error = refusal(None, workspace)
        assert error.expected == f"a pushed model in {workspace.root}/serving"

    def test_none_pushed(self, workspace):
        error = refusal(None, workspace, "name=bikes")
        assert str(workspace.serving("bikes")) in error.expected
        assert error.write == f"huberflow run --workspace '{workspace.root}'"
        assert "the folder of its bundle" in error.hint

    def test_a_bundle_is_itself(self, workspace, tmp_path, monkeypatch):
        folder = model(tmp_path / "elsewhere" / "bundle")
        assert where(str(folder), workspace) == folder
        monkeypatch.setenv("HOME", str(tmp_path / "elsewhere"))
        assert where("~/bundle", workspace) == folder

    def test_a_folder_of_versions_is_the_newest(self, workspace, tmp_path):
        model(tmp_path / "taxi" / "1")
        newest = model(tmp_path / "taxi" / "2")
        assert where(str(tmp_path / "taxi"), workspace) == newest

    def test_another_folder_or_file(self, workspace, tmp_path):
        (tmp_path / "notes.txt").touch()
        for path in (tmp_path, tmp_path / "notes.txt"):
            error = refusal(str(path), workspace)
            assert reload.layout.CERTIFICATE in error.expected
            assert error.received == str(path)


class TestRuns:
    def test_are_named_as_everywhere(self, workspace):
        first = exporting(workspace, "2026-11-22T06-07-05", name="night")
        second = exporting(workspace, "2026-11-22T06-08-35", time=1_800_000_000.0)
        assert where("latest", workspace) == second
        assert where("latest~1", workspace) == first
        assert where("night", workspace) == first
        assert where("2026-11-22T06-08", workspace) == second

    def test_of_an_unknown_name(self, workspace):
        exporting(workspace, "2026-11-22T06-07-05", name="night")
        (workspace.journals / "damaged.jsonl").write_text("{}\n")
        error = refusal("2026-11-22T06-07-06", workspace)
        assert error.expected.startswith("a folder, or ")
        assert error.key == "2026-11-22T06-07-06"
        assert error.write == "2026-11-22T06-07-05"
        assert "damaged.jsonl" in error.hint

    def test_that_are_trials_of_a_sweep_export_nothing(self, workspace):
        changes = {"training.loss.name": "HuberLoss", "training.loss.config.threshold": 0.5}
        Story(workspace.journals, "sweep-1", kind="sweep")
        Story(workspace.journals, "trial-1", sweep="sweep-1", facts={"changes": changes}).ends()
        Story(workspace.journals, "trial-2", sweep="sweep-1").ends()
        error = refusal("trial-1", workspace)
        assert error.received.startswith("trial-1, a trial of a sweep")
        assert error.write == (
            f"huberflow run --workspace '{workspace.root}' "
            "--set 'training.loss.name=\"HuberLoss\"' --set training.loss.config.threshold=0.5"
        )
        error = refusal("sweep-1", workspace)
        assert error.received == "sweep-1, a sweep of 2"
        assert error.write == "huberflow compare sweep-1"

    def test_that_failed_have_none(self, workspace):
        story = Story(workspace.journals, "run-1").starts("Trainer")
        story.fails("Trainer", "no rows").ends("failed")
        assert refusal("run-1", workspace).received == "run-1, which is failed"

    def test_whose_model_is_gone(self, workspace):
        exporting(workspace, "run-1").rename(workspace.root / "moved")
        error = refusal("run-1", workspace)
        assert "run-1" in error.expected
        assert error.write.endswith("--no-cache")


@pytest.fixture(scope="module")
def in_mlflow(bundle):
    """Registers the bundle as champion; the id of its run, and its version."""

    def register(uri, workspace):
        columns = [Column("miles", "double"), Column("company", "string")]
        example = [{"miles": 1.5, "company": "Blue"}]
        tracker = connect(uri, workspace.tracked_files)
        run = tracker.open_run(NewRun("key", "taxi", "night", 1.0))
        outputs = [Column("prediction", "double")]
        exported = ExportedModel("key", "taxi", bundle, columns, outputs, example)
        return run.id, tracker.register(run.id, exported, "champion")

    return register


@pytest.fixture(scope="module")
def database(tmp_path_factory, in_mlflow):
    workspace = Workspace(tmp_path_factory.mktemp("mlflow"))
    uri = f"sqlite:///{workspace.tracking / 'mlflow.db'}"
    return uri, *in_mlflow(uri, workspace)


class TestInMlflow:
    @pytest.mark.parametrize(
        "reference", ["models:/taxi@champion", "models:/taxi/{version}", "runs:/{run}/model"]
    )
    def test_is_downloaded_whole_and_removed_afterwards(self, workspace, database, reference):
        uri, run, version = database
        named = reference.format(run=run, version=version)
        with found(named, workspace, f"tracking.uri={uri}") as folder:
            assert folder.is_relative_to(workspace.root)
            assert reload.verify(folder)["lineage"] == {"commit": "abc123"}
        assert not any(workspace.root.iterdir())

    def test_comes_from_a_server_too(self, workspace, tmp_path, in_mlflow):
        with mlflow_server(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path) as uri:
            in_mlflow(uri, workspace)
            with found("models:/taxi@champion", workspace, f"tracking.uri={uri}") as folder:
                assert reload.verify(folder)["lineage"] == {"commit": "abc123"}

    @pytest.mark.parametrize(
        "reference",
        [
            "models:/taxi@rival",
            "models:/taxi/77",
            "models:/bikes@champion",
            "runs:/123/model",
            "runs:/{run}/no",
            "models:/taxi",
        ],
    )
    def test_under_a_name_that_it_does_not_have(self, workspace, database, reference):
        uri, run, _ = database
        reference = reference.format(run=run)
        assert reference in str(refusal(reference, workspace, f"tracking.uri={uri}"))

    def test_without_a_database_makes_none(self, workspace):
        assert refusal("models:/taxi@champion", workspace).write == "huberflow run"
        assert not workspace.tracking.exists()

    def test_on_a_server_that_is_not_there(self, workspace):
        with (
            pytest.raises(TrackingError, match="cannot download models:/taxi@champion: "),
            found("models:/taxi@champion", workspace, "tracking.uri=http://127.0.0.1:9"),
        ):
            pytest.fail("there is no server")
