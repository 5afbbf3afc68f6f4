"""What is carried from the command line to the last node, each part made once."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.data import profile
from huberflow.pipeline.history import workspace
from huberflow.pipeline.resolve import data_rows, grid, resolved_run
from huberflow.pipeline.resolve.resolved_run import load, resolve, resolve_config

ROWS = "".join(
    f"{number % 7},{number % 3},{number % 2},2020-01-{1 + number % 28:02}\n"
    for number in range(200)
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    path.write_text(f"x,y,w,day\n{ROWS}")
    return path


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The name of each pass over all rows, in order."""
    passes: list[str] = []
    for module, function in ((profile, "profile_rows"), (data_rows, "count_rows")):
        original = getattr(module, function)

        def counted(*args: object, _name: str = function, _original=original, **kwargs: object):
            passes.append(_name)
            return _original(*args, **kwargs)

        monkeypatch.setattr(module, function, counted)
    return passes


class TestConfig:
    def test_rows_are_profiled_once(self, data, reads):
        found = resolve_config(None, [f"data.path={data}", "data.label=y"])
        found.warnings()
        resolved_run.changes(found)
        assert reads == ["profile_rows"]

    def test_the_column_of_splits_is_counted_once(self, data, reads):
        settings = [f"data.path={data}", "data.label=y", "data.splits.column=day"]
        resolve_config(None, settings).warnings()
        assert reads == ["profile_rows", "count_rows"]

    def test_trials_of_a_sweep_share_the_profile(self, data, reads):
        fixed = [f"data.path={data}", "data.label=y"]
        assert len(grid.resolve(None, fixed, ["training.epochs=1,2,3"]).trials) == 3
        assert reads == ["profile_rows"]


class TestRun:
    @pytest.fixture
    def run(self, data, tmp_path):
        settings = [f"data.path={data}", "data.label=y", f"workspace={tmp_path}/w"]
        return resolve(resolve_config(None, [*settings, "training.epochs=3"]))

    def test_has_what_a_run_needs(self, run, tmp_path):
        assert run.workspace.root == tmp_path / "w"
        assert set(run.profile.columns) == {"x", "y", "w", "day"}
        assert run.objects is None
        assert not run.beam.has_workers
        assert run.changes["training.epochs"] == 3

    def test_crosses_processes(self, run):
        """The processes of a sweep get it as a pickle; a copy is made the same way."""
        assert copy.deepcopy(run) == run

    def test_of_the_taxi_trips_has_no_profile(self, tmp_path):
        run = resolve(resolve_config(None, [f"workspace={tmp_path}/w"]))
        assert (run.profile, run.changes) == (None, {})

    def test_a_workspace_that_cannot_be_written_is_refused(self, data, tmp_path):
        (tmp_path / "file").touch()
        settings = [
            f"workspace={tmp_path}/file/w",
            "beam.options={direct_running_mode: multi_processing}",
        ]
        with pytest.raises(Exception, match="workspace: expected a folder that can be written"):
            resolve(resolve_config(None, settings))


class TestUnusableWorkspace:
    """It is refused before anything is written: here, the package of the workers."""

    SEVERAL = "beam.options={direct_running_mode: multi_processing}"

    def test_of_another_version(self, tmp_path):
        (tmp_path / "version").write_text("99\n")
        with pytest.raises(InputError) as raised:
            resolve(resolve_config(None, [f"workspace={tmp_path}", self.SEVERAL]))
        assert (raised.value.key, raised.value.hint) == (
            "workspace",
            "run that release, or choose another workspace",
        )
        assert [file.name for file in tmp_path.iterdir()] == ["version"]

    def test_on_a_full_disk(self, tmp_path, monkeypatch):
        monkeypatch.setattr(workspace, "LEAST_FREE", 2**60)
        with pytest.raises(InputError) as raised:
            resolve(resolve_config(None, [f"workspace={tmp_path}", self.SEVERAL]))
        assert (raised.value.key, raised.value.hint) == (
            "workspace",
            "free some space, or choose another workspace",
        )
        assert list(tmp_path.iterdir()) == []


class TestChanges:
    def test_are_what_differs_from_the_defaults(self):
        found = resolve_config(
            None, ["training.epochs=7", "workspace=elsewhere", "beam.runner=flink"]
        )
        assert resolved_run.changes(found) == {"training.epochs": 7}

    def test_leave_out_what_was_inferred(self, data):
        found = resolve_config(None, [f"data.path={data}", "data.label=y", "data.exclude=[w]"])
        assert resolved_run.changes(found) == {
            "data.path": str(data),
            "data.label": "y",
            "data.exclude": ["w"],
        }

    def test_have_a_key_that_was_set_to_null(self):
        found = resolve_config(None, ["training.early_stopping_patience=null"])
        assert resolved_run.changes(found) == {"training.early_stopping_patience": None}

    @pytest.mark.parametrize(
        ("column", "settings", "changed"),
        [
            ("day", [], {"data.splits.column"}),
            (
                "x",
                [
                    "data.splits.values={0: train, 1: train, 2: train, 3: train, "
                    "4: eval, 5: eval, 6: eval}"
                ],
                {"data.splits.column", *(f"data.splits.values.{value}" for value in range(7))},
            ),
        ],
    )
    def test_have_the_splits_that_were_set_and_not_those_inferred(
        self, data, column, settings, changed
    ):
        asked = [f"data.path={data}", "data.label=y", f"data.splits.column={column}", *settings]
        found = resolved_run.changes(resolve_config(None, asked))
        assert {key for key in found if "splits" in key} == changed


def test_load_is_the_config_alone(data):
    assert load(None, ["training.epochs=7"]).training.epochs == 7
