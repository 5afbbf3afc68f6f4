"""The check of a bundle in a process that sees TensorFlow, and little else."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import psutil
import pytest
from small_bundles import edited, rewritten

from huberflow.components.bundle import clean_process, installed, reload
from huberflow.components.bundle.clean_process import CheckError, check_bundle


@pytest.fixture
def path(bundle, tmp_path):
    return shutil.copytree(bundle, tmp_path / "bundle")


@pytest.fixture(scope="module")
def report(bundle):
    return check_bundle(bundle, "cpu")


class TestCheck:
    def test_of_a_faithful_bundle_reports_no_difference(self, report):
        assert report["ok"]
        assert {each["absolute"] for each in report["values"].values()} == {0.0}

    def test_is_made_elsewhere_and_leaves_nothing(self, report):
        assert Path(report["path"]).parent.parent == Path(tempfile.gettempdir())
        assert not Path(report["path"]).exists()

    def test_of_a_model_that_answers_otherwise_says_what_differs(self, path):
        golden = dict(np.load(path / reload.layout.GOLDEN_VALUES))
        golden["model/huber_metric"] = golden["model/huber_metric"] + 0.5
        np.savez(path / reload.layout.GOLDEN_VALUES, **golden)
        with pytest.raises(CheckError, match=r"not the one .*model/huber_metric is off by 0\.5,"):
            check_bundle(rewritten(path))

    def test_of_a_source_that_needs_ours_fails(self, path):
        """Where it would be imported from the machine that exports, and nowhere else."""
        bundled_huber = "huberflow/custom_objects/losses.py"
        edited(
            path,
            bundled_huber,
            "import tensorflow as tf\n",
            "import huberflow.pipeline.config\nimport tensorflow as tf\n",
        )
        with pytest.raises(CheckError, match=r"No module named 'huberflow\.pipeline'"):
            check_bundle(path)

    def test_of_a_changed_bundle_runs_nothing_of_it(self, path, tmp_path):
        with (path / reload.layout.LOADER).open("a") as loader:
            loader.write(f"\nopen({str(tmp_path / 'ran')!r}, 'w')\n")
        with pytest.raises(reload.ReloadError, match=r"reload\.py: changed after the export"):
            check_bundle(path)
        assert not (tmp_path / "ran").exists()

    def test_of_a_loader_that_is_swapped_once_it_was_compared_does_not_run_it(
        self, path, tmp_path, monkeypatch
    ):
        compare = reload.integrity.verify_loader

        def compared_and_swapped(bundle):
            certificate = compare(bundle)
            with (path / reload.layout.LOADER).open("a") as loader:
                loader.write(f"\nopen({str(tmp_path / 'ran')!r}, 'w')\n")
            return certificate

        monkeypatch.setattr(reload.integrity, "verify_loader", compared_and_swapped)
        with pytest.raises(CheckError, match=r"reload\.py: changed while it was checked"):
            check_bundle(path)
        assert not (tmp_path / "ran").exists()

    def test_of_a_loader_that_dies_says_so(self, path):
        (path / reload.layout.LOADER).write_text("raise SystemExit('no memory')")
        with pytest.raises(CheckError, match=r"ended with 1: no memory$"):
            check_bundle(rewritten(path))


class TestPrepare:
    def test_is_for_one_check(self, bundle, monkeypatch):
        monkeypatch.setattr(clean_process, "_prepared", [])
        clean_process.prepare()
        clean_process.prepare()
        (process,) = clean_process._prepared
        check_bundle(bundle)
        assert clean_process._prepared == []
        assert process._python.poll() is not None

    def test_ends_with_whoever_started_it(self):
        start = (
            "from huberflow.components.bundle import clean_process as c\n"
            "c.prepare(); print(c._prepared[0]._python.pid)"
        )
        done = subprocess.run(
            [sys.executable, "-c", start], capture_output=True, text=True, check=True
        )
        assert not psutil.pid_exists(int(done.stdout))


SEEN = """
import importlib, json, os, sys
found = {}
for name in %s:
    try:
        importlib.import_module(name)
        found[name] = "seen"
    except ImportError as error:
        found[name] = str(error)
import tensorflow as tf
print(json.dumps([found, tf.keras.__version__[0], sys.flags.isolated, sys.argv[1:]]))
"""


def seen(names, folder, *, required=()):
    """What a clean process says to these imports, its Keras, whether it is isolated, arguments."""
    script = folder / "model" / "assets.extra" / "reload.py"
    script.parent.mkdir(parents=True)
    script.write_text(SEEN % names)
    loader = reload.integrity.digest(script)
    with contextlib.closing(clean_process._CleanProcess()) as process:
        return process.check(folder / "model", loader, "cpu", installed.modules(required))


def test_it_sees_tensorflow_and_what_that_needs_alone(tmp_path):
    others = ["pandas", "tensorflow_transform", "mlflow", "scipy", "google.cloud.storage"]
    base = ["tf_keras", "numpy", "google.protobuf", "h5py", "sqlite3"]
    found, keras, isolated, arguments = seen([*base, *others, "huberflow"], tmp_path)
    assert [name for name, answer in found.items() if answer == "seen"] == base
    assert found["pandas"] == "pandas: not in a clean process"
    assert found["google.cloud.storage"] == "google.cloud: not in a clean process"
    assert (keras, isolated) == ("3", 1), "TF_USE_LEGACY_KERAS is of this process alone"
    assert arguments == ["--check", "--json", "--device", "cpu"]


def test_it_sees_what_a_bundle_requires(tmp_path):
    names = ["pandas", "dateutil", "yaml"]
    found, *_ = seen(names, tmp_path, required=["pandas"])
    assert [name for name, answer in found.items() if answer == "seen"] == ["pandas", "dateutil"]


def test_it_sees_nothing_of_ours_where_it_is_installed_as_a_wheel(tmp_path):
    package = tmp_path / "site-packages" / "huberflow"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(package.parent))
        found, *_ = seen(["tf_keras", "huberflow"], tmp_path)
    assert found == {"tf_keras": "seen", "huberflow": "huberflow: not in a clean process"}
