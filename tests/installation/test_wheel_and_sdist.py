"""What users install, and that it works beside packages named like huberflow's folders."""

import os
import subprocess
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
from users_packages import NAMES, write_packages

ROOT = Path(__file__).resolve().parents[2]
UV = ROOT / ".uv" / "bin" / "uv"

pytestmark = pytest.mark.skipif(not UV.exists(), reason="needs .uv/bin/uv; write: make setup")


def content(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def sdist(build) -> Path:
    return build("sdist")


class TestWheel:
    def test_has_one_top_level_name(self, wheel):
        names = {name.partition("/")[0] for name in content(wheel)}
        assert names == {"huberflow", "huberflow-0.1.0.dist-info"}

    def test_has_every_file_of_the_package(self, wheel):
        expected = {
            f"huberflow/{path.relative_to(parent)}"
            for parent, below in [(ROOT / "src/huberflow", "."), *((ROOT, name) for name in NAMES)]
            for path in (parent / below).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
        files = {name for name in content(wheel) if name.startswith("huberflow/")}
        assert files == expected
        assert {
            "huberflow/py.typed",
            "huberflow/components/bundle/certificate.schema.json",
            "huberflow/pipeline/config/default.yaml",
            "huberflow/pipeline/report/templates/report.html.j2",
        } <= files

    def test_has_its_licence_and_its_commands(self, wheel):
        files = content(wheel)
        assert "huberflow-0.1.0.dist-info/licenses/LICENSE" in files
        commands = files["huberflow-0.1.0.dist-info/entry_points.txt"].decode()
        assert "huberflow = " in commands
        assert "huberflow-worker = " in commands

    def test_built_from_the_sdist_is_the_same(self, build, wheel, sdist):
        assert content(build("wheel", sdist)) == content(wheel)


def test_an_sdist_holds_no_more_than_a_wheel_is_built_from(sdist):
    with tarfile.open(sdist) as archive:
        tops = {name.split("/")[1] for name in archive.getnames() if "/" in name}
        assert not any(member.issym() for member in archive.getmembers())
    assert tops == {
        ".gitignore", "CHANGELOG.md", "LICENSE", "PKG-INFO", "README.md", "pyproject.toml", "src",
    }  # fmt: skip


class Installed:
    """The wheel in a fresh environment, and a folder with the user's own packages."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        self.bin, self.users = folder / "venv" / "bin", folder / "project"
        venv.EnvBuilder(symlinks=True).create(folder / "venv")
        install = [UV, "pip", "install", "--offline", "--quiet", "--no-deps"]
        subprocess.run([*install, "--python", self.bin / "python", wheel], check=True)
        # The dependencies come from this environment; its editable huberflow stays hidden, for the
        # .pth files there are not read.
        packages = Path(sysconfig.get_path("purelib"))
        site = folder / "venv" / "lib" / packages.parent.name / "site-packages"
        (site / "dependencies.pth").write_text(f"{packages}\n")
        self.users.mkdir()
        write_packages(self.users)

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs a program of the environment in the user's folder, which is on Python's path."""
        return subprocess.run(
            [self.bin / program, *arguments],
            cwd=self.users,
            env={**os.environ, "PYTHONPATH": str(self.users)},
            capture_output=True,
            text=True,
        )


@pytest.fixture(scope="module")
def installed(tmp_path_factory, wheel) -> Installed:
    return Installed(tmp_path_factory.mktemp("installed"), wheel)


class TestInstalledBesideTheUsersPackages:
    @pytest.mark.parametrize(
        "arguments",
        [
            ["--version"],
            ["--help"],
            *([verb, "--help"] for verb in ("run", "sweep", "compare", "compile", "predict")),
            ["config"],
            ["config", "--schema"],
            ["init", "new"],
        ],
        ids=" ".join,
    )
    def test_verbs(self, installed, arguments):
        done = installed.run("huberflow", *arguments)
        assert done.returncode == 0, done.stderr

    @pytest.mark.parametrize(
        ("verb", "printed"),
        [("doctor", "tensorflow-transform"), ("compare", "write: huberflow run")],
    )
    def test_verbs_whose_exit_code_is_that_of_this_machine(self, installed, verb, printed):
        done = installed.run("huberflow", verb)
        assert printed in done.stdout + done.stderr
        assert "Traceback" not in done.stderr

    def test_worker(self, installed):
        done = installed.run("huberflow-worker", "--help")
        assert done.returncode == 0, done.stderr

    def test_each_has_its_own_names(self, installed):
        program = (
            "import huberflow, huberflow.pipeline.config, huberflow.components.bundle.reload\n"
            "print(huberflow.__file__, huberflow.HuberLoss(threshold=2.0).threshold)\n"
            "import importlib\n"
            f"for name in {NAMES}:\n"
            "    try: importlib.import_module(name)\n"
            "    except ImportError as error: print(error)\n"
        )
        done = installed.run("python", "-c", program)
        assert done.returncode == 0, done.stderr
        first, *others = done.stdout.splitlines()
        assert first.startswith(str(installed.bin.parent))
        assert first.endswith(" 2.0")
        assert others == [f"this is the user's own {name}" for name in NAMES]
