"""``huberflow-worker``: a Beam worker that a runner starts as a process, without a container.

It is the command of Beam's ``PROCESS`` environment, and does what ``boot`` does in Beam's images:
asks the runner what the job needs, fetches the packages that were staged with it, and becomes the
worker. The packages are unpacked into a temporary folder that comes first on the import path, so
the installed packages stay as they are.
"""

import argparse
import os
import shlex
import shutil
import signal
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from huberflow.custom_objects.input_error import InputError

if TYPE_CHECKING:
    import grpc
    from apache_beam.portability.api.beam_provision_api_pb2 import ProvisionInfo
    from apache_beam.portability.api.beam_runner_api_pb2 import ArtifactInformation


def main() -> None:
    """Runs until the runner has no more work, or ends it."""
    parser = argparse.ArgumentParser(description="A Beam worker, as a runner starts it.")
    parser.add_argument("--id", required=True, help="of this worker")
    parser.add_argument("--provision_endpoint", required=True, help="where the runner answers")
    flags, _ = parser.parse_known_args()  # some runners also pass what the provision info has
    # Read when they are imported: the first by Beam, the second by TFX and TFMA.
    os.environ |= {"WORKER_ID": flags.id, "TF_USE_LEGACY_KERAS": "1"}
    from apache_beam.runners.worker import sdk_worker_main

    with tempfile.TemporaryDirectory(prefix="huberflow-worker-") as folder:
        signal.signal(signal.SIGTERM, lambda *_: _end(folder))
        info = _provision(flags.provision_endpoint, flags.id)
        staged, packages = Path(folder, "staged"), Path(folder, "packages")
        fetch(info.artifact_endpoint.url, flags.id, info.dependencies, staged)
        unpack(staged, packages)
        sys.path.insert(0, str(packages))
        _forget_installed()
        os.environ |= {**_worker_variables(info), "SEMI_PERSISTENT_DIRECTORY": folder}
        sdk_worker_main.main(sys.argv)


def _forget_installed() -> None:
    """Makes the next import of huberflow load the staged package, not the installed one."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "huberflow"]:
        del sys.modules[name]


def _end(folder: str) -> None:
    """Ends at once: a runner kills workers that first join their threads, before the cleanup."""
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


def fetch(
    url: str, worker: str, dependencies: Iterable["ArtifactInformation"], folder: Path
) -> None:
    """Writes the files that were staged with a job into a new folder, under their staged names.

    ``url`` is the runner's artifact service, ``dependencies`` its list of the files.
    """
    from apache_beam.portability import common_urns
    from apache_beam.portability.api import beam_artifact_api_pb2 as api
    from apache_beam.portability.api import beam_artifact_api_pb2_grpc, beam_runner_api_pb2

    folder.mkdir()
    with _channel(url, worker) as channel:
        service = beam_artifact_api_pb2_grpc.ArtifactRetrievalServiceStub(channel)
        request = api.ResolveArtifactsRequest(artifacts=dependencies)
        for artifact in service.ResolveArtifacts(request).replacements:
            if artifact.role_urn == common_urns.artifact_roles.STAGING_TO.urn:
                role = beam_runner_api_pb2.ArtifactStagingToRolePayload()
                role.ParseFromString(artifact.role_payload)
                chunks = service.GetArtifact(api.GetArtifactRequest(artifact=artifact))
                with (folder / Path(role.staged_name).name).open("wb") as file:
                    file.writelines(chunk.data for chunk in chunks)


def unpack(staged: Path, packages: Path) -> None:
    """Unpacks the wheels among the staged files into one folder to import from.

    Raises:
      InputError: a package was staged that has to be built first.
    """
    for file in sorted(staged.iterdir()):
        if file.suffix == ".whl":
            with zipfile.ZipFile(file) as wheel:
                wheel.extractall(packages)
        elif file.name.endswith((".tar", ".tar.gz", ".zip")):
            raise InputError(
                "extra_packages",
                expected="wheels",
                received=file.name,
                write=shlex.join(["pip", "wheel", "--no-deps", file.name]),
            )


def _provision(url: str, worker: str) -> "ProvisionInfo":
    from apache_beam.portability.api import beam_provision_api_pb2 as api
    from apache_beam.portability.api import beam_provision_api_pb2_grpc

    with _channel(url, worker) as channel:
        service = beam_provision_api_pb2_grpc.ProvisionServiceStub(channel)
        return service.GetProvisionInfo(api.GetProvisionInfoRequest()).info


def _channel(url: str, worker: str) -> "grpc.Channel":
    import grpc
    from apache_beam.runners.worker.worker_id_interceptor import WorkerIdInterceptor

    return grpc.intercept_channel(grpc.insecure_channel(url), WorkerIdInterceptor(worker))


def _worker_variables(info: "ProvisionInfo") -> dict[str, str]:
    """The provision info as the environment variables that ``sdk_worker_main`` reads."""
    from google.protobuf import json_format, text_format

    variables = {
        "PIPELINE_OPTIONS": json_format.MessageToJson(info.pipeline_options),
        "RUNNER_CAPABILITIES": " ".join(info.runner_capabilities),
    }
    for service in ("control", "logging", "status"):
        endpoint = getattr(info, f"{service}_endpoint")
        if endpoint.url:
            name = f"{service.upper()}_API_SERVICE_DESCRIPTOR"
            variables[name] = text_format.MessageToString(endpoint)
    return variables
