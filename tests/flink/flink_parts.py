"""What the tests run on: Java, Flink from PyPI, Beam's job server from Maven Central.

Each is fetched once, into ``.flink``. What cannot be had skips the tests, and the summary says what
it was.
"""

import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from apache_beam.utils.subprocess_server import JavaJarServer

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".flink"

VERSION = "1.19.3"
"""Of the Flinks that Beam 2.77 knows, the first."""

REQUIREMENT = (
    f"apache-flink-libraries=={VERSION} "
    "--hash=sha256:4a58e3a1fb7d83340bc96b6c080624c6d792d69fae5d294b96224775204a9c60"
)


def java() -> str:
    """The program."""
    return shutil.which("java") or pytest.skip("no java; apt-get install openjdk-17-jre-headless")


def job_server() -> Path:
    """Beam's jar; ``$FLINK_JOB_SERVER_JAR`` names one that is there already."""
    if named := os.environ.get("FLINK_JOB_SERVER_JAR"):
        return Path(named)
    jar = JavaJarServer.path_to_beam_jar("runners:flink:1.19:job-server:shadowJar")
    try:
        return Path(JavaJarServer.local_jar(jar, cache_dir=str(FOLDER)))
    except RuntimeError as error:
        logging.getLogger(__name__).info("%s", error)
        return pytest.skip(f"cannot fetch {jar}; $FLINK_JOB_SERVER_JAR may name it")


def distribution() -> Path:
    """Flink's jars: what PyFlink carries, without PyFlink."""
    folder = FOLDER / f"flink-{VERSION}"
    if not folder.exists():
        FOLDER.mkdir(exist_ok=True)
        aside = FOLDER / f".flink-{os.getpid()}"
        (FOLDER / "requirements.txt").write_text(REQUIREMENT)
        install = [ROOT / ".uv/bin/uv", "pip", "install", "--quiet", "--no-deps"]
        where = ["--python", sys.executable, "--target", aside]
        what = ["--require-hashes", "-r", FOLDER / "requirements.txt"]
        subprocess.run([*install, *where, *what], check=True)
        aside.rename(folder)
    return folder / "pyflink" / "lib"
