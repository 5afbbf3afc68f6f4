"""Journals as a run writes them, of nodes that need not exist."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipeline.config import Config
from pipeline.journal import append

START = 1_700_000_000.0


class Story:
    """Writes one journal, event after event, a second apart.

    Args:
      folder: of the journals.
      run_id: names the file.
      begin: what the first event holds beside the defaults.
    """

    def __init__(self, folder: Path, run_id: str = "run-1", **begin: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"{run_id}.jsonl"
        self._ids = iter(range(1, 1000))
        self._time = begin.pop("time", START)
        first = {
            "id": run_id,
            "name": f"name of {run_id}",
            "kind": "run",
            "config": Config().plain(),
            "facts": {"log": str(folder.parent / "logs" / f"{run_id}.log")},
            "sweep": None,
        }
        self._tell("started", **(first | begin))

    def starts(self, node: str) -> Story:
        return self._tell("node_started", node=node)

    def trains(self, number: int, **values: float) -> Story:
        return self._tell("epoch", number=number, values=values)

    def finishes(
        self,
        node: str,
        *,
        state: str = "ran",
        seconds: float = 2.5,
        properties: dict[str, Any] | None = None,
        outputs: dict[str, tuple[Path, dict[str, Any]]] | None = None,
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
        usage = {"peak_memory_mb": 512.0}
        return self._tell(
            "node_finished", node=node, seconds=seconds, usage=usage, execution=execution
        )

    def runs(self, node: str, **finished: Any) -> Story:
        return self.starts(node).finishes(node, **finished)

    def fails(self, node: str, cause: str) -> Story:
        return self._tell("node_failed", node=node, seconds=1.5, usage={}, cause=cause)

    def ends(self, status: str = "done") -> Story:
        return self._tell("ended", status=status)

    def breaks_off(self) -> Story:
        """As a killed process leaves it: the last line half written."""
        with self.path.open("a") as file:
            file.write('{"event": "node_st')
        return self

    def _tell(self, event: str, **values: Any) -> Story:
        append(self.path, {"event": event, "time": self._time, **values})
        self._time += 1
        return self


def evaluation(folder: Path, *, blessed: bool = True, **overall: float) -> tuple[Path, dict]:
    """An Evaluator's artifact with a report."""
    folder.mkdir(parents=True, exist_ok=True)
    values = {"example_count": 40.0, **(overall or {"huber": 0.75, "mae": 1.5})}
    report = {
        "metrics": list(values),
        "blessed": blessed,
        "reasons": [] if blessed else ["huber of all rows is 0.75, above the upper bound 0.5"],
        "slices": [
            {"slice": {}, "candidate": values, "baseline": None},
            {"slice": {"payment_type": "Cash"}, "candidate": values, "baseline": None},
        ],
    }
    (folder / "report.json").write_text(json.dumps(report))
    return folder, {}
