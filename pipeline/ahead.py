"""Starts early what a later node waits for."""

from collections.abc import Sequence

from components import clean_process
from pipeline.records import Execution
from pipeline.runner import Hooks


class Ahead(Hooks):
    """The runner's hooks: while the Evaluator works, ServingExport's checker loads TensorFlow."""

    def run_started(self, run_id: str, nodes: Sequence[str]) -> None:
        """Notes whether the run exports."""
        self._exports = "ServingExport" in nodes

    def node_finished(self, execution: Execution, seconds: float) -> None:
        """After a new model is trained; one from the cache has mostly been exported, too."""
        if self._exports and execution.node == "Trainer" and execution.state == "ran":
            clean_process.prepare()
