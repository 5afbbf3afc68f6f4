"""A run in which nothing would run: recognized, and shown again, before TensorFlow is imported."""

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from huberflow.components.contracts.evaluation_config import EvaluationConfig
from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.history import run_history
from huberflow.pipeline.history.run_history import Run
from huberflow.pipeline.history.workspace import Workspace
from huberflow.pipeline.report.result import Result, print_line, print_result, read_result
from huberflow.pipeline.system.display_path import display_path
from huberflow.pipeline.tracking import links
from huberflow.pipeline.tracking.delivery import undelivered


@dataclass(frozen=True)
class FinishedRun:
    """A run that ended well, and its result."""

    run: Run
    result: Result


def find(workspace: Workspace, inputs: str) -> FinishedRun | None:
    """The newest run of the workspace, where a run with these inputs would reuse all of it.

    It ended well, with the same inputs; what it wrote is there, and delivered. None where any of
    this is in doubt.

    Args:
      workspace: of the runs.
      inputs: see ``run_inputs.digest``.
    """
    newest = max(workspace.journals.glob("*.jsonl"), key=_changed, default=None)
    if not inputs or newest is None:
        return None
    try:
        run = run_history.read_run(newest)
        if run.kind != "run" or run.status != "done" or run.metadata.inputs != inputs:
            return None
        executions = {name: node.execution for name, node in run.nodes.items() if node.execution}
        result = read_result(executions)
    except (InputError, OSError, ValueError, LookupError):
        return None  # damaged, or deleted in part
    written = [
        artifact.uri
        for execution in executions.values()
        for artifacts in execution.outputs.values()
        for artifact in artifacts
    ]
    needed = [workspace.metadata, *written, *([result.pushed] if result.pushed else [])]
    is_delivered = not (run.config["tracking"]["enabled"] and undelivered(workspace))
    return FinishedRun(run, result) if is_delivered and all(map(Path.exists, needed)) else None


def _changed(journal: Path) -> int:
    return journal.stat().st_mtime_ns


def show(found: FinishedRun, workspace: Workspace) -> None:
    """Prints the run's result as it was printed at its end."""
    console, run = Console(), found.run
    console.print(f"run {run.id}", highlight=False)
    console.print("  nothing has changed since; to run every node again: --no-cache\n")
    print_result(console, found.result, EvaluationConfig.from_json(run.config["evaluation"]))
    print_line(console, "log", display_path(workspace.log(run.id)))
    if run.config["tracking"]["enabled"]:
        print_line(console, "mlflow", links.run_page_or_ui(workspace, run.id))
