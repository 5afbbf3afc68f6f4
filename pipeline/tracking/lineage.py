"""From a tracked run back to the data, the code and the metadata that made it."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from huberflow.components.contracts import artifact_files, node_ids
from huberflow.components.contracts.features import columns
from huberflow.components.contracts.target import PREDICTION, Target
from huberflow.pipeline.history.run_history import Node, Run
from huberflow.pipeline.report import words
from huberflow.pipeline.report.metric_direction import goal
from huberflow.pipeline.system.masking import masked
from huberflow.pipeline.tracking import params
from huberflow.pipeline.tracking.dataset import example_rows
from huberflow.pipeline.tracking.port import Column, ExportedModel

NOTE = "mlflow.note.content"
"""MLflow shows this tag, as markdown, above a run."""

VIEW = "huberflow"
"""Key of a saved view of the run list; MLflow finds it in a tag of the experiment."""

_VIEW_NAME = "Results, best first"


def experiment(run: Run) -> str:
    """The experiment that a run belongs to."""
    return str(run.config["tracking"]["experiment"] or run.config["name"])


def experiment_tags(run: Run) -> dict[str, str]:
    """What MLflow's tables and charts of a new experiment begin with."""
    evaluation = run.config["evaluation"]
    metric = evaluation["gate"][0]["metric"]
    greater = goal(evaluation, metric) == "higher"
    return {
        "mlflow.experimentKind": "custom_model_development",
        "mlflow.experiment.primaryMetric.name": f"evaluation/{metric}",
        "mlflow.experiment.primaryMetric.greaterIsBetter": str(greater),
        NOTE: f"Runs of the pipeline {run.config['name']}; **Views → {_VIEW_NAME}** lists their "
        "results. Metrics are in groups: `evaluation/` over all eval rows, `baseline/` the model "
        "to beat, `training/` per epoch, `drift/` and `skew/` how far each column changed, "
        "`nodes/` what each node took. Each run has its node runs below it, and a `report.html`.",
        f"mlflow.sharedViewState.{VIEW}": _view(run),
    }


def _view(run: Run) -> str:
    """A saved view of MLflow's run list: runs without sweeps and nodes, by the gate's metric."""
    evaluation = run.config["evaluation"]
    first = evaluation["gate"][0]["metric"]
    metrics = dict.fromkeys([first, *(metric["key"] for metric in evaluation["metrics"])])
    state = {
        "searchFilter": "tags.huberflow.kind = 'run'",
        "orderByKey": f"metrics.`evaluation/{first}`",
        "orderByAsc": goal(evaluation, first) != "higher",
        "selectedColumns": [
            *(f"metrics.`evaluation/{metric}`" for metric in metrics),
            "tags.`huberflow.blessed`",
        ],
    }
    view = {"name": _VIEW_NAME, "createdAt": round(1000 * run.started)}
    return json.dumps({**view, "state": json.dumps(state)})


def tags(run: Run) -> dict[str, str]:
    """What is known of a run when it starts; git's in MLflow's own names."""
    metadata, git = run.metadata, run.metadata.git
    found = {
        "huberflow.run": run.id,
        "huberflow.kind": run.kind,
        "huberflow.command": metadata.command,
        # The verb alone: MLflow shows no more than what comes after the last slash.
        "mlflow.source.name": " ".join(metadata.command.split()[:2]),
        "mlflow.source.type": "LOCAL",
        "mlflow.user": metadata.user,
        "huberflow.workspace": metadata.workspace,
        "huberflow.sweep": run.sweep,
    }
    if git is not None:
        found |= {
            "mlflow.source.git.commit": git.commit,
            "mlflow.source.git.branch": git.branch,
            "mlflow.source.git.repoURL": git.remote,
            "mlflow.source.git.dirty": json.dumps(git.dirty),
        }
    found |= {f"huberflow.version.{name}": number for name, number in metadata.versions.items()}
    return {key: _fitting(str(value)) for key, value in found.items() if value}


def _fitting(text: str) -> str:
    """MLflow cuts a tag of more than 8,000 characters in silence; this says so."""
    longest, end = 8000, " ... (cut; the whole is in the workspace)"
    return text if len(text) <= longest else text[: longest - len(end)] + end


def node_tags(node: Node) -> dict[str, str]:
    """Where ML Metadata has a finished node, and why it failed."""
    if node.execution is None:
        return {"huberflow.state": node.state, NOTE: _fitting(node.cause or "did not finish")}
    outputs = {
        key: [artifact.id for artifact in artifacts]
        for key, artifacts in node.execution.outputs.items()
    }
    return {
        "huberflow.state": node.state,
        "huberflow.metadata.execution": str(node.execution.id),
        "huberflow.metadata.artifacts": _fitting(json.dumps(outputs)),
    }


def final_tags(run: Run, model: str | None) -> dict[str, str]:
    """What is known of a run when it has ended; ``model`` is its registered name and version."""
    executions = {name: node.execution.id for name, node in run.nodes.items() if node.execution}
    found = {"huberflow.status": run.status, NOTE: note(run)}
    if model is not None:
        found["huberflow.model"] = model
    if executions:
        found["huberflow.metadata.executions"] = json.dumps(executions)
        found["huberflow.source"] = params.source_fingerprint(run)
    report = run.report()
    if report is not None:
        found["huberflow.blessed"] = json.dumps(report["blessed"])
        # Makes MLflow's artifact view compare the table over runs.
        table = [{"path": "slices.json", "type": "table"}]
        found["mlflow.loggedArtifacts"] = json.dumps(table)
    pushed = run.artifact(node_ids.PUSHER, "pushed_model")
    if pushed is not None and pushed.properties.get("pushed"):
        found["huberflow.pushed"] = str(pushed.properties["pushed_destination"])
        found["huberflow.pushed_version"] = str(pushed.properties["pushed_version"])
    failed = next((node for node in run.nodes.values() if node.state == "failed"), None)
    if failed is not None:
        found |= {"huberflow.failed_node": failed.name, "huberflow.cause": failed.cause or ""}
    return {key: _fitting(value) for key, value in found.items()}


def note(run: Run) -> str:
    """A few lines of markdown that say how the run ended."""
    failed = next((node for node in run.nodes.values() if node.state == "failed"), None)
    report = run.report()
    if failed is not None:
        return f"**{failed.name} {run.status}:** {failed.cause}\n\nThe log is among the artifacts."
    if report is None:
        return f"{run.kind} {run.status}"
    verdict = "**Blessed.**" if report["blessed"] else "**Not blessed.**"
    overall = next(row["candidate"] for row in report["slices"] if not row["slice"])
    metrics = [f"{metric} {words.metric(metric, overall[metric])}" for metric in report["metrics"]]
    reasons = [f"- {reason}" for reason in report["reasons"]]
    if report["set_aside"]:
        reasons.append(f"The last blessed model was set aside, for {report['set_aside']}.")
    changes = [f"`{key}={value}`" for key, value in run.metadata.changes.items()]
    settings = [f"Settings: {' '.join(changes)}"] if changes else []
    story = "The whole story is `report.html` among the artifacts."
    return "\n\n".join([f"{verdict} {' · '.join(metrics)}", *reasons, *settings, story])


def as_json(node: Node) -> str:
    """All that ML Metadata has of a node, secrets masked."""
    execution = asdict(node.execution) if node.execution else {}
    return json.dumps(masked(json.loads(json.dumps(execution, default=str))), indent=1)


def exported_model(run: Run, workspace_id: str) -> ExportedModel | None:
    """The run's bundle, ready to register; none where there is none.

    A trial of a sweep exports nothing; its model is what the Trainer has saved.
    """
    exported = run.artifact(node_ids.SERVING_EXPORT, "exported_model")
    model = exported if run.sweep is None else run.artifact(node_ids.TRAINER, "model")
    schema = run.artifact(node_ids.SCHEMA_GEN, "schema")
    if model is None or schema is None:
        return None
    types = _types((schema.uri / artifact_files.SCHEMA).read_text())
    names = [name for name in columns(run.config["features"]) if name in types]
    rows: list[Mapping[str, Any]] = [
        {name: row.get(name) for name in names} for row in example_rows(run)
    ]
    return ExportedModel(
        key=f"{workspace_id}/{model.id}",
        name=str(run.config["name"]),
        folder=model.uri / artifact_files.SERVING_MODEL,
        inputs=[Column(name, types[name]) for name in names],
        outputs=_outputs(Target.of(run.config["data"])),
        example=rows,
        tags={
            "huberflow.run": run.id,
            "huberflow.metadata.artifact": str(model.id),
            "huberflow.certificate": str(model.properties.get("certificate", "none")),
        },
    )


def _outputs(target: Target) -> list[Column]:
    """See ``huberflow.components.serving.signatures``."""
    texts = [Column(PREDICTION, "string")] if target.classes else []
    return [*texts, *(Column(name, "double") for name in target.numbers)]


def _types(schema: str) -> dict[str, Any]:
    """How the signature ``columns`` takes each raw column: text, or a number."""
    parsed = text_format.Parse(schema, schema_pb2.Schema())
    return {
        feature.name: "string" if feature.type == schema_pb2.BYTES else "double"
        for feature in parsed.feature
    }
