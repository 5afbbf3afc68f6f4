"""The events of a run, which its listeners react to."""

from collections.abc import Sequence

from huberflow.components.contracts.epoch_progress import EpochProgress
from huberflow.pipeline.history.metadata_store import Execution
from huberflow.pipeline.history.run_history import RunStatus


class Hooks:
    """The events of a run. A subclass overrides those that it reacts to; each returns at once."""

    def run_started(self, run_id: str, nodes: Sequence[str]) -> None:
        """The run begins; ``nodes`` are in the order in which they will run."""

    def node_started(self, node: str) -> None:
        """A node begins; its result may turn out to be cached."""

    def epoch_finished(self, progress: EpochProgress) -> None:
        """The running node has trained for one more epoch; see ``training.callbacks.PROGRESS``."""

    def node_finished(self, execution: Execution, seconds: float) -> None:
        """A node has run, or its earlier result was reused."""

    def node_skipped(self, node: str) -> None:
        """A node that stands under a condition which is not met."""

    def node_failed(
        self, node: str, seconds: float, error: BaseException, execution: Execution | None = None
    ) -> None:
        """A node raised, or was interrupted; the run ends with it.

        ``execution`` is its record in ML Metadata, where it came so far.
        """

    def run_finished(self, status: RunStatus) -> None:
        """The run has ended, successfully or not."""
