"""The check of a bundle in a process that cannot import huberflow."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import psutil
import pytest
from small_bundles import edited, rewritten

from huberflow.components.bundle import clean_process, reload
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
        golden = dict(np.load(path / reload.GOLDEN_VALUES))
        golden["model/huber_metric"] = golden["model/huber_metric"] + 0.5
        np.savez(path / reload.GOLDEN_VALUES, **golden)
        with pytest.raises(CheckError, match=r"not the one .*model/huber_metric is off by 0\.5,"):
            check_bundle(rewritten(path))

    def test_of_a_source_that_needs_ours_fails(self, path):
        """Where it would be imported from the machine that exports, and nowhere else."""
        bundled_huber = "huberflow/custom_objects/losses.py"
        edited(
            path,
            bundled_huber,
            "import tensorflow",
            "import huberflow.pipeline.config\nimport tensorflow",
        )
        with pytest.raises(CheckError, match="pipeline: not in a clean process"):
            check_bundle(path)

    def test_of_a_changed_bundle_runs_nothing_of_it(self, path, tmp_path):
        with (path / reload.LOADER).open("a") as loader:
            loader.write(f"\nopen({str(tmp_path / 'ran')!r}, 'w')\n")
        with pytest.raises(reload.ReloadError, match=r"reload\.py: changed after the export"):
            check_bundle(path)
        assert not (tmp_path / "ran").exists()

    def test_of_a_loader_that_dies_says_so(self, path):
        (path / reload.LOADER).write_text("raise SystemExit('no memory')")
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


def test_the_process_sees_package_folders_and_nothing_of_ours(tmp_path):
    """Also where ours is installed beside them: here, through the path that it is given."""
    package = tmp_path / "site-packages" / "huberflow"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    script = tmp_path / "model" / "assets.extra" / "reload.py"
    script.parent.mkdir(parents=True)
    script.write_text(
        "import json, sys\n"
        "found = {}\n"
        "for name in ('tf_keras', 'huberflow'):\n"
        "    try:\n"
        "        __import__(name)\n"
        "    except ImportError as error:\n"
        "        found[name] = str(error)\n"
        "print(json.dumps([found, sys.flags.isolated, sys.flags.no_site, sys.argv[1:]]))\n"
    )
    libraries = [str(tmp_path / "site-packages"), *clean_process._package_folders()]
    done = subprocess.run(
        [sys.executable, "-I", "-S", clean_process.__file__, *libraries],
        input=json.dumps([str(tmp_path / "model"), "cpu"]),
        capture_output=True,
        text=True,
        check=True,
    )
    hidden, isolated, no_site, arguments = json.loads(done.stdout)
    assert hidden == {"huberflow": "huberflow: not in a clean process"}
    assert (isolated, no_site, arguments) == (1, 1, ["--check", "--json", "--device", "cpu"])
