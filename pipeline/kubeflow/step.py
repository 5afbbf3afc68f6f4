"""Runs one component in its container: what every command of a compiled spec begins with.

Kubeflow's launcher copies a step's inputs from the bucket to this disk, runs the command, and
copies the outputs back. TFX's components write where their artifacts' addresses point, so here
those point to the disk. What a step took and was told travels with its outputs, for ``Report``.
"""

import argparse
import json
import logging
import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from huberflow.pipeline.history import run_metadata
from huberflow.pipeline.history.git import GitState
from huberflow.pipeline.history.usage import Usage
from huberflow.pipeline.objects.packing import unpacked

CLUSTER = "kubeflow"
"""Stands for the workspace in what tells runs apart; Kubeflow's run ids are unique."""

TAXI = "the taxi trips in this image"
"""In place of a folder of data: the image has them where its TFX lies."""

NOTE = "huberflow_step"
"""Property of every output: when its step ran, what it used, and its parameters, as JSON."""

BUCKETS = {"gs://": "/gcs/", "s3://": "/s3/", "minio://": "/minio/"}
"""Where the launcher keeps a bucket's files."""

_OF_RUN = ("run_id", "facts")
"""Parameters that differ in every run, and say nothing of the component."""

_LOGS = "executor-logs"
"""An output of a type that TFX does not know, which the launcher adds and writes itself."""


def main() -> None:
    """Runs the component that the command line names, as TFX's own entry point does."""
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    logging.basicConfig(level=logging.INFO)
    from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor

    flags, beam_args = _parser().parse_known_args()
    told = json.loads(flags.json_serialized_invocation_args)
    parameters = told["inputs"].setdefault("parameterValues", {})
    _tell_of_run(parameters)
    sources = _take_sources(parameters)
    note = {name: value for name, value in parameters.items() if name not in _OF_RUN}
    addresses = _on_disk(told)
    started, usage = time.time(), Usage()
    usage.start()
    with tempfile.TemporaryDirectory() as folder:
        _put_sources(sources, Path(folder), parameters)
        _find_taxi_trips(parameters)
        flags.json_serialized_invocation_args = json.dumps(told)
        kubeflow_v2_run_executor.main((flags, beam_args))
    took = {"started": started, "seconds": time.time() - started, "usage": usage.stop()}
    _finish(Path(told["outputs"]["outputFile"]), addresses, {**took, "properties": note})


def _parser() -> argparse.ArgumentParser:
    """The flags of ``kubeflow_v2_run_executor``; all others are Beam's."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--executor_class_path", required=True)
    parser.add_argument("--json_serialized_invocation_args", required=True)
    parser.add_argument("--json_serialized_inputs_spec_args", required=True)
    return parser


def path_of(address: str) -> str:
    """Where the files of an artifact lie on this disk."""
    for scheme, folder in BUCKETS.items():
        if address.startswith(scheme):
            return folder + address.removeprefix(scheme)
    return address


def _on_disk(told: Mapping[str, Any]) -> dict[str, str]:
    """Makes every artifact's address a path, and a folder of each output; their addresses."""
    outputs = told["outputs"].get("artifacts", {})
    outputs.pop(_LOGS, None)
    addresses = {key: artifact["uri"] for key, (artifact,) in _artifacts(outputs)}
    for _, artifacts in (*_artifacts(told["inputs"].get("artifacts", {})), *_artifacts(outputs)):
        for artifact in artifacts:
            artifact["uri"] = path_of(artifact["uri"])
    for address in addresses.values():
        Path(path_of(address)).mkdir(parents=True, exist_ok=True)
    return addresses


def _artifacts(group: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(key, found["artifacts"]) for key, found in group.items()]


def _tell_of_run(parameters: Mapping[str, str]) -> None:
    if "run_id" in parameters:
        from huberflow.components.export import serving_export

        known = GitState.from_json(git) if (git := json.loads(parameters["facts"])["git"]) else None
        serving_export.RUN.set(run_metadata.lineage(CLUSTER, parameters["run_id"], known))


def _take_sources(parameters: dict[str, Any]) -> dict[str, str]:
    """Takes the files of the user's objects out of the parameters, where ``embedded`` put them."""
    config = json.loads(parameters.get("custom_config", "null"))
    if not config or not config.get("objects"):
        return {}
    sources = unpacked(config["objects"].pop("sources"))
    parameters["custom_config"] = json.dumps(config, sort_keys=True)
    return sources


def _put_sources(sources: Mapping[str, str], folder: Path, parameters: dict[str, Any]) -> None:
    """Writes them into a folder, and names it where the component looks for it."""
    if not sources:
        return
    for name, text in sources.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    config = json.loads(parameters["custom_config"])
    config["objects"]["folder"] = str(folder)
    parameters["custom_config"] = json.dumps(config, sort_keys=True)


def _find_taxi_trips(parameters: dict[str, Any]) -> None:
    if parameters.get("input_base") == TAXI:
        from huberflow.pipeline.data import taxi

        parameters["input_base"] = str(taxi.folder())


def _finish(output_file: Path, addresses: Mapping[str, str], note: Mapping[str, Any]) -> None:
    """Gives the outputs their addresses back, and the note."""
    said = json.loads(output_file.read_text())
    for key, (artifact,) in _artifacts(said.get("artifacts", {})):
        artifact["uri"] = addresses[key]
        artifact.setdefault("metadata", {})[NOTE] = json.dumps(note)
    output_file.write_text(json.dumps(said))


if __name__ == "__main__":
    main()
