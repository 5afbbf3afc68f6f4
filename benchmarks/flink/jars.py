"""Flink and Beam's job server: the jars of ``pom.xml``, each held against its hash.

Maven fetches them once, into ``.flink``.
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


def fetched(folder: Path = FOLDER) -> Path:
    """A folder in ``folder`` with all jars, and no other.

    Raises:
      MissingError: Maven is missing, or cannot fetch them.
      ValueError: what is there is something else than ``jars.sha256`` says.
    """
    jars = folder / _sha256(HASHES)[:12]
    if not jars.exists():
        folder.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as aside:
            _fetch(Path(aside, "jars"))
            _check(Path(aside, "jars"))
            Path(aside, "jars").rename(jars)
    _check(jars)
    return jars


def _fetch(into: Path) -> None:
    maven = [program("mvn", "maven"), "--quiet", "--batch-mode", "--file", str(POM)]
    copy = ["dependency:copy-dependencies", f"-DoutputDirectory={into}"]
    ended = subprocess.run([*maven, *copy], capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        said = next((line for line in ended.stdout.splitlines() if "ERROR" in line), ended.stderr)
        raise MissingError(f"Maven cannot fetch Flink's jars: {said}")


def _check(folder: Path) -> None:
    lines = HASHES.read_text().splitlines()
    expected = {name: sha256 for sha256, name in (line.split("  ") for line in lines)}
    found = {jar.name: _sha256(jar) for jar in folder.iterdir()}
    if wrong := sorted(dict(expected.items() ^ found.items())):
        raise ValueError(
            f"{folder}: expected the jars of {HASHES.name}, received other content, or none, or "
            f"more than those, of {', '.join(wrong)}; to fetch them anew: rm -r .flink"
        )


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
