"""Runs a compiled spec as Kubeflow's driver and launcher do, one container after the other.

What those do is read in kubeflow/pipelines, backend/src/v2 (driver/container.go, driver/resolve.go,
component/launcher_v2.go): inputs are resolved, ``{{$}}`` in the command becomes the executor's
input as JSON, the command runs, and what it wrote about its outputs is kept for the steps after it.
Here the containers are processes of this machine, and the bucket is a folder that all of them see.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml


class Cluster:
    """One run of a spec.

    Args:
      spec: file that ``huberflow compile`` wrote.
      root: the pipeline root, a new folder.
      run_id: what Kubeflow would make up.
      secrets: what a Kubernetes secret holds, by key.
    """

    def __init__(
        self, spec: Path, root: Path, run_id: str, secrets: Mapping[str, str] | None = None
    ) -> None:
        self._spec, platform = yaml.safe_load_all(spec.read_text())
        kubernetes = platform["platforms"]["kubernetes"]
        self._added = kubernetes["deploymentSpec"]["executors"]
        self._root = root
        self._run_id = run_id
        self._secrets = secrets or {}
        self._outputs: dict[tuple[str, str], dict[str, Any]] = {}
        self._ids = itertools.count(1)
        self.ran: list[str] = []
        """Tasks, in order."""

    def run(self) -> None:
        """All tasks, each after those that it depends on."""
        for name, task in self._in_order():
            self._run(name, task)
            self.ran.append(name)

    def folder(self, task: str, key: str) -> Path:
        """Of an output."""
        return Path(self._outputs[task, key]["uri"])

    def metadata(self, task: str, key: str) -> dict[str, Any]:
        """Of an output, as the metadata store has it."""
        return self._outputs[task, key]["metadata"]

    def _in_order(self) -> Iterator[tuple[str, Any]]:
        waiting, done = dict(self._spec["root"]["dag"]["tasks"]), set()
        while waiting:
            ready = [n for n, task in waiting.items() if done.issuperset(_before(task))]
            for name in ready:
                yield name, waiting.pop(name)
                done.add(name)

    def _run(self, name: str, task: Any) -> None:
        component = self._spec["components"][task["componentRef"]["name"]]
        label = component["executorLabel"]
        container = self._spec["deploymentSpec"]["executors"][label]["container"]
        told = {"inputs": self._inputs(task), "outputs": self._provisioned(name, component)}
        text = json.dumps(told)
        command = [part.replace("{{$}}", text) for part in container["command"] + container["args"]]
        log = Path(told["outputs"]["artifacts"]["executor-logs"]["artifacts"][0]["uri"])
        with log.open("w") as out:
            done = subprocess.run(
                command,
                cwd=self._root,
                env=self._environment(label),
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        assert done.returncode == 0, f"{name}:\n{log.read_text()[-5000:]}"
        self._keep(name, told["outputs"])

    def _inputs(self, task: Any) -> dict[str, Any]:
        asked = task.get("inputs", {})
        values = {}
        for key, value in asked.get("parameters", {}).items():
            constant = value["runtimeValue"]["constant"]
            if constant == "{{$.pipeline_job_uuid}}":
                constant = self._run_id
            elif isinstance(constant, float) and constant.is_integer():
                constant = int(constant)  # as Go writes numbers
            values[key] = constant
        artifacts = {}
        for key, value in asked.get("artifacts", {}).items():
            source = value["taskOutputArtifact"]
            found = self._outputs[source["producerTask"], source["outputArtifactKey"]]
            artifacts[key] = {"artifacts": [found]}
        return {"parameterValues": values, "artifacts": artifacts}

    def _provisioned(self, name: str, component: Any) -> dict[str, Any]:
        place = self._root / self._spec["pipelineInfo"]["name"] / self._run_id / name
        definitions = component.get("outputDefinitions", {}).get("artifacts", {})
        types = {key: definition["artifactType"] for key, definition in definitions.items()}
        types["executor-logs"] = {"schemaTitle": "system.Artifact"}
        artifacts = {
            key: {"artifacts": [{"name": key, "uri": str(place / key), "type": kind}]}
            for key, kind in types.items()
        }
        place.mkdir(parents=True)
        return {"artifacts": artifacts, "outputFile": str(place / "output_metadata.json")}

    def _environment(self, label: str) -> dict[str, str]:
        found = {
            **os.environ,
            # As in the image, where `python` has our packages.
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        for secret in self._added.get(label, {}).get("secretAsEnv", ()):
            for pair in secret["keyToEnv"]:
                found[pair["envVar"]] = self._secrets[pair["secretKey"]]
        return found

    def _keep(self, name: str, provisioned: Any) -> None:
        """The outputs as the metadata store gives them to others: by an id, metadata merged."""
        said = json.loads(Path(provisioned["outputFile"]).read_text()).get("artifacts", {})
        for key, listed in said.items():
            (artifact,) = provisioned["artifacts"][key]["artifacts"]
            (written,) = listed["artifacts"]
            self._outputs[name, key] = {
                **artifact,
                "uri": written["uri"],
                "name": str(next(self._ids)),
                "metadata": {"display_name": key, **written.get("metadata", {})},
            }


def _before(task: Any) -> set[str]:
    sources = task.get("inputs", {}).get("artifacts", {}).values()
    named = {source["taskOutputArtifact"]["producerTask"] for source in sources}
    return named | set(task.get("dependentTasks", ()))
