"""Runs a compiled spec as Kubeflow's driver and launcher do, one container after the other.

What those do is read in kubeflow/pipelines, backend/src/v2 (driver/container.go, driver/resolve.go,
component/launcher_v2.go): inputs are resolved, ``{{$}}`` in the command becomes the executor's
input as JSON, the command runs, and what it wrote about its outputs is kept for the steps after it.
Here the bucket is a folder that all containers see.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from huberflow.pipeline.kubeflow.step import local_path


@dataclass(frozen=True)
class Bucket:
    """Where the nodes write.

    Attributes:
      address: names the artifacts; containers see them at its ``local_path``.
      folder: where it lies on this machine.
    """

    address: str
    folder: Path

    def here(self, address: str) -> Path:
        """Where something in the bucket lies on this machine."""
        return self.folder / Path(address).relative_to(self.address)


@dataclass(frozen=True)
class Container:
    """What Kubernetes is asked for.

    Attributes:
      image: name of it.
      command: with its arguments.
      secrets: variables, from a Kubernetes secret.
      volumes: claims, by where the container has them.
    """

    image: str
    command: list[str]
    secrets: Mapping[str, str]
    volumes: Mapping[str, str]


def process(container: Container) -> subprocess.CompletedProcess[str]:
    """Runs a container's command on this machine, with this Python, as its user."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, **container.secrets, "PATH": path}
    return subprocess.run(
        container.command,
        env=environment,
        cwd="/",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


class Cluster:
    """One run of a spec.

    Args:
      spec: file that ``huberflow compile`` wrote.
      bucket: empty.
      run_id: what Kubeflow would make up.
      secrets: what a Kubernetes secret holds, by key.
      start: runs a container.
    """

    def __init__(
        self,
        spec: Path,
        bucket: Bucket,
        run_id: str,
        secrets: Mapping[str, str],
        start: Callable[[Container], subprocess.CompletedProcess[str]] = process,
    ) -> None:
        self._spec, platform = yaml.safe_load_all(spec.read_text())
        kubernetes = platform["platforms"]["kubernetes"]
        self._added = kubernetes["deploymentSpec"]["executors"]
        self._bucket = bucket
        self._run_id = run_id
        self._secrets = secrets
        self._start = start
        self._outputs: dict[tuple[str, str], dict[str, Any]] = {}
        self._ids = itertools.count(1)

    def run(self) -> None:
        """All tasks, each after those that it depends on."""
        for name, task in self._in_order():
            self._run(name, task)

    def folder(self, task: str, key: str) -> Path:
        """Of an output."""
        return self._bucket.here(self._outputs[task, key]["uri"])

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
        done = self._start(Container(container["image"], command, *self._added_to(label)))
        assert done.returncode == 0, f"{name}:\n{done.stdout[-5000:]}"
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
        place = self._place(name)
        definitions = component.get("outputDefinitions", {}).get("artifacts", {})
        types = {key: definition["artifactType"] for key, definition in definitions.items()}
        types["executor-logs"] = {"schemaTitle": "system.Artifact"}
        artifacts = {
            key: {"artifacts": [{"name": key, "uri": f"{place}/{key}", "type": kind}]}
            for key, kind in types.items()
        }
        self._bucket.here(place).mkdir(parents=True)
        return {"artifacts": artifacts, "outputFile": f"{local_path(place)}/output_metadata.json"}

    def _place(self, name: str) -> str:
        pipeline = self._spec["pipelineInfo"]["name"]
        return f"{self._bucket.address}/{pipeline}/{self._run_id}/{name}"

    def _added_to(self, label: str) -> tuple[dict[str, str], dict[str, str]]:
        """A container's secrets and volumes."""
        added = self._added.get(label, {})
        secrets = {
            pair["envVar"]: self._secrets[pair["secretKey"]]
            for secret in added.get("secretAsEnv", ())
            for pair in secret["keyToEnv"]
        }
        volumes = {mount["mountPath"]: mount["constant"] for mount in added.get("pvcMount", ())}
        return secrets, volumes

    def _keep(self, name: str, provisioned: Any) -> None:
        """The outputs as the metadata store gives them to others: by an id, metadata merged."""
        written = self._bucket.here(self._place(name)) / "output_metadata.json"
        for key, listed in json.loads(written.read_text()).get("artifacts", {}).items():
            (artifact,) = provisioned["artifacts"][key]["artifacts"]
            (said,) = listed["artifacts"]
            self._outputs[name, key] = {
                **artifact,
                "uri": said["uri"],
                "name": str(next(self._ids)),
                "metadata": {"display_name": key, **said.get("metadata", {})},
            }


def _before(task: Any) -> set[str]:
    sources = task.get("inputs", {}).get("artifacts", {}).values()
    named = {source["taskOutputArtifact"]["producerTask"] for source in sources}
    return named | set(task.get("dependentTasks", ()))
