"""Journals as a run writes them, of nodes that need not exist."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

from huberflow.components.contracts.evaluation_report import EvaluationReport, SliceMetrics
from huberflow.components.contracts.validation_findings import ValidationFindings
from huberflow.pipeline.config import Config
from huberflow.pipeline.history.journal import append
from huberflow.pipeline.history.workspace import Workspace

START = 1_700_000_000.0


class Story:
    """Writes one journal, event after event, a second apart.

    Args:
      folder: the folder of the journals.
      run_id: the name of the file.
      first_id: the first id of executions and artifacts.
      begin: fields of the first event that differ from the defaults.
    """

    def __init__(
        self, folder: Path, run_id: str = "run-1", *, first_id: int = 1, **begin: Any
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"{run_id}.jsonl"
        self._ids = itertools.count(first_id)
        self._time = begin.pop("time", START)
        first = {
            "id": run_id,
            "name": f"name of {run_id}",
            "experiment": "taxi",
            "kind": "run",
            "config": Config().plain(),
            "facts": {"log": str(folder.parent / "logs" / f"{run_id}.log")},
            "sweep": None,
        }
        self._append("started", **(first | begin))

    def starts(self, node: str) -> Story:
        return self._append("node_started", node=node)

    def trains(self, number: int, **values: float) -> Story:
        return self._append("epoch", number=number, values=values)

    def finishes(
        self,
        node: str,
        *,
        state: str = "ran",
        seconds: float = 2.5,
        properties: dict[str, Any] | None = None,
        outputs: dict[str, tuple[Path, dict[str, Any]]] | None = None,
        usage: dict[str, float] | None = None,
    ) -> Story:
        execution = {
            "id": next(self._ids),
            "node": node,
            "run": self.path.stem,
            "state": state,
            "properties": properties or {},
            "inputs": {},
            "outputs": {
                key: [{"id": next(self._ids), "uri": str(uri), "properties": found}]
                for key, (uri, found) in (outputs or {}).items()
            },
        }
        usage = usage or {"peak_memory_mb": 512.0}
        return self._append(
            "node_finished", node=node, seconds=seconds, usage=usage, execution=execution
        )

    def runs(self, node: str, **finished: Any) -> Story:
        return self.starts(node).finishes(node, **finished)

    def fails(self, node: str, cause: str) -> Story:
        return self._append("node_failed", node=node, seconds=1.5, usage={}, cause=cause)

    def ends(self, status: str = "done") -> Story:
        return self._append("ended", status=status)

    def breaks_off(self) -> Story:
        """As a killed process leaves it: the last line half written."""
        with self.path.open("a") as file:
            file.write('{"event": "node_st')
        return self

    def _append(self, event: str, **values: Any) -> Story:
        append(self.path, {"event": event, "time": self._time, **values})
        self._time += 1
        return self


def evaluation(folder: Path, *, blessed: bool = True, **overall: float) -> tuple[Path, dict]:
    """An Evaluator's artifact with a report."""
    folder.mkdir(parents=True, exist_ok=True)
    values = {"example_count": 40.0, **(overall or {"huber": 0.75, "mae": 1.5})}
    report = EvaluationReport(
        metrics=tuple(values),
        blessed=blessed,
        reasons=() if blessed else ("huber of all rows is 0.75, above the upper bound 0.5",),
        slices=(SliceMetrics({}, values), SliceMetrics({"payment_type": "Cash"}, values)),
    )
    report.write(folder / "report.json")
    return folder, {}


def whole_run(
    workspace: Workspace, run_id: str = "run-1", *, blessed: bool = True, **begin: Any
) -> Story:
    """A run that trained and was judged; what its nodes wrote is there. It may go on."""
    schema, model, training = (workspace.artifacts / run_id / name for name in ("s", "m", "t"))
    for folder in (schema, model / "Format-Serving", training):
        folder.mkdir(parents=True)
    columns = 'feature { name: "trip_miles" type: FLOAT } feature { name: "company" type: BYTES }'
    (schema / "schema.pbtxt").write_text(columns)
    (model / "Format-Serving" / "saved_model.pb").write_bytes(b"a model")
    (training / "epochs.csv").write_text(f"epoch,loss,time\n0,2.5,{START}\n1,1.25,{START + 1}\n")
    properties = {"custom_config": {"training": {"epochs": 2}}}
    outputs = {"model": (model, {}), "model_run": (training, {})}
    judged = evaluation(workspace.artifacts / run_id / "e", blessed=blessed)
    pushed = {"pushed": 1, "pushed_destination": "/serving/taxi/1", "pushed_version": "1"}
    return (
        Story(workspace.journals, run_id, **begin)
        .runs("SchemaGen", outputs={"schema": (schema, {})})
        .starts("Trainer")
        .trains(1, loss=2.5)
        .trains(2, loss=1.25)
        .finishes("Trainer", properties=properties, outputs=outputs)
        .runs("Evaluator", outputs={"evaluation": judged})
        .runs("ServingExport", outputs={"exported_model": (model, {"certificate": "c0ffee"})})
        .runs("Pusher", outputs={"pushed_model": (workspace.root, pushed if blessed else {})})
    )


def finished_run(
    workspace: Workspace,
    run_id: str = "run-1",
    *,
    blessed: bool = True,
    tracked: bool = False,
    facts: dict[str, Any],
) -> Story:
    """A run whose result can be read: validated, judged and pushed. It has not ended yet."""
    folder, pushed = workspace.artifacts / run_id, workspace.serving("taxi") / "1"
    for each in (folder / "v", pushed):
        each.mkdir(parents=True, exist_ok=True)
    workspace.metadata.touch()
    ValidationFindings().write(folder / "v" / "findings.json")
    judged = evaluation(folder / "e", blessed=blessed)
    properties = {"pushed": int(blessed), "pushed_destination": str(pushed)}
    config = Config().plain()
    config["tracking"]["enabled"] = tracked
    return (
        Story(workspace.journals, run_id, config=config, facts=facts)
        .runs("ExampleValidator", outputs={"anomalies": (folder / "v", {})})
        .runs("Baseline", state="resolved")
        .runs("Evaluator", outputs={"evaluation": judged})
        .runs("Pusher", outputs={"pushed_model": (folder, properties)})
    )
