"""Flink and Beam's job server in one jar, as Beam ships it, made of the jars of ``pom.xml``.

Maven fetches them once, each is held against its hash, and what becomes of them lies in ``.flink``.
"""

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

POM, HASHES = (Path(__file__).with_name(name) for name in ("pom.xml", "jars.sha256"))
FOLDER = Path(__file__).parents[2] / ".flink"


class MissingError(Exception):
    """What is missing, in a line."""


def program(name: str, package: str) -> str:
    """The path of a program.

    Raises:
      MissingError: it is not there; the line names Debian's package.
    """
    if found := shutil.which(name):
        return found
    raise MissingError(f"no {name}; apt-get install {package}")


def jar(folder: Path = FOLDER) -> Path:
    """All of it, alone in a folder of its own in ``folder``.

    Raises:
      MissingError: Maven is missing, or cannot fetch the parts.
      ValueError: a part is something else than ``jars.sha256`` says.
    """
    kept = folder / hashlib.sha256(POM.read_bytes() + HASHES.read_bytes()).hexdigest()[:12]
    if not kept.exists():
        folder.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as aside:
            _make(Path(aside))
            _check(Path(aside, "parts"))
            shutil.rmtree(Path(aside, "parts"))
            Path(aside, "whole").rename(kept)
    return kept / "flink.jar"


def _make(folder: Path) -> None:
    maven = [program("mvn", "maven"), "--quiet", "--batch-mode", "--file", str(POM)]
    goals = ["dependency:copy-dependencies", "assembly:single", f"-Dfolder={folder}"]
    ended = subprocess.run([*maven, *goals], capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        said = next((line for line in ended.stdout.splitlines() if "ERROR" in line), ended.stderr)
        raise MissingError(f"Maven cannot fetch Flink's jars: {said}")


def _check(folder: Path) -> None:
    lines = HASHES.read_text().splitlines()
    expected = {name: sha256 for sha256, name in (line.split("  ") for line in lines)}
    found = {part.name: _sha256(part) for part in folder.iterdir()}
    if wrong := sorted(dict(expected.items() ^ found.items())):
        raise ValueError(
            f"Flink: expected the jars of {HASHES.name}, received other content, or none, or more "
            f"than those, of {', '.join(wrong)}; delete these from ~/.m2/repository, and try again"
        )


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
