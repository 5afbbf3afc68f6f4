"""Generates journals and reports of the size that real runs have.

A journal of the taxi pipeline takes about 22 KB, and its Evaluator's report 10 KB: seven metrics in
31 slices.
"""

import random
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from huberflow.components.contracts import artifact_files
from huberflow.components.contracts.evaluation_report import EvaluationReport, SliceMetrics
from huberflow.custom_objects.json_record import JSON
from huberflow.pipeline.history.journal import append
from huberflow.pipeline.history.metadata_store import Artifact, Execution
from huberflow.pipeline.history.workspace import Workspace
from huberflow.pipeline.resolve.resolved_run import load

EPOCHS, SLICES = 17, 31
SOURCES = {f"components/file_{number}.py": f"{number:012x}" for number in range(12)}
START = 1_700_000_000.0
NODES = {
    "ExampleGen": "examples",
    "StatisticsGen": "statistics",
    "SchemaGen": "schema",
    "ExampleValidator": "anomalies",
    "Transform": "transform_graph",
    "Trainer": "model",
    "Evaluator": "evaluation",
}
"""Each node, and the key of its output."""
CURVES = ("loss", "huber_metric", "mean_absolute_error", "std_of_activation")
METRICS = ("example_count", "calibration", "huber", "mae", "rmse", "median_error", "tail_error")


def write(root: Path, count: int) -> list[str]:
    """Fills an empty workspace with finished runs that differ in four settings; their ids."""
    workspace = Workspace(root)
    workspace.journals.mkdir(parents=True)
    ids = [f"2026-01-01T{n // 3600:02}-{n // 60 % 60:02}-{n % 60:02}" for n in range(count)]
    for number, run in enumerate(ids):
        for second, event in enumerate(_events(workspace, run, number)):
            append(workspace.journal(run), {"time": START + 60 * number + second, **event})
    return ids


def _events(workspace: Workspace, run: str, number: int) -> Iterator[dict[str, JSON]]:
    generator = random.Random(number)  # noqa: S311 (no secret)
    changes = {
        "seed": number,
        "training.loss.config.threshold": generator.choice([0.5, 1.0, 2.0, 4.0]),
        "training.batch_size": generator.choice([64, 128, 256, 512]),
        "training.epochs": generator.randint(EPOCHS, 2 * EPOCHS),
    }
    settings = [f"{key}={value}" for key, value in changes.items()]
    config, facts = load(None, settings).plain(), {"changes": changes, "command": "huberflow run"}
    about = {"id": run, "name": " ".join(settings), "experiment": "taxi", "kind": "run"}
    yield {"event": "started", **about, "sweep": None, "config": config, "facts": facts}
    used = {
        "Trainer": {key: config[key] for key in ("seed", "features", "model", "training")},
        "Evaluator": {"evaluation": config["evaluation"]},
    }
    for node, key in NODES.items():
        yield {"event": "node_started", "node": node}
        if node == "Trainer":
            yield from _epochs(generator)
        output = workspace.artifacts / node / key / run
        if node == "Evaluator":
            _write_report(output, generator)
        artifacts = {key: (Artifact(1, output, {"tfx_version": "1.21.0", "is_external": 0}),)}
        properties = {"custom_config": {**used.get(node, {}), "source": SOURCES}}
        state = "ran" if node in used else "cached"
        execution = Execution(1, node, run, state, properties, artifacts, artifacts)
        measured = {"seconds": 2.5, "usage": {"peak_memory_mb": 1226.903552}}
        yield {"event": "node_finished", "node": node, **measured, "execution": asdict(execution)}
    yield {"event": "ended", "status": "done"}


def _epochs(generator: random.Random) -> Iterator[dict[str, JSON]]:
    keys = [*CURVES, *(f"val_{key}" for key in CURVES), "learning_rate", "steps_per_second"]
    for number in range(1, EPOCHS + 1):
        values = {key: generator.random() for key in keys}
        yield {"event": "epoch", "number": number, "values": values}


def _write_report(folder: Path, generator: random.Random) -> None:
    slices = [{}, *({"trip_start_hour": hour} for hour in range(SLICES - 1))]
    rows = [
        SliceMetrics(key, {metric: generator.uniform(0.8, 1.2) for metric in METRICS})
        for key in slices
    ]
    report = EvaluationReport(METRICS, blessed=True, reasons=(), slices=tuple(rows))
    folder.mkdir(parents=True)
    report.write(folder / artifact_files.REPORT)
