"""Starts early what a later node waits for."""

from collections.abc import Mapping, Sequence
from typing import Any

from huberflow.components.bundle import clean_process
from huberflow.components.contracts import node_ids
from huberflow.pipeline.history.metadata_store import Execution
from huberflow.pipeline.history.run_history import Status


class Ahead:
    """The runner's hooks: while the Evaluator works, ServingExport's checker loads TensorFlow."""

    def run_started(self, run_id: str, nodes: Sequence[str]) -> None:
        """Notes whether the run exports."""
        self._exports = node_ids.SERVING_EXPORT in nodes

    def node_finished(self, execution: Execution, seconds: float) -> None:
        """After a new model is trained; one from the cache has mostly been exported, too."""
        if self._exports and execution.node == node_ids.TRAINER and execution.state == "ran":
            clean_process.prepare()

    def node_started(self, node: str) -> None:
        """Nothing."""

    def epoch_finished(self, progress: Mapping[str, Any]) -> None:
        """Nothing."""

    def node_failed(self, node: str, seconds: float, error: BaseException) -> None:
        """Nothing."""

    def run_finished(self, status: Status) -> None:
        """Nothing."""
