"""The make targets, and the messages of the set-up on machines that lack something; no network."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from huberflow.installation import glibc

ROOT = Path(__file__).resolve().parents[2]
MAKE = shutil.which("make")
GOOD = "CPython-3.12 headers Linux-x86_64 glibc-2.36"

pytestmark = pytest.mark.skipif(
    MAKE is None or not (ROOT / "Makefile").exists(), reason="needs make"
)


def make(*arguments: str, cwd: Path = ROOT) -> str:
    # Under `make test` the outer make hands its own flags down.
    outer = {"MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES", "MAKELEVEL", "ARGS"}
    environment = {name: value for name, value in os.environ.items() if name not in outer}
    done = subprocess.run(
        [MAKE, "--no-print-directory", *arguments],
        cwd=cwd,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


class TestMakefile:
    def test_help_is_the_default_and_lists_every_target(self):
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        lines = make().splitlines()
        assert [line.split()[1] for line in lines] == targets
        assert all(len(line.split()) > 3 for line in lines)
        assert lines == make("help").splitlines()

    @pytest.mark.parametrize(
        ("target", "command"),
        [
            ("run", ".venv/bin/huberflow run --some option"),
            ("test", ".venv/bin/python -m pytest -n 2 --some option"),
            ("test-docker", ".venv/bin/python -m pytest tests/docker --timeout 3600 --some option"),
            ("test-flink", ".venv/bin/python -m pytest tests/flink --some option"),
            ("test-faults", "PYTHONPATH=tests/support .venv/bin/python -m faults --some option"),
            ("bench", ".venv/bin/python -m benchmarks --some option"),
            ("check", "NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --strict --quiet"),
        ],
    )
    def test_last_command(self, target, command):
        printed = make("-n", target, "ARGS=--some option")
        assert printed.splitlines()[-1] == command
        assert "uv run" not in printed

    @pytest.fixture
    def tree(self, tmp_path) -> Path:
        """A project that is set up, as far as make can see; its set-up only leaves a trace."""
        shutil.copy2(ROOT / "Makefile", tmp_path)
        for name in ("pyproject.toml", "uv.lock", "scripts/setup.sh", ".venv/.ready"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).touch()
        (tmp_path / "scripts/setup.sh").write_text("echo set up; touch .venv/.ready")
        for age, name in enumerate((".venv/.ready", "pyproject.toml", "scripts/setup.sh")):
            os.utime(tmp_path / name, (2e9 - age, 2e9 - age))
        return tmp_path

    def test_set_up_does_nothing_when_all_is_in_place(self, tree):
        assert make("setup", cwd=tree) == ""

    @pytest.mark.parametrize("changed", ["pyproject.toml", "uv.lock", "scripts/setup.sh"])
    def test_set_up_runs_again_after_a_change(self, tree, changed):
        os.utime(tree / changed, (2e9 + 1, 2e9 + 1))
        assert make("setup", cwd=tree) == "set up\n"

    def test_clean_deletes_caches_and_nothing_else(self, tree):
        caches = [".ruff_cache", "pipeline/__pycache__", "tests/pipeline/__pycache__"]
        kept = [".venv/lib/__pycache__", ".uv/__pycache__", "workspace/__pycache__", "pipeline/a"]
        for name in caches + kept:
            (tree / name).mkdir(parents=True)
        make("clean", cwd=tree)
        assert [name for name in caches + kept if (tree / name).exists()] == kept
        assert (tree / ".venv/.ready").exists()


class TestSetup:
    @pytest.fixture
    def machine(self, tmp_path):
        """A machine of which each program prints one line, and nothing is on the PATH besides."""
        programs = tmp_path / "bin"
        programs.mkdir()
        (tmp_path / "scripts").mkdir()
        shutil.copy2(ROOT / "scripts/setup.sh", tmp_path / "scripts")
        shell = shutil.which("sh")

        def set_up(**printed: str) -> tuple[int, str, str]:
            for name, line in {"cxx": "c++ 14", **printed}.items():
                path = programs / name.replace("_", ".").replace("cxx", "c++")
                path.write_text(f"#!{shell}\n" + (f"echo '{line}'" if line else "exit 1") + "\n")
                path.chmod(0o755)
            done = subprocess.run(
                [shell, "scripts/setup.sh"],
                cwd=tmp_path,
                env={"PATH": str(programs)},
                capture_output=True,
                text=True,
            )
            assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", "scripts"]
            return done.returncode, done.stdout, done.stderr

        return set_up

    @staticmethod
    def assert_refused(outcome: tuple[int, str, str], *words: str) -> None:
        status, printed, complaint = outcome
        assert (status, printed) == (1, "")
        first, last = complaint.splitlines()
        for word in words:
            assert word in first
        assert last == "setup: nothing was installed; run make again after that"

    def test_no_python(self, machine):
        self.assert_refused(
            machine(),
            "no usable Python",
            "expected python3 of CPython 3.11, 3.12 or 3.13",
            "received none",
            "apt-get install python3.11 python3.11-dev python3.11-venv",
        )

    @pytest.mark.parametrize("version", ["CPython-3.9", "CPython-3.14", "PyPy-3.11"])
    def test_python_out_of_range(self, machine, version):
        self.assert_refused(
            machine(python3=f"{version} headers Linux-x86_64 glibc-2.36 /usr/bin/python3"),
            f"received python3: {version}",
        )

    def test_no_headers(self, machine):
        self.assert_refused(
            machine(python3="CPython-3.12 no-headers Linux-x86_64 glibc-2.36 /usr/bin/python3"),
            "no C headers for Python 3.12",
            "Python.h",
            "python3.12-dev",
        )

    @pytest.mark.parametrize(
        ("manager", "line"),
        [
            ("apt-get", "sudo apt-get install g++"),
            ("dnf", "sudo dnf install gcc-c++"),
            ("xcode-select", "xcode-select --install"),
        ],
    )
    def test_no_compiler(self, machine, manager, line):
        outcome = machine(cxx="", python3=f"{GOOD} /usr/bin/python3", **{manager: "found"})
        self.assert_refused(outcome, "no C++ compiler", "c++, g++ or clang++", line)

    @pytest.mark.parametrize(
        ("platform", "words"),
        [
            ("Linux-x86_64 glibc-2.31", ("glibc is too old", "received 2.31")),
            ("Linux-x86_64 -", ("C library has no wheels", "musl")),
            ("Linux-aarch64 glibc-2.39", ("no wheels of ml-metadata", "Linux-aarch64")),
            ("Darwin-x86_64 -", ("no wheels of ml-metadata", "Darwin-x86_64")),
        ],
    )
    def test_platform_without_wheels(self, machine, platform, words):
        line = f"CPython-3.12 headers {platform} /usr/bin/python3"
        self.assert_refused(machine(python3=line), *words)

    def test_all_that_is_missing_is_named_at_once(self, machine):
        _, _, complaint = machine(cxx="")
        assert "no usable Python" in complaint
        assert "no C++ compiler" in complaint

    @pytest.mark.parametrize(
        "python3",
        ["", f"{GOOD.replace('3.12', '3.10')} /old", f"{GOOD} /x".replace("hea", "no-hea")],
    )
    def test_takes_the_first_python_in_range_that_has_headers(self, machine, python3):
        _, printed, _ = machine(
            python3=python3,
            python3_13="",
            python3_12=f"{GOOD} /opt/a folder/python3.12",
            python3_11=f"{GOOD.replace('3.12', '3.11')} /usr/bin/python3.11",
        )
        assert printed.startswith("setup: using Python 3.12 (/opt/a folder/python3.12) and c++\n")

    def test_probe_describes_this_python(self):
        script = (ROOT / "scripts/setup.sh").read_text()
        probe = re.search(r"probe='(.*?)'", script, re.DOTALL)[1]
        python = ROOT / ".venv/bin/python"
        line = subprocess.run([python, "-c", probe], check=True, capture_output=True, text=True)
        version, headers, platform, libc, path = line.stdout.strip().split(" ", 4)
        assert re.fullmatch(r"CPython-3\.1[123]", version)
        assert headers in {"headers", "no-headers"}
        assert platform in {"Linux-x86_64", "Darwin-arm64"}
        assert libc.startswith("glibc-2.") or platform.startswith("Darwin")
        assert Path(path).exists()
        assert ".venv" not in path

    def test_agrees_with_the_repair_on_the_range_of_glibc(self):
        script = (ROOT / "scripts/setup.sh").read_text()
        bounds = re.findall(r'"\$minor" -lt (\d+)', script)
        assert [(2, int(minor)) for minor in bounds] == [glibc.OLDEST, glibc.STOCK]
        assert f"manylinux_2_{glibc.STOCK[1]}" in script
