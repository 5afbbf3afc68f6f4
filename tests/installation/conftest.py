"""The distributions of this source, each built once."""

from pathlib import Path

import pytest
from installed import UV, built

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def build(tmp_path_factory):
    """Builds one distribution."""
    if not UV.exists():
        pytest.skip("needs .uv/bin/uv; write: make setup")

    def build(kind: str, source: Path = ROOT) -> Path:
        return built(kind, source, tmp_path_factory.mktemp(kind))

    return build


@pytest.fixture(scope="session")
def wheel(build) -> Path:
    return build("wheel")
