"""Fresh environments in which huberflow is installed from its wheel, with one extra alone."""

import shutil
import subprocess
import sys
from pathlib import Path

from bare_environment import BareEnvironment

UV = Path(__file__).resolve().parents[2] / ".uv" / "bin" / "uv"
LOSS = "import huberflow; print(float(huberflow.HuberLoss(threshold=2.0)([[0.0]], [[3.0]])))"
"""A program that prints 4.0: ½·2² + 2·(3 - 2)."""


def built(kind: str, source: Path, folder: Path) -> Path:
    """A ``wheel`` or ``sdist`` of a source, built with the hatchling in uv's cache."""
    command = [UV, "build", "--offline", "--quiet", f"--{kind}", "--out-dir", folder, source]
    subprocess.run([*command, "--python", sys.executable], check=True)
    (distribution,) = (path for path in folder.iterdir() if path.name != ".gitignore")
    return distribution


def interpreter(version: str) -> Path | None:
    """A Python of this version on this machine, also where pyenv has it; None if there is none."""
    name = f"python{version}"
    found = [sys.executable, shutil.which(name)]
    found += sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/{name}"))
    tell = "import sys; print('%d.%d' % sys.version_info[:2])"
    for each in filter(None, found):
        done = subprocess.run([each, "-c", tell], capture_output=True, text=True)
        if done.stdout.strip() == version:
            return Path(each)
    return None


class Installed(BareEnvironment):
    """An environment, and a folder in which its programs run.

    Args:
      folder: new.
      wanted: requirements to link from this environment.
      python: which it is made of.
    """

    def __init__(
        self, folder: Path, wanted: tuple[str, ...] = (), python: Path = Path(sys.executable)
    ) -> None:
        super().__init__(folder / "venv", wanted, python)
        self.folder = folder

    def install(self, *arguments: str | Path) -> None:
        """Installs with uv, which links the files in its cache."""
        command = [UV, "pip", "install", "--quiet", "--python", self.python, *arguments]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The command ``huberflow``."""
        return self.run(str(self.python.with_name("huberflow")), *arguments, cwd=self.folder)

    def program(self, text: str) -> str:
        """What a Python program prints; it must not fail."""
        done = self.run("-c", text, cwd=self.folder)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


def linked(folder: Path, wheel: Path, extra: str) -> Installed:
    """The wheel beside the packages that one of its extras needs, in the versions of this machine.

    Args:
      folder: new.
      wheel: of huberflow.
      extra: none of them where empty.
    """
    made = Installed(folder, (requirement("huberflow", extra),))
    made.install("--offline", "--no-deps", wheel)
    return made


def requirement(package: str | Path, extra: str) -> str:
    """``huberflow[tfx]``, or ``huberflow`` without an extra."""
    return f"{package}[{extra}]" if extra else str(package)
