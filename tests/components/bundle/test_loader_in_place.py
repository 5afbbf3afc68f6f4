"""The loader that lies in a bundle: run there and imported there, whole, changed and planted."""

import os
import py_compile
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tf_keras
from small_bundles import loader_of, rewritten

import huberflow
from huberflow.components.bundle import reload
from huberflow.components.bundle.loader_copy import copy_loader

EXTRA = Path(reload.layout.EXTRA)
MODULES = Path(reload.layout.LOADER_MODULES)
PLANTED = "open('planted', 'w').close()\n"
WRITING = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": ""}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    path = tmp_path_factory.mktemp("made") / "bundle"
    model = tf_keras.Sequential([tf_keras.layers.Dense(1)])
    rows = np.ones((2, 3), np.float32)
    model.predict(rows, verbose=0)
    huberflow.save_bundle(model, path, rows, check=False)
    return path


@pytest.fixture
def bundle(made, tmp_path):
    return Path(shutil.copytree(made, tmp_path / "bundle"))


def run(script, *arguments, cwd):
    command = [sys.executable, str(script), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=WRITING)


def planted_bytecode(source):
    """Bytecode that Python takes for that of a source file, wherever it keeps bytecode."""
    folder, evil = source.parent / "__pycache__", source.with_suffix(".evil")
    folder.unlink(missing_ok=True)
    folder.mkdir(exist_ok=True)
    evil.write_text(PLANTED)
    bytecode = folder / f"{source.stem}.{sys.implementation.cache_tag}.pyc"
    py_compile.compile(
        str(evil), str(bytecode), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
    )
    evil.unlink()


class TestRunInPlace:
    def test_it_reads_and_writes_no_bytecode(self, bundle, tmp_path):
        before = set(bundle.rglob("*"))
        done = run(bundle / reload.layout.LOADER, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        assert set(bundle.rglob("*")) == before

    @pytest.mark.parametrize("name", ["reload.py", "reload_modules/integrity.py"])
    def test_planted_bytecode_is_refused_and_does_not_run(self, name, bundle, tmp_path):
        planted_bytecode(bundle / EXTRA / name)
        done = run(bundle / reload.layout.LOADER, cwd=tmp_path)
        assert done.returncode == 1
        assert "__pycache__" in done.stdout
        assert "not part of the bundle" in done.stdout
        assert not (tmp_path / "planted").exists()

    def test_a_changed_module_is_refused_before_it_runs(self, bundle, tmp_path):
        with (bundle / MODULES / "errors.py").open("a") as file:
            file.write(PLANTED)
        done = run(bundle / reload.layout.LOADER, cwd=tmp_path)
        expected = (
            "refused: reload_modules/errors.py: changed after the export; copy the model again"
        )
        assert (done.returncode, done.stderr.splitlines()) == (1, [expected])
        assert not (tmp_path / "planted").exists()

    @pytest.mark.parametrize("name", ["errors.py", "__init__.py"])
    def test_a_lost_module_is_named(self, name, bundle, tmp_path):
        (bundle / MODULES / name).unlink()
        done = run(bundle / reload.layout.LOADER, cwd=tmp_path)
        assert f"reload_modules/{name}: changed" in done.stderr
        assert len(done.stderr.splitlines()) == 1

    def test_a_module_more_is_refused(self, bundle, tmp_path):
        (bundle / MODULES / "json.py").write_text(PLANTED)
        done = run(bundle / reload.layout.LOADER, cwd=tmp_path)
        assert "reload_modules/json.py: changed" in done.stderr
        assert not (tmp_path / "planted").exists()

    @pytest.mark.parametrize("text", ["", "[]", '{"files": 1}', '{"files": []}', "[" * 100_000])
    def test_a_damaged_certificate_is_refused_in_a_line(self, text, bundle, tmp_path):
        (bundle / reload.layout.CERTIFICATE).write_text(text)
        done = run(bundle / reload.layout.LOADER, cwd=tmp_path)
        assert done.returncode == 1
        assert "certificate.json" in done.stderr
        assert len(done.stderr.splitlines()) == 1


class TestImportedInPlace:
    def test_it_reads_and_writes_no_bytecode(self, bundle):
        before = set(bundle.rglob("*"))
        code = "import reload; print(len(reload.verify('..')['files']))"
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=bundle / EXTRA, env=WRITING, capture_output=True, text=True,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        assert set(bundle.rglob("*")) == before

    def test_planted_bytecode_is_refused_by_a_loader_of_one_s_own(self, bundle, tmp_path):
        """Python runs it before any code of the bundle, which therefore is to be checked first."""
        planted_bytecode(bundle / reload.layout.LOADER)
        (tmp_path / "mine").mkdir()
        copy_loader(tmp_path / "mine")
        done = run(tmp_path / "mine" / "reload.py", bundle, cwd=tmp_path)
        assert done.returncode == 1
        assert "__pycache__" in done.stdout
        with pytest.raises(
            reload.ReloadError, match=r"__pycache__/reload\..*not part of the bundle"
        ):
            reload.verify(bundle)
        assert not (tmp_path / "planted").exists()
        subprocess.run(
            [sys.executable, "-c", "import sys; sys.path.insert(0, sys.argv[1]); import reload",
             bundle / EXTRA],
            cwd=tmp_path,
        )  # fmt: skip
        assert (tmp_path / "planted").exists()  # as docs/signing.md warns

    def test_its_custom_objects_leave_no_bytecode_either(self, bundle):
        code = "import huberflow.custom_objects.losses"
        subprocess.run([sys.executable, "-c", code], cwd=bundle / EXTRA, env=WRITING, check=True)
        assert reload.verify(bundle)

    def test_two_bundles_in_one_process_have_their_own_loaders(self, bundle, tmp_path):
        other = Path(shutil.copytree(bundle, tmp_path / "other"))
        with (other / MODULES / "errors.py").open("a") as file:
            file.write("VERSION = 2\n")
        rewritten(other)
        first, second = loader_of(bundle), loader_of(other)
        assert not hasattr(first.errors, "VERSION")
        assert second.errors.VERSION == 2
        assert first.verify(bundle)
        assert second.verify(other)


class TestACopy:
    """What a user takes out of a bundle that is trusted."""

    def test_without_its_modules_says_what_to_copy(self, tmp_path):
        copy_loader(tmp_path)
        shutil.rmtree(tmp_path / "reload_modules")
        done = run(tmp_path / "reload.py", cwd=tmp_path)
        expected = "refused: expected the folder reload_modules of the same bundle beside it"
        assert done.stderr.startswith(expected)
        assert len(done.stderr.splitlines()) == 1

    def test_reads_a_bundle_elsewhere(self, bundle, tmp_path):
        (tmp_path / "mine").mkdir()
        copy_loader(tmp_path / "mine")
        done = run(tmp_path / "mine" / "reload.py", bundle, cwd=tmp_path)
        assert "files are as they were exported" in done.stdout


class TestGuards:
    """The empty files that keep bytecode out."""

    def test_a_copy_without_them_is_whole(self, bundle, tmp_path):
        kept = shutil.ignore_patterns("__pycache__")
        copy = Path(shutil.copytree(bundle, tmp_path / "copy", ignore=kept))
        assert reload.verify(copy)["files"] == reload.verify(bundle)["files"]

    def test_one_that_holds_something_is_refused(self, bundle):
        (bundle / EXTRA / "__pycache__").write_text("x")
        with pytest.raises(reload.ReloadError, match="__pycache__: changed"):
            reload.verify(bundle)
