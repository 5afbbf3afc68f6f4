"""A bundle of an earlier version of huberflow: refused in words, and read by its own loader."""

import subprocess
import sys
from pathlib import Path

import earlier_bundle
import pytest

from huberflow.components.bundle import reload
from huberflow.pipeline.deploy.scorer import Scorer

HUBERFLOW = Path(sys.executable).with_name("huberflow")
READ = {
    "verify": reload.verify,
    "load": reload.load,
    "predictor": reload.predictor,
    "check": reload.check,
    "serve and predict": Scorer,
}
RECEIVED = (
    f"schema_version: expected {reload.layout.SCHEMA_VERSION}, "
    f"received {earlier_bundle.SCHEMA_VERSION}"
)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return earlier_bundle.extracted(tmp_path_factory.mktemp("earlier"))


@pytest.mark.parametrize("read", READ.values(), ids=READ)
def test_is_refused_with_both_versions(bundle, read):
    with pytest.raises(reload.ReloadError, match=RECEIVED):
        read(bundle)


@pytest.mark.parametrize("verb", ["verify", "serve"])
def test_a_command_says_what_to_use(bundle, verb):
    done = subprocess.run([HUBERFLOW, verb, bundle], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert RECEIVED in line
    assert line.endswith("use the reload.py of the bundle itself")


def test_which_proves_it(bundle):
    command = [sys.executable, bundle / reload.layout.LOADER, "--check"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "ok"
