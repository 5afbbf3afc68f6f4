"""What is noted of each delivery, what is still to be delivered, and what keeps nothing back."""

import pytest
from journals import Story
from remembering_tracker import RememberingTracker

from huberflow.pipeline.history import run_history
from huberflow.pipeline.history.workspace import Workspace
from huberflow.pipeline.tracking.delivery import Delivery, Receipt, pending, receipt
from huberflow.pipeline.tracking.mirror import UndeliverableError
from huberflow.pipeline.tracking.tracker import TrackingError, UnreachableError


class Refusing(RememberingTracker):
    """Takes every run but those of some names."""

    def __init__(self, *names: str, error: type[TrackingError] = TrackingError) -> None:
        super().__init__()
        self._names = names
        self._error = error
        self.asked = []

    def open_run(self, run):
        self.asked.append(run.name)
        if run.name in self._names:
            raise self._error(f"refused {run.name}")
        return super().open_run(run)


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path)


@pytest.fixture
def tracker():
    return RememberingTracker()


def delivery(workspace, tracker) -> Delivery:
    return Delivery(workspace, tracker, "http://tracker")


def deliver_all(workspace, tracker) -> list[str]:
    """Delivers what is pending; the warnings."""
    warnings: list[str] = []
    delivery(workspace, tracker).deliver_all(pending(workspace, warnings.append), warnings.append)
    return warnings


def pending_ids(workspace) -> list[str]:
    return [run.id for run in pending(workspace, pytest.fail)]


def that_is_gone(workspace, run_id="gone") -> Story:
    """A run whose artifacts were deleted."""
    gone = {key: (workspace.root / "gone", {}) for key in ("model", "model_run")}
    return Story(workspace.journals, run_id).runs("Trainer", outputs=gone).ends()


class TestReceipt:
    def test_says_where_a_run_is(self, workspace, tracker):
        story = Story(workspace.journals)
        delivery(workspace, tracker).deliver(run_history.read_run(story.path))
        (key,) = tracker.runs
        assert receipt(workspace, "run-1") == Receipt("http://tracker", key, "taxi", complete=False)

    def test_is_complete_when_the_run_has_ended(self, workspace, tracker):
        story = Story(workspace.journals).ends()
        delivery(workspace, tracker).deliver(run_history.read_run(story.path))
        assert receipt(workspace, "run-1").complete

    def test_is_none_where_nothing_arrived(self, workspace):
        story = Story(workspace.journals).ends()
        with pytest.raises(TrackingError):
            delivery(workspace, RememberingTracker(fail_at=1)).deliver(
                run_history.read_run(story.path)
            )
        assert receipt(workspace, "run-1") is None

    def test_is_not_complete_where_part_arrived(self, workspace):
        story = Story(workspace.journals).ends()
        tracker = RememberingTracker(fail_at=4)  # the first three open the run
        with pytest.raises(TrackingError):
            delivery(workspace, tracker).deliver(run_history.read_run(story.path))
        assert not receipt(workspace, "run-1").complete

    def test_leaves_no_half_written_file(self, workspace, tracker):
        story = Story(workspace.journals).ends()
        delivery(workspace, tracker).deliver(run_history.read_run(story.path))
        assert {path.name for path in workspace.journals.iterdir()} == {
            "run-1.jsonl",
            "run-1.tracked.json",
            ".workspace",
        }

    @pytest.mark.parametrize("text", ["", "{", '{"server": "of another version"}'])
    def test_that_is_damaged_is_made_anew(self, workspace, tracker, text):
        Story(workspace.journals).ends()
        deliver_all(workspace, tracker)
        whole = receipt(workspace, "run-1")
        (workspace.journals / "run-1.tracked.json").write_text(text)
        assert receipt(workspace, "run-1") is None
        deliver_all(workspace, tracker)
        assert receipt(workspace, "run-1") == whole


class TestPending:
    def test_is_what_has_not_been_delivered_whole_oldest_first(self, workspace, tracker):
        Story(workspace.journals, "done").ends()
        deliver_all(workspace, tracker)
        Story(workspace.journals, "a-later", time=1_800_000_000.0)
        Story(workspace.journals, "open")
        assert pending_ids(workspace) == ["open", "a-later"]

    def test_is_a_run_that_goes_on(self, workspace, tracker):
        story = Story(workspace.journals)
        deliver_all(workspace, tracker)
        assert pending_ids(workspace) == ["run-1"]
        story.ends()
        deliver_all(workspace, tracker)
        assert pending_ids(workspace) == []

    def test_is_no_run_that_is_about_to_begin(self, workspace):
        workspace.journals.mkdir()
        workspace.journal("run-1").touch()
        assert pending_ids(workspace) == []


class TestDelivery:
    def test_lacks_nothing_the_second_time(self, workspace, tracker):
        run = run_history.read_run(Story(workspace.journals).ends().path)
        assert delivery(workspace, tracker).deliver(run)
        assert not delivery(workspace, tracker).deliver(run)

    def test_goes_on_where_the_server_failed(self, workspace):
        story, tracker = Story(workspace.journals).ends(), RememberingTracker(fail_at=3)
        going_on = delivery(workspace, tracker)
        with pytest.raises(TrackingError):
            going_on.deliver(run_history.read_run(story.path))
        assert going_on.deliver(run_history.read_run(story.path))
        assert receipt(workspace, "run-1").complete

    def test_keys_are_of_the_workspace(self, workspace, tracker, tmp_path):
        """Two workspaces may have runs of one id on one server."""
        for place in (workspace, Workspace(tmp_path / "other")):
            Story(place.journals).ends()
            deliver_all(place, tracker)
        assert len(tracker.runs) == 2


class TestOfMany:
    def test_a_refused_run_keeps_none_back_and_is_told_last(self, workspace):
        for run_id in ("a", "b", "c"):
            Story(workspace.journals, run_id).ends()
        with pytest.raises(TrackingError, match="refused name of a"):
            deliver_all(workspace, Refusing("name of a", "name of b"))
        assert receipt(workspace, "c").complete

    def test_a_server_that_is_not_there_is_asked_once(self, workspace):
        for run_id in ("a", "b"):
            Story(workspace.journals, run_id).ends()
        tracker = Refusing("name of a", "name of b", error=UnreachableError)
        with pytest.raises(UnreachableError):
            deliver_all(workspace, tracker)
        assert tracker.asked == ["name of a"]

    def test_a_run_whose_artifacts_are_gone_keeps_none_back(self, workspace, tracker):
        that_is_gone(workspace, "a-gone")
        Story(workspace.journals, "b").ends()
        (warning,) = deliver_all(workspace, tracker)
        assert warning.startswith("a-gone: cannot be delivered: FileNotFoundError: ")
        assert "\n" not in warning
        assert receipt(workspace, "b").complete
        assert not receipt(workspace, "a-gone").complete

    def test_a_run_that_cannot_be_delivered_is_not_tried_again_and_again(self, workspace, tracker):
        story = that_is_gone(workspace)
        warnings, going_on = [], delivery(workspace, tracker)
        for _ in range(3):
            going_on.deliver_all([run_history.read_run(story.path)], warnings.append)
            calls = tracker.calls
        assert len(warnings) == 1
        assert tracker.calls == calls

    def test_a_journal_that_cannot_be_read_keeps_none_back(self, workspace, tracker):
        damaged = Story(workspace.journals, "a").path
        damaged.write_text("[]\n")
        Story(workspace.journals, "b").ends()
        (warning,) = deliver_all(workspace, tracker)
        assert str(damaged) in warning
        assert receipt(workspace, "b").complete

    def test_the_cause_is_kept(self, workspace, tracker):
        story = that_is_gone(workspace)
        with pytest.raises(UndeliverableError) as caught:
            delivery(workspace, tracker).deliver(run_history.read_run(story.path))
        assert isinstance(caught.value.__cause__, FileNotFoundError)
