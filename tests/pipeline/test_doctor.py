"""Each check, on a machine that has the thing and on one that has not."""

from __future__ import annotations

import os
import sys
from collections import namedtuple
from importlib import metadata
from types import SimpleNamespace

import pytest
from rich.console import Console

from huberflow.installation import glibc as c_library
from huberflow.installation import old_glibc, remedies
from huberflow.pipeline import doctor
from huberflow.pipeline.doctor import GIB, CheckResult

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def programs(monkeypatch) -> dict[str, str]:
    """What is on the PATH; empty until a test adds to it."""
    found: dict[str, str] = {}
    monkeypatch.setattr(doctor.shutil, "which", found.get)
    return found


@pytest.fixture
def no_gpu(monkeypatch):
    """Spares a test the import of TensorFlow."""
    monkeypatch.setattr(doctor, "_visible_gpus", list)


def assert_not_ok(result: CheckResult, severity: str, consequence: str) -> None:
    assert result.severity == severity
    assert consequence in result.consequence


def assert_ok(result: CheckResult, value: str) -> None:
    assert (result.severity, result.consequence) == ("ok", "")
    assert value in result.value


class TestThisMachine:
    def test_every_check_has_a_value_and_what_is_not_ok_a_consequence(self, no_gpu, tmp_path):
        results = {result.subject: result for result in doctor.run_checks(tmp_path)}
        assert {"glibc", "CPUs", "memory", "GPUs", "disk", "Java", "Git"} < set(results)
        for result in results.values():
            assert result.value
            assert (result.severity == "ok") == (not result.consequence), result
        for name in ("Python", *doctor.PACKAGES):
            assert results[name].severity == "ok", results[name]

    def test_every_package_has_a_required_version(self):
        for name in set(doctor.PACKAGES) - {"huberflow"}:
            assert str(doctor.required_version(name)), name


class TestPackages:
    @pytest.mark.parametrize("name", doctor.PACKAGES)
    def test_missing(self, monkeypatch, name):
        def missing(name):
            raise metadata.PackageNotFoundError(name)

        monkeypatch.setattr(metadata, "version", missing)
        result = doctor.check_package(name)
        assert_not_ok(result, "error", doctor.PACKAGES[name][1])
        assert result.command == "make setup"

    def test_an_extra_that_a_user_did_not_install_is_no_error(self, monkeypatch):
        def missing(name):
            raise metadata.PackageNotFoundError(name)

        monkeypatch.setattr(metadata, "version", missing)
        monkeypatch.setattr(remedies, "made_by_make", lambda: False)
        tensorflow, mlflow = map(doctor.check_package, ("tensorflow", "mlflow"))
        assert (tensorflow.severity, mlflow.severity) == ("error", "warning")
        assert '"huberflow"' in tensorflow.command
        assert '"huberflow[mlflow]"' in mlflow.command

    @pytest.mark.parametrize("version", ["1.20.0", "1.22.0rc1", "2.0"])
    def test_another_version(self, monkeypatch, version):
        monkeypatch.setattr(metadata, "version", lambda name: version)
        monkeypatch.setattr(doctor.platform, "python_version", lambda: "3.10.4")
        package, python = doctor.check_package("tfx"), doctor.check_python()
        assert package.value == f"{version}, expected ==1.21.*"
        assert python.value.startswith("3.10.4, expected")
        for result in (package, python):
            assert_not_ok(result, "warning", "huberflow's tests")

    def test_any_patch_release_of_a_minor_version_is_fine(self, monkeypatch):
        monkeypatch.setattr(metadata, "version", lambda name: "2.21.7")
        assert_ok(doctor.check_package("tensorflow"), "2.21.7")

    def test_source_tree_that_is_not_installed(self, monkeypatch):
        def missing(name):
            raise metadata.PackageNotFoundError(name)

        monkeypatch.setattr(metadata, "metadata", missing)
        assert doctor.check_python().severity == "ok"
        assert doctor.check_package("tfx").severity == "ok"


class TestGlibc:
    @pytest.fixture
    def glibc(self, monkeypatch):
        def set_to(version, states=("repaired", "repaired")):
            answers = iter(states)
            monkeypatch.setattr(c_library, "version", lambda: version)
            monkeypatch.setattr(old_glibc, "state", lambda path, known: next(answers))

        return set_to

    @pytest.mark.parametrize(
        ("version", "value"),
        [
            (None, "not used by this system"),
            ((2, 39), "2.39, which needs no repair"),
            ((2, 36), "2.36, for which two libraries were repaired"),
        ],
    )
    def test_is_fine(self, glibc, version, value):
        glibc(version)
        assert_ok(doctor.check_glibc(), value)

    def test_is_fine_where_neither_is_installed(self, glibc):
        glibc((2, 36), ("missing", "missing"))
        value = "2.36; nothing that needs its repair is installed"
        assert_ok(doctor.check_glibc(), value)

    def test_too_old(self, glibc):
        glibc((2, 31))
        assert_not_ok(doctor.check_glibc(), "error", "use a system with glibc 2.34 or later")

    @pytest.mark.parametrize("state", ["as published", "missing", "unknown"])
    def test_one_of_the_two_is_not_repaired(self, glibc, state):
        glibc((2, 36), ("repaired", state))
        result = doctor.check_glibc()
        assert_not_ok(result, "error", "ml-metadata and tensorflow-data-validation")
        assert "metadata_store_extension.so: repaired" in result.value
        assert f"tensorflow_data_validation_extension.so: {state}" in result.value


class TestResources:
    @pytest.mark.parametrize(("free", "status"), [(3.9, "warning"), (4, "ok"), (60, "ok")])
    def test_memory(self, monkeypatch, free, status):
        memory = SimpleNamespace(available=int(free * GIB), total=64 * GIB)
        monkeypatch.setattr(doctor.psutil, "virtual_memory", lambda: memory)
        result = doctor.check_memory()
        assert (result.severity, result.value) == (status, f"{free:.1f} GiB free of 64.0 GiB")
        assert ("close other programs" in result.consequence) == (status == "warning")

    @pytest.mark.parametrize(("free", "status"), [(4.9, "error"), (5, "ok")])
    def test_disk(self, monkeypatch, tmp_path, free, status):
        usage = {tmp_path: Usage(0, 0, int(free * GIB))}
        monkeypatch.setattr(doctor.shutil, "disk_usage", usage.get)
        result = doctor.check_disk(tmp_path / "not" / "yet")
        assert result.severity == status
        assert ("expected 5.0 GiB for its artifacts" in result.consequence) == (status == "error")

    def test_cpus_without_an_affinity(self, monkeypatch):
        monkeypatch.delattr(os, "sched_getaffinity", raising=False)
        monkeypatch.setattr(doctor.psutil, "cpu_count", lambda: 12)
        assert_ok(doctor.check_cpus(), "12")


class TestGpus:
    @pytest.fixture(autouse=True)
    def driver(self, tmp_path, monkeypatch):
        """A machine with a driver for GPUs."""
        file = tmp_path / "nvidia0"
        file.touch()
        monkeypatch.setattr(doctor, "DRIVERS", ("/no/such/file", str(file)))
        return file

    def test_without_a_driver_tensorflow_is_not_asked(self, driver, monkeypatch):
        driver.unlink()
        monkeypatch.setattr(doctor, "_visible_gpus", pytest.fail)
        assert_not_ok(doctor.check_gpus(), "warning", "`verify --device gpu`")

    def test_none_or_some(self, no_gpu, monkeypatch):
        assert_not_ok(doctor.check_gpus(), "warning", "`verify --device gpu`")
        monkeypatch.setattr(doctor, "_visible_gpus", lambda: ["NVIDIA H200", "NVIDIA H200"])
        assert_ok(doctor.check_gpus(), "NVIDIA H200, NVIDIA H200")

    def test_tensorflow_that_does_not_load(self, monkeypatch):
        def broken():
            raise ImportError("libcudart.so: cannot open")

        monkeypatch.setattr(doctor, "_visible_gpus", broken)
        result = doctor.check_gpus()
        assert_not_ok(result, "error", "training and serving")
        assert "libcudart.so: cannot open" in result.value

    def test_tensorflow_is_asked_in_silence(self, monkeypatch, capfd):
        class Config:
            experimental = SimpleNamespace(
                get_device_details=lambda device: {"device_name": device} if device else {}
            )

            @staticmethod
            def list_physical_devices(kind):
                os.write(2, b"noise from C++")
                return ["NVIDIA H200", ""]

        monkeypatch.setitem(sys.modules, "tensorflow", SimpleNamespace(config=Config))
        assert doctor._visible_gpus() == ["NVIDIA H200", "unnamed GPU"]
        os.write(2, b"heard again")
        assert capfd.readouterr().err == "heard again"


class TestPrograms:
    def test_missing(self, programs):
        for result in (doctor.check_java(), *map(doctor.check_program, doctor.PROGRAMS)):
            assert_not_ok(result, "warning", "install")
            assert result.value == "not found"

    @pytest.mark.parametrize(
        ("subject", "program"),
        [("container engine", "podman"), ("C++ compiler", "clang++"), ("Git", "git")],
    )
    def test_found(self, programs, subject, program):
        programs[program] = f"/somewhere/{program}"
        assert_ok(doctor.check_program(subject), program)

    def test_java_answers_on_stderr_and_a_mere_stub_of_it_is_no_java(self, programs, tmp_path):
        java = tmp_path / "java"
        programs["java"] = str(java)
        java.write_text("#!/bin/sh\necho 'openjdk 17.0.1' >&2; echo more >&2\n")
        java.chmod(0o755)
        assert doctor.check_java() == CheckResult("Java", "ok", "openjdk 17.0.1")
        java.write_text("#!/bin/sh\necho 'please install Java' >&2; exit 1\n")
        assert doctor.check_java().severity == "warning"


class TestTable:
    def test_has_every_word(self):
        results = [
            CheckResult("a", "ok", "1.0"),
            CheckResult("b", "warning", "[red]2.0[/red]", "some"),
            CheckResult("c", "error", "none", "every run"),
        ]
        console = Console(width=120, color_system=None)
        with console.capture() as printed:
            console.print(doctor.results_table(results))
        lines = [line.split() for line in printed.get().splitlines()]
        assert ["a", "ok", "1.0"] in lines
        assert ["b", "warning", "[red]2.0[/red]", "some"] in lines
        assert ["c", "error", "none", "every", "run"] in lines

    def test_a_command_is_whole_and_said_once(self, monkeypatch):
        def missing(name):
            raise metadata.PackageNotFoundError(name)

        monkeypatch.setattr(metadata, "version", missing)
        monkeypatch.setattr(remedies, "made_by_make", lambda: False)
        monkeypatch.setattr(c_library, "version", lambda: (2, 36))
        results = [doctor.check_package(name) for name in ("tfx", "mlflow", "ml-metadata")]
        tfx, tfx_line, mlflow, mlflow_line = doctor.remedies_text(results).splitlines()
        assert (tfx, mlflow) == ("tfx, ml-metadata:", "mlflow:")
        assert tfx_line.startswith('  uv pip install "huberflow[tfx]" --python-platform ')
        assert tfx_line.endswith(" && huberflow doctor --repair")
        assert mlflow_line == '  pip install "huberflow[mlflow]"'

    @pytest.mark.parametrize("width", [40, 80])
    def test_nothing_is_cut_in_a_narrow_terminal(self, width):
        word = "manylinux_2_39_x86_64" * 5
        console = Console(width=width, color_system=None)
        with console.capture() as printed:
            console.print(doctor.results_table([CheckResult("a", "warning", word, word)]))
        assert "…" not in printed.get()
