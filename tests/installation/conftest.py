"""The distributions of this source, each built once."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UV = ROOT / ".uv" / "bin" / "uv"


@pytest.fixture(scope="session")
def build(tmp_path_factory):
    """Builds one distribution, with the hatchling that the set-up left in uv's cache."""
    if not UV.exists():
        pytest.skip("needs .uv/bin/uv; write: make setup")

    def build(kind: str, source: Path = ROOT) -> Path:
        folder = tmp_path_factory.mktemp(kind)
        command = [UV, "build", "--offline", "--quiet", f"--{kind}", "--out-dir", folder, source]
        subprocess.run([*command, "--python", sys.executable], check=True)
        (built,) = (path for path in folder.iterdir() if path.name != ".gitignore")
        return built

    return build


@pytest.fixture(scope="session")
def wheel(build) -> Path:
    return build("wheel")
