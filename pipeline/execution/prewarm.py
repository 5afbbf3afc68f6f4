"""Starts the process that will check an export while other nodes still run."""

from collections.abc import Sequence

from huberflow.components.bundle import clean_process
from huberflow.components.contracts import node_ids
from huberflow.pipeline.history.hooks import Hooks
from huberflow.pipeline.history.metadata_store import Execution


class Prewarm(Hooks):
    """While the Evaluator runs, the process that checks ServingExport's bundle loads TensorFlow."""

    def run_started(self, run_id: str, nodes: Sequence[str]) -> None:
        """Notes whether the run exports."""
        self._exports = node_ids.SERVING_EXPORT in nodes

    def node_finished(self, execution: Execution, seconds: float) -> None:
        """Starts the process after a training; a cached model has mostly been exported already."""
        if self._exports and execution.node == node_ids.TRAINER and execution.state == "ran":
            clean_process.prepare()
