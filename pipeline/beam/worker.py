"""``huberflow-worker``: a Beam worker that a runner starts as a process, without a container.

It is the command of Beam's ``PROCESS`` environment, and does what ``boot`` does in Beam's images:
asks the runner what the job needs, fetches the packages staged with it, and becomes the worker.
What is installed stays as it is: the job's packages lie before it on the path, in a folder that
goes with the process.
"""

import argparse
import os
import shutil
import signal
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def main() -> None:
    """Runs until the runner has no more work, or ends it."""
    asked = _arguments()
    # Beam reads the first when it is imported, so it is imported below; TFX and TFMA the second.
    os.environ |= {"WORKER_ID": asked.id, "TF_USE_LEGACY_KERAS": "1"}
    from apache_beam.runners.worker import sdk_worker_main

    with tempfile.TemporaryDirectory(prefix="huberflow-worker-") as folder:
        signal.signal(signal.SIGTERM, lambda *_: _end(folder))
        info = _provision(asked.provision_endpoint, asked.id)
        staged, packages = Path(folder, "staged"), Path(folder, "packages")
        fetch(info.artifact_endpoint.url, asked.id, info.dependencies, staged)
        unpack(staged, packages)
        sys.path.insert(0, str(packages))
        _forget_installed()
        os.environ |= {**_told(info), "SEMI_PERSISTENT_DIRECTORY": folder}
        sdk_worker_main.main(sys.argv)


def _forget_installed() -> None:
    """Lets the staged package be imported in place of the installed one, which started this."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "huberflow"]:
        del sys.modules[name]


def _end(folder: str) -> None:
    """At once: the runner kills who tidies up his threads first, and the folder would stay."""
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


def fetch(url: str, worker: str, dependencies: Iterable[Any], folder: Path) -> None:
    """Writes the files that were staged with a job, under the names that they were staged with.

    Args:
      url: the runner's artifact service.
      worker: the id of this worker.
      dependencies: as the runner lists them.
      folder: new.
    """
    from apache_beam.portability import common_urns
    from apache_beam.portability.api import beam_artifact_api_pb2 as api
    from apache_beam.portability.api import beam_artifact_api_pb2_grpc, beam_runner_api_pb2

    folder.mkdir()
    with _channel(url, worker) as channel:
        service = beam_artifact_api_pb2_grpc.ArtifactRetrievalServiceStub(channel)
        asked = api.ResolveArtifactsRequest(artifacts=dependencies)
        for found in service.ResolveArtifacts(asked).replacements:
            if found.role_urn == common_urns.artifact_roles.STAGING_TO.urn:
                role = beam_runner_api_pb2.ArtifactStagingToRolePayload()
                role.ParseFromString(found.role_payload)
                chunks = service.GetArtifact(api.GetArtifactRequest(artifact=found))
                with (folder / Path(role.staged_name).name).open("wb") as file:
                    file.writelines(chunk.data for chunk in chunks)


def unpack(staged: Path, packages: Path) -> None:
    """Unpacks the wheels among the staged files into one folder to import from.

    Raises:
      ValueError: a package was staged that has to be built first.
    """
    for file in sorted(staged.iterdir()):
        if file.suffix == ".whl":
            with zipfile.ZipFile(file) as wheel:
                wheel.extractall(packages)
        elif file.name.endswith((".tar", ".tar.gz", ".zip")):
            raise ValueError(
                f"extra_packages: expected wheels, received {file.name}; write: "
                f"pip wheel --no-deps {file.name}"
            )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A Beam worker, as a runner starts it.")
    parser.add_argument("--id", required=True, help="of this worker")
    parser.add_argument("--provision_endpoint", required=True, help="where the runner answers")
    known, _ = parser.parse_known_args()  # some runners also name what the provision info has
    return known


def _provision(url: str, worker: str) -> Any:
    from apache_beam.portability.api import beam_provision_api_pb2 as api
    from apache_beam.portability.api import beam_provision_api_pb2_grpc

    with _channel(url, worker) as channel:
        service = beam_provision_api_pb2_grpc.ProvisionServiceStub(channel)
        return service.GetProvisionInfo(api.GetProvisionInfoRequest()).info


def _channel(url: str, worker: str) -> Any:
    import grpc
    from apache_beam.runners.worker.worker_id_interceptor import WorkerIdInterceptor

    return grpc.intercept_channel(grpc.insecure_channel(url), WorkerIdInterceptor(worker))


def _told(info: Any) -> dict[str, str]:
    """What the runner told, as ``sdk_worker_main`` reads it."""
    from google.protobuf import json_format, text_format

    endpoints = {
        "CONTROL_API_SERVICE_DESCRIPTOR": info.control_endpoint,
        "LOGGING_API_SERVICE_DESCRIPTOR": info.logging_endpoint,
        "STATUS_API_SERVICE_DESCRIPTOR": info.status_endpoint,
    }
    return {
        "PIPELINE_OPTIONS": json_format.MessageToJson(info.pipeline_options),
        "RUNNER_CAPABILITIES": " ".join(info.runner_capabilities),
        **{
            name: text_format.MessageToString(endpoint)
            for name, endpoint in endpoints.items()
            if endpoint.url
        },
    }
