"""The wheel, installed from a package index into fresh environments: `make test-install`."""

import shutil
import tomllib
from pathlib import Path

import pytest
from installed import LOSS, UV, Installed, built, requirement
from packaging.requirements import Requirement

from huberflow.installation import extras, glibc

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
BUNDLE = """
import numpy as np, tensorflow, tf_keras, huberflow

rows = np.random.default_rng(1).normal(size=(64, 4)).astype("float32")
labels = rows.sum(axis=1)
model = tf_keras.Sequential([tf_keras.layers.Dense(8, "relu"), tf_keras.layers.Dense(1)])
model.compile("adam", huberflow.HuberLoss(threshold=2.0), [huberflow.HuberMetric(2.0)])
model.fit(rows, labels, epochs=2, verbose=0)
huberflow.save_bundle(model, "bundle", rows, labels)
again = huberflow.load("bundle")
assert (again.predict(rows, verbose=0) == model.predict(rows, verbose=0)).all()
assert again.train_on_batch(rows, labels) == model.train_on_batch(rows, labels)
assert huberflow.check("bundle")["ok"]
print(tensorflow.__version__, tf_keras.__version__)
"""

pytestmark = pytest.mark.skipif(not UV.exists(), reason="needs .uv/bin/uv; write: make setup")


@pytest.fixture(scope="session")
def wheel(tmp_path_factory) -> Path:
    return built("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture
def environment(tmp_path):
    """Removed after its test: with all extras it has 4 GB, were its files not links."""
    yield Installed(tmp_path / "installed")
    shutil.rmtree(tmp_path / "installed")


@pytest.mark.parametrize("resolution", ["lowest-direct", "highest"])
def test_the_base_saves_loads_and_checks_a_bundle_at_both_ends(environment, wheel, resolution):
    base = PROJECT["dependencies"]
    environment.install("--resolution", resolution, *base, wheel)
    ends = {each.operator: each.version for each in Requirement(base[0]).specifier}
    printed = environment.program(BUNDLE).split()
    if resolution == "highest":
        major, minor = ends["<"].split(".")
        assert all(version.startswith(f"{major}.{int(minor) - 1}.") for version in printed)
    else:
        assert all(version.startswith(f"{ends['>=']}.") for version in printed)


@pytest.mark.parametrize("extra", [*extras.PACKAGES, "server", "all"])
def test_an_extra_alone(environment, wheel, extra):
    on_old_glibc = glibc.NEWER_WHEELS.split() if glibc.needs_repair(glibc.version()) else []
    environment.install(requirement(wheel, extra), *on_old_glibc)
    wanted = extras.PACKAGES.get(extra, ())
    if "click" in wanted or extra in {"kubeflow", "all"}:
        repaired = environment.command("doctor", "--repair")
        assert repaired.returncode == 0, repaired.stderr
    assert environment.program(f"import {', '.join([*wanted, 'huberflow'])}; {LOSS}") == "4.0"
