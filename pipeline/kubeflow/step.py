"""Runs one component in its container: the first part of every command of a compiled spec.

Kubeflow's launcher copies a step's inputs from the bucket to this disk, runs the command, and
copies the outputs back. TFX's components write to the addresses of their artifacts, so the step
replaces addresses by paths on the disk. What it used and its parameters become a property of its
outputs, for ``TrackRun``.
"""

import argparse
import json
import logging
import os
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huberflow.components.contracts.lineage import LINEAGE
from huberflow.custom_objects.json_record import JSON, JsonRecord
from huberflow.installation.unknown_user import name_unknown_user
from huberflow.pipeline.data import taxi
from huberflow.pipeline.history import run_metadata
from huberflow.pipeline.history.run_history import RunMetadata
from huberflow.pipeline.history.usage import ResourceUsage
from huberflow.pipeline.objects.packing import unpacked

CLUSTER = "kubeflow"
"""In place of a workspace in the keys of tracked runs; Kubeflow's run ids are unique."""

TAXI = "the taxi trips in this image"
"""In place of a folder of data: the image has the taxi trips in its TFX package."""

STEP_RECORD = "huberflow_step"
"""The property of every output that has the ``StepRecord`` as JSON."""

BUCKETS = {"gs://": "/gcs/", "s3://": "/s3/", "minio://": "/minio/"}
"""The folders in which the launcher keeps the files of buckets."""

RUN_PARAMETERS = ("run_id", "title", "run_metadata")
"""Parameters that describe the run, not the component."""

_LOGS = "executor-logs"
"""An output of a type that TFX does not have; the launcher adds and writes it."""


@dataclass(frozen=True, kw_only=True)
class StepRecord(JsonRecord):
    """What a step reports of itself to the last step."""

    started: float
    """Seconds since the epoch."""
    seconds: float
    usage: Mapping[str, float]
    properties: Mapping[str, JSON]
    """The component's parameters."""


def main() -> None:
    """Runs the component that the command line names, as TFX's own entry point does."""
    name_unknown_user()  # as OpenShift runs containers
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    logging.basicConfig(level=logging.INFO)
    from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor

    # The flags of ``kubeflow_v2_run_executor``; all others are Beam's.
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--executor_class_path", required=True)
    parser.add_argument("--json_serialized_invocation_args", required=True)
    parser.add_argument("--json_serialized_inputs_spec_args", required=True)
    flags, beam_args = parser.parse_known_args()
    invocation = json.loads(flags.json_serialized_invocation_args)
    parameters = invocation["inputs"].setdefault("parameterValues", {})
    addresses = _use_local_paths(invocation)
    started, usage = time.time(), ResourceUsage()
    usage.start()
    with tempfile.TemporaryDirectory() as folder:
        properties = _unpack_sources(parameters, Path(folder))
        _add_lineage(parameters)
        if parameters.get("input_base") == TAXI:
            parameters["input_base"] = str(taxi.folder())
        flags.json_serialized_invocation_args = json.dumps(invocation)
        kubeflow_v2_run_executor.main((flags, beam_args))
    record = StepRecord(
        started=started,
        seconds=time.time() - started,
        usage=usage.stop(),
        properties={key: properties[key] for key in properties if key not in RUN_PARAMETERS},
    )
    _finish(Path(invocation["outputs"]["outputFile"]), addresses, record)


def local_path(address: str) -> str:
    """The path on this disk of an artifact in a bucket."""
    for scheme, folder in BUCKETS.items():
        if address.startswith(scheme):
            return folder + address.removeprefix(scheme)
    return address


def _use_local_paths(invocation: Mapping[str, Any]) -> dict[str, str]:
    """Replaces addresses by paths, and makes the outputs' folders; the outputs' addresses."""
    outputs = invocation["outputs"].get("artifacts", {})
    outputs.pop(_LOGS, None)
    addresses = {key: artifact["uri"] for key, (artifact,) in _artifacts(outputs)}
    inputs = invocation["inputs"].get("artifacts", {})
    for _, artifacts in (*_artifacts(inputs), *_artifacts(outputs)):
        for artifact in artifacts:
            artifact["uri"] = local_path(artifact["uri"])
    for address in addresses.values():
        Path(local_path(address)).mkdir(parents=True, exist_ok=True)
    return addresses


def _artifacts(group: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(key, value["artifacts"]) for key, value in group.items()]


def _add_lineage(parameters: dict[str, str]) -> None:
    """Adds what ServingExport writes into the certificate, as the local runner does."""
    if "run_id" in parameters:
        git = RunMetadata.from_text(parameters["run_metadata"]).git
        parameters[LINEAGE] = run_metadata.lineage(CLUSTER, parameters["run_id"], git).to_text()


def _unpack_sources(parameters: dict[str, str], folder: Path) -> dict[str, str]:
    """Writes the packed files of custom objects into a folder, which the parameters then name.

    Returns:
      The parameters with neither, for the step's record.
    """
    config = json.loads(parameters.get("custom_config", "null"))
    if not config or not config.get("objects"):
        return dict(parameters)
    for name, text in unpacked(config["objects"].pop("sources")).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    recorded = {**parameters, "custom_config": json.dumps(config, sort_keys=True)}
    config["objects"]["folder"] = str(folder)
    parameters["custom_config"] = json.dumps(config, sort_keys=True)
    return recorded


def _finish(output_file: Path, addresses: Mapping[str, str], record: StepRecord) -> None:
    """Gives the outputs their addresses back, and adds the record to each."""
    result = json.loads(output_file.read_text())
    for key, (artifact,) in _artifacts(result.get("artifacts", {})):
        artifact["uri"] = addresses[key]
        artifact.setdefault("metadata", {})[STEP_RECORD] = record.to_text()
    output_file.write_text(json.dumps(result))


if __name__ == "__main__":
    main()
