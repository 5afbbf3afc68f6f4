"""Images for a machine that reaches no registry, made under the names that it would pull.

From Debian's packages and from source, with the versions that those images hold. They stay, for
the next build to start from; ``docker image ls --filter label=huberflow.stand-in`` lists them.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from engine import docker, succeeds

HERE = Path(__file__).parent
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
BEAM = "2.77.0"
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
}
