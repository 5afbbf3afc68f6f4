"""The tags of tracked experiments, runs and nodes: code, results, and ids in ML Metadata."""

import json
from dataclasses import asdict

from huberflow.pipeline.history.metadata_store import FINISHED
from huberflow.pipeline.history.run_history import Node, Run
from huberflow.pipeline.report.formatting import format_metric
from huberflow.pipeline.report.metric_direction import direction_in, metric_keys, ranking_metric
from huberflow.pipeline.system.masking import masked
from huberflow.pipeline.tracking import params
from huberflow.pipeline.tracking.tag_names import NOTE

VIEW = "huberflow"
"""Key of a saved view of the run list; MLflow finds it in a tag of the experiment."""

_VIEW_NAME = "Results, best first"

_DESCRIPTION = (
    "Runs of a TFX pipeline. Metrics are in groups: `evaluation/` over all eval rows, `baseline/` "
    "of the last blessed model, `training/` per epoch, `drift/` and `skew/` of each column, "
    "`nodes/` the resources of each node. Below each run are the runs of its nodes; each has a "
    "`report.html`."
)


def of_experiment(run: Run) -> dict[str, str]:
    """The tags of a new experiment: its description, and how MLflow's UI ranks its runs."""
    tags = {"mlflow.experimentKind": "custom_model_development", NOTE: _DESCRIPTION}
    metric = ranking_metric(run)
    if metric is None:
        return tags
    greater = direction_in(run, metric) == "higher"
    return tags | {
        NOTE: f"**Views → {_VIEW_NAME}** lists the results. {_DESCRIPTION}",
        "mlflow.experiment.primaryMetric.name": f"evaluation/{metric}",
        "mlflow.experiment.primaryMetric.greaterIsBetter": str(greater),
        f"mlflow.sharedViewState.{VIEW}": _view(run, metric, greater),
    }


def _view(run: Run, first: str, greater: bool) -> str:
    """A saved view of MLflow's run list: runs without sweeps and nodes, by the gate's metric."""
    metrics = dict.fromkeys([first, *metric_keys(run)])
    state = {
        "searchFilter": "tags.huberflow.kind = 'run'",
        "orderByKey": f"metrics.`evaluation/{first}`",
        "orderByAsc": not greater,
        "selectedColumns": [
            *(f"metrics.`evaluation/{metric}`" for metric in metrics),
            "tags.`huberflow.blessed`",
        ],
    }
    view = {"name": _VIEW_NAME, "createdAt": round(1000 * run.started)}
    return json.dumps({**view, "state": json.dumps(state)})


def of_started_run(run: Run) -> dict[str, str]:
    """The tags of a run that starts; the state of git has MLflow's own tag names."""
    metadata, git = run.metadata, run.metadata.git
    tags = {
        "huberflow.run": run.id,
        "huberflow.kind": run.kind,
        "huberflow.command": metadata.command,
        # The verb alone, because MLflow shows only what follows the last slash.
        "mlflow.source.name": " ".join(metadata.command.split()[:2]),
        "mlflow.source.type": "LOCAL",
        "mlflow.user": metadata.user,
        "huberflow.workspace": metadata.workspace,
        "huberflow.sweep": run.sweep,
    }
    if git is not None:
        tags |= {
            "mlflow.source.git.commit": git.commit,
            "mlflow.source.git.branch": git.branch,
            "mlflow.source.git.repoURL": git.remote,
            "mlflow.source.git.dirty": json.dumps(git.dirty),
        }
    tags |= {f"huberflow.version.{name}": number for name, number in metadata.versions.items()}
    return {key: _fitting(str(value)) for key, value in tags.items() if value}


def _fitting(text: str) -> str:
    """The text within MLflow's limit for tags, with a note where it is cut."""
    longest, end = 8000, " ... (cut; the whole text is in the workspace)"
    return text if len(text) <= longest else text[: longest - len(end)] + end


def of_node(node: Node) -> dict[str, str]:
    """The tags of a finished node: its state, its ids in ML Metadata, and why it failed."""
    tags: dict[str, str] = {"huberflow.state": node.state}
    if node.state not in FINISHED:
        tags[NOTE] = _fitting(node.cause or "did not finish")
    if node.execution is None:
        return tags
    outputs = {
        key: [artifact.id for artifact in artifacts]
        for key, artifacts in node.execution.outputs.items()
    }
    return tags | {
        "huberflow.metadata.execution": str(node.execution.id),
        "huberflow.metadata.artifacts": _fitting(json.dumps(outputs)),
    }


def of_ended_run(run: Run, model: str | None) -> dict[str, str]:
    """The tags of a run that has ended; ``model`` is its registered name and version."""
    executions = {name: node.execution.id for name, node in run.nodes.items() if node.execution}
    tags = {"huberflow.status": run.status, NOTE: summary(run)}
    if model is not None:
        tags["huberflow.model"] = model
    if executions:
        tags["huberflow.metadata.executions"] = json.dumps(executions)
    if executions and run.config:
        tags["huberflow.source"] = params.source_fingerprint(run)
    report = run.report()
    if report is not None:
        tags["huberflow.blessed"] = json.dumps(report.blessed)
        # MLflow's artifact view then compares the table between runs.
        table = [{"path": "slices.json", "type": "table"}]
        tags["mlflow.loggedArtifacts"] = json.dumps(table)
    pushed = run.artifact("pushed_model")
    if pushed is not None and pushed.properties.get("pushed"):
        tags["huberflow.pushed"] = str(pushed.properties["pushed_destination"])
        tags["huberflow.pushed_version"] = str(pushed.properties["pushed_version"])
    if failed := run.failed_node:
        tags |= {"huberflow.failed_node": failed.name, "huberflow.cause": failed.cause or ""}
    return {key: _fitting(value) for key, value in tags.items()}


def summary(run: Run) -> str:
    """How the run ended, in a few lines of markdown."""
    if failed := run.failed_node:
        log = "\n\nThe log is among the artifacts." if run.metadata.log else ""
        return f"**{failed.name} {run.status}:** {failed.cause}{log}"
    report = run.report()
    if report is None:
        return f"{run.kind} {run.status}"
    verdict = "**Blessed.**" if report.blessed else "**Not blessed.**"
    overall = report.overall.candidate
    metrics = [f"{metric} {format_metric(metric, overall[metric])}" for metric in report.metrics]
    reasons = [f"- {reason}" for reason in report.reasons]
    if report.baseline_dropped:
        reasons.append(f"The last blessed model was dropped: {report.baseline_dropped}.")
    changes = [f"`{key}={value}`" for key, value in run.metadata.changes.items()]
    settings = [f"Settings: {' '.join(changes)}"] if changes else []
    more = "Everything else is in `report.html`, among the artifacts."
    return "\n\n".join([f"{verdict} {' · '.join(metrics)}", *reasons, *settings, more])


def node_json(node: Node) -> str:
    """The record of a node in ML Metadata, with secrets masked."""
    execution = asdict(node.execution) if node.execution else {}
    return json.dumps(masked(json.loads(json.dumps(execution, default=str))), indent=1)
