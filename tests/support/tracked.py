"""Reads a tracking server with MLflow's own client, and nothing of huberflow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from mlflow.entities import Run, ViewType

# What differs between two deliveries of the same run: ids, and where a server keeps things.
_OF_THE_SERVER = ("mlflow.parentRunId", "mlflow.log-model.history", "mlflow.artifact")


def differences(one: dict[str, Any], other: dict[str, Any]) -> list[Any]:
    """What two dumps do not have in common: run, field, and both values."""
    runs, others = one["runs"], other["runs"]
    found: list[Any] = sorted(runs.keys() ^ others.keys())
    for key in sorted(runs.keys() & others.keys()):
        for field, value in runs[key].items():
            if value != others[key][field]:
                found.append((key, field, value, others[key][field]))
    if one["models"] != other["models"]:
        found.append((one["models"], other["models"]))
    return found


class Tracked:
    """All that a server has of the experiment `taxi`."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.client = MlflowClient(tracking_uri=uri, registry_uri=uri)

    def runs(self) -> list[Run]:
        experiment = self.client.get_experiment_by_name("taxi")
        return list(self.client.search_runs([experiment.experiment_id], max_results=5000))

    def run(self, run_id: str) -> Run:
        """The pipeline's run with this id on the command line."""
        (found,) = [run for run in self.runs() if run.data.tags.get("huberflow.run") == run_id]
        return found

    def nodes(self, run: Run) -> dict[str, Run]:
        """The runs below a run, by name."""
        return {
            below.info.run_name: below
            for below in self.runs()
            if below.data.tags.get("mlflow.parentRunId") == run.info.run_id
        }

    def history(self, run: Run, key: str) -> list[tuple[int, float]]:
        points = self.client.get_metric_history(run.info.run_id, key)
        return sorted((point.step, point.value) for point in points)

    def file(self, run: Run, path: str) -> Path:
        """One artifact, fetched."""
        fetched = download_artifacts(
            run_id=run.info.run_id, artifact_path=path, tracking_uri=self.uri
        )
        return Path(fetched)

    def files(self, run: Run, folder: str = "") -> list[str]:
        """Paths of all artifacts."""
        found = []
        for entry in self.client.list_artifacts(run.info.run_id, folder or None):
            found += self.files(run, entry.path) if entry.is_dir else [entry.path]
        # MLflow writes this one where a model is loaded from a folder.
        return sorted(path for path in found if not path.endswith("/registered_model_meta"))

    def dump(self) -> dict[str, Any]:
        """Everything, under the keys of the runs instead of the server's ids."""
        runs = self.runs()
        keys = {run.info.run_id: run.data.tags["huberflow.key"] for run in runs}
        assert len(set(keys.values())) == len(runs), "a run is there twice"
        return {
            "runs": {keys[run.info.run_id]: self._dump_run(run, keys) for run in runs},
            "models": self._dump_models(keys),
        }

    def ids(self) -> set[str]:
        experiments = [e.experiment_id for e in self.client.search_experiments()]
        found = self.client.search_runs(experiments, run_view_type=ViewType.ALL, max_results=5000)
        return {run.info.run_id for run in found}

    def _dump_run(self, run: Run, keys: dict[str, str]) -> dict[str, Any]:
        tags = run.data.tags
        return {
            "name": run.info.run_name,
            "status": run.info.status,
            "times": (run.info.start_time, run.info.end_time),
            "above": keys.get(tags.get("mlflow.parentRunId", "")),
            "params": run.data.params,
            "tags": {k: v for k, v in tags.items() if not k.startswith(_OF_THE_SERVER)},
            "metrics": {key: self.history(run, key) for key in sorted(run.data.metrics)},
            "inputs": [data.dataset.to_dictionary() for data in run.inputs.dataset_inputs],
            "files": self.files(run),
        }

    def _dump_models(self, keys: dict[str, str]) -> list[Any]:
        found = []
        for version in self.client.search_model_versions("name = 'taxi'"):
            whole = self.client.get_model_version("taxi", version.version)
            tags = json.dumps(whole.tags, sort_keys=True)
            found.append((int(whole.version), keys[whole.run_id], sorted(whole.aliases), tags))
        return sorted(found)
