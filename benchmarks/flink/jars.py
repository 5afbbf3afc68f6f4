"""Builds the jar of Flink and Beam's job server, as Beam ships it, from the jars of ``pom.xml``.

Maven downloads them once, each is checked against its hash, and the result is in ``.flink``.
"""

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

POM, HASHES = (Path(__file__).with_name(name) for name in ("pom.xml", "jars.sha256"))
FOLDER = Path(__file__).parents[2] / ".flink"


class MissingError(Exception):
    """A program or file is missing; the message is one line."""


def program(name: str, package: str) -> str:
    """The path of a program.

    Raises:
      MissingError: it is not installed; the message names Debian's package.
    """
    if found := shutil.which(name):
        return found
    raise MissingError(f"{name} is not installed; write: apt-get install {package}")


def jar(folder: Path = FOLDER) -> Path:
    """The path of the jar, which is the only file of its folder below ``folder``.

    Raises:
      MissingError: Maven is missing, or cannot download the parts.
      ValueError: a part does not have its hash in ``jars.sha256``.
    """
    kept = folder / hashlib.sha256(POM.read_bytes() + HASHES.read_bytes()).hexdigest()[:12]
    if not kept.exists():
        folder.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as temporary:
            parts, whole = Path(temporary, "parts"), Path(temporary, "whole")
            _build(Path(temporary))
            _check(parts)
            shutil.rmtree(parts)
            whole.rename(kept)
    return kept / "flink.jar"


def _build(folder: Path) -> None:
    maven = [program("mvn", "maven"), "--quiet", "--batch-mode", "--file", str(POM)]
    goals = ["dependency:copy-dependencies", "assembly:single", f"-Dfolder={folder}"]
    ended = subprocess.run([*maven, *goals], capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        cause = next((line for line in ended.stdout.splitlines() if "ERROR" in line), ended.stderr)
        raise MissingError(f"Maven cannot download Flink's jars: {cause}")


def _check(folder: Path) -> None:
    lines = HASHES.read_text().splitlines()
    expected = {name: sha256 for sha256, name in (line.split("  ") for line in lines)}
    found = {part.name: _sha256(part) for part in folder.iterdir()}
    if wrong := sorted(dict(expected.items() ^ found.items())):
        raise ValueError(
            f"Flink: expected exactly the jars of {HASHES.name}, received missing, other or "
            f"additional ones: {', '.join(wrong)}; delete these from ~/.m2/repository and retry"
        )


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
