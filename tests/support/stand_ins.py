"""Images for a machine that reaches no registry, made under the names that it would pull.

From Debian's packages and from source, with the versions that those images hold. They stay, for
the next build to start from; ``docker image ls --filter label=huberflow.stand-in`` lists them.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from container_engine import ROOT, docker, succeeds

from benchmarks.flink import jars

HERE = Path(__file__).parents[1] / "docker"
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
BEAM = "2.77.0"
FLINK = "1.19.3"
_LABEL = "huberflow.stand-in=yes"


def provide(name: str, place: Path) -> None:
    """Sees to it that an image is here: as it is, pulled, or a stand-in made in ``place``."""
    here = succeeds("docker", "image", "inspect", name)
    if not here and not succeeds("docker", "pull", "--quiet", name):
        _MAKERS[name](name, place)


def _debian(name: str, place: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip(f"{name} can be neither pulled nor made: that takes root")
    _need("mmdebstrap", name)
    subprocess.run(
        [
            *("mmdebstrap", "--quiet", "--variant=minbase", "--include=ca-certificates"),
            *(
                f"--dpkgopt=path-exclude=/usr/share/{left_out}/*"
                for left_out in ("doc", "locale", "man")
            ),
            f"--customize-hook=copy-in {AUTHORITIES} {Path(AUTHORITIES).parent}",
            *("trixie", "base.tar"),
        ],
        cwd=place,
        check=True,
    )
    changes = (f"ENV SSL_CERT_FILE={AUTHORITIES}", 'CMD ["bash"]', f"LABEL {_LABEL}")
    options = [option for change in changes for option in ("--change", change)]
    docker("import", *options, str(place / "base.tar"), name)


def _postgres(name: str, place: Path) -> None:
    provide("debian:trixie-slim", place)
    _build(name, "postgres.Dockerfile", HERE)


def _beam(name: str, place: Path) -> None:
    _need("go", name)
    subprocess.run(
        ["go", "install", f"github.com/apache/beam/sdks/v2/python/container@v{BEAM}"],
        env={**os.environ, "CGO_ENABLED": "0", "GOBIN": str(place)},
        check=True,
    )
    _build(name, "beam.Dockerfile", place)


def _job_server(name: str, place: Path) -> None:
    try:
        folder = jars.jar().parent
    except jars.MissingError as error:
        pytest.skip(f"{name} can be neither pulled nor made: {error}")
    _build(name, "job_server.Dockerfile", folder)


def _flink(name: str, place: Path) -> None:
    provide("debian:trixie-slim", place)
    packages = [f"apache-flink{part}=={FLINK}" for part in ("", "-libraries")]
    install = [ROOT / ".uv/bin/uv", "pip", "install", "--quiet", "--no-deps", *packages]
    subprocess.run([*install, "--python", sys.executable, "--target", place], check=True)
    _build(name, "flink.Dockerfile", place)


def _build(name: str, dockerfile: str, context: Path) -> None:
    docker(
        *("build", "--quiet", "--tag", name, "--label", _LABEL),
        *("--file", str(HERE / dockerfile), str(context)),
    )


def _need(program: str, name: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{name} can be neither pulled nor made: {program} is missing")


_MAKERS: Mapping[str, Callable[[str, Path], None]] = {
    "debian:trixie-slim": _debian,
    "postgres:17": _postgres,
    f"apache/beam_python3.13_sdk:{BEAM}": _beam,
    f"apache/beam_flink1.19_job_server:{BEAM}": _job_server,
    f"flink:{FLINK}-scala_2.12-java17": _flink,
}
