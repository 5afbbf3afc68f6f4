"""The wheel of huberflow's and the user's code for remote workers."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from huberflow.custom_objects.input_error import InputError
from huberflow.custom_objects.user_objects import UserModule, UserObjects
from huberflow.pipeline.beam.wheel import build_wheel
from huberflow.pipeline.beam.worker import unpack


@pytest.fixture
def objects(tmp_path: Path) -> UserObjects:
    (tmp_path / "snapshot").mkdir()
    (tmp_path / "snapshot" / "my_losses.py").write_text("VALUE = 42\n")
    modules = {"my_losses": UserModule(("my_losses.py",), "")}
    return UserObjects("", modules, (), folder=tmp_path / "snapshot")


def test_installs_what_workers_import_and_nothing_else(
    tmp_path: Path, objects: UserObjects
) -> None:
    names = zipfile.ZipFile(build_wheel(tmp_path, objects)).namelist()
    tops = {name.partition("/")[0] for name in names if ".dist-info" not in name}
    assert tops == {"huberflow", "my_losses.py"}
    expected = {"custom_objects/metrics.py", "components/beam/worker_probe.py"}
    assert {f"huberflow/{name}" for name in expected} < set(names)
    assert not any("pipeline" in name for name in names)


def test_is_one_that_installers_take(tmp_path: Path, objects: UserObjects) -> None:
    wheel, target = build_wheel(tmp_path, objects), tmp_path / "installed"
    uv = Path(__file__).parents[3] / ".uv/bin/uv"
    if not uv.exists():
        pytest.skip("no uv in .uv; make setup")
    where = ["--python", sys.executable, "--target", target]
    subprocess.run([uv, "pip", "install", "--offline", "--no-deps", *where, wheel], check=True)
    assert (target / "my_losses.py").read_text().startswith("VALUE = 42\n")


def test_same_source_same_wheel(tmp_path: Path, objects: UserObjects) -> None:
    first = build_wheel(tmp_path / "a", objects)
    second = build_wheel(tmp_path / "b", objects)
    assert first.name == second.name
    assert first.read_bytes() == second.read_bytes()


def test_another_source_another_wheel(tmp_path: Path, objects: UserObjects) -> None:
    before = build_wheel(tmp_path, objects)
    (objects.folder / "my_losses.py").write_text("VALUE = 43\n")
    assert build_wheel(tmp_path, objects).name != before.name != build_wheel(tmp_path, None).name


class TestOnTheWorker:
    def test_wheels_are_unpacked_and_other_files_left(
        self, tmp_path: Path, objects: UserObjects
    ) -> None:
        staged = tmp_path / "staged"
        build_wheel(staged, objects)
        (staged / "submission_environment_dependencies.txt").touch()
        unpack(staged, tmp_path / "packages")
        assert (tmp_path / "packages" / "my_losses.py").exists()
        assert (tmp_path / "packages" / "huberflow" / "custom_objects" / "registry.py").exists()

    def test_what_has_to_be_built_first_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "helpers-1.0.tar.gz").touch()
        with pytest.raises(InputError) as caught:
            unpack(tmp_path, tmp_path / "packages")
        assert caught.value.write == "pip wheel --no-deps helpers-1.0.tar.gz"
