"""Receipts, runs that are still to be delivered, and failures that keep nothing back."""

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


def deliver(workspace, tracker, story: Story) -> bool:
    return delivery(workspace, tracker).deliver(run_history.read_run(story.path))


def deliver_all(workspace, tracker) -> list[str]:
    """Delivers what is pending; the warnings."""
    warnings: list[str] = []
    delivery(workspace, tracker).deliver_all(pending(workspace, warnings.append), warnings.append)
    return warnings


def pending_ids(workspace) -> list[str]:
    return [run.id for run in pending(workspace, pytest.fail)]


def run_without_files(workspace, run_id="gone") -> Story:
    """A run whose artifacts were deleted."""
    gone = {key: (workspace.root / "gone", {}) for key in ("model", "model_run")}
    return Story(workspace.journals, run_id).runs("Trainer", outputs=gone).ends()


class TestReceipt:
    def test_names_the_run_on_the_server_and_whether_it_is_complete(self, workspace, tracker):
        story = Story(workspace.journals)
        deliver(workspace, tracker, story)
        (key,) = tracker.runs
        assert receipt(workspace, "run-1") == Receipt("http://tracker", key, "taxi", complete=False)
        deliver(workspace, tracker, story.ends())
        assert receipt(workspace, "run-1").complete
        files = {path.name for path in workspace.journals.iterdir()}
        assert files == {"run-1.jsonl", "run-1.tracked.json", ".workspace"}

    @pytest.mark.parametrize(("fail_at", "arrived"), [(1, False), (4, True)])
    def test_is_never_complete_where_the_server_failed(self, workspace, fail_at, arrived):
        """The first three calls open the run."""
        with pytest.raises(TrackingError):
            deliver(workspace, RememberingTracker(fail_at), Story(workspace.journals).ends())
        written = receipt(workspace, "run-1")
        assert (written is not None) is arrived
        assert not (written and written.complete)

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

    def test_is_no_run_that_is_about_to_begin(self, workspace):
        workspace.journals.mkdir()
        workspace.journal("run-1").touch()
        assert pending_ids(workspace) == []


class TestDelivery:
    def test_lacks_nothing_the_second_time(self, workspace, tracker):
        story = Story(workspace.journals).ends()
        assert deliver(workspace, tracker, story)
        assert not deliver(workspace, tracker, story)

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
    def test_a_refused_run_keeps_none_back_and_is_reported_last(self, workspace):
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

    def test_a_run_whose_artifacts_are_gone_keeps_none_back_and_is_tried_once(
        self, workspace, tracker
    ):
        run_without_files(workspace, "a-gone")
        Story(workspace.journals, "b").ends()
        warnings, going_on = [], delivery(workspace, tracker)
        for _ in range(3):
            going_on.deliver_all(pending(workspace, pytest.fail), warnings.append)
        (warning,) = warnings
        assert warning.startswith("a-gone: cannot be delivered: FileNotFoundError: ")
        assert "\n" not in warning
        assert receipt(workspace, "b").complete
        assert not receipt(workspace, "a-gone").complete

    def test_a_journal_that_cannot_be_read_keeps_none_back(self, workspace, tracker):
        damaged = Story(workspace.journals, "a").path
        damaged.write_text("[]\n")
        Story(workspace.journals, "b").ends()
        (warning,) = deliver_all(workspace, tracker)
        assert str(damaged) in warning
        assert receipt(workspace, "b").complete

    def test_the_cause_is_kept(self, workspace, tracker):
        with pytest.raises(UndeliverableError) as caught:
            deliver(workspace, tracker, run_without_files(workspace))
        assert isinstance(caught.value.__cause__, FileNotFoundError)
