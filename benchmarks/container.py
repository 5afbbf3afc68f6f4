"""The start of `huberflow serve`, in a container and outside, up to the first correct answer.

Both serve the same model on the same machine. Build the image before: see docs/containers.md.
"""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import click
import numpy as np
from rich.console import Console

from benchmarks.http_servers import free_port, running
from benchmarks.pairs import show
from benchmarks.processes import HUBERFLOW, huberflow, in_turn, timed
from huberflow.components.bundle import reload
from huberflow.pipeline.deploy.golden_rows import golden_rows

GOAL = 1.3
IMAGE = "huberflow-serving"
SETTINGS = ("training.epochs=1", "tracking.enabled=false")


def run(pairs: int, console: Console) -> None:
    """Measures the seconds until the server answers with the golden predictions.

    Raises:
      click.ClickException: the image or the engine is missing, or a server does not serve.
      AssertionError: an answer is wrong.
    """
    _check_image()
    with tempfile.TemporaryDirectory(prefix="huberflow-benchmark-") as folder:
        workspace, log = Path(folder) / "workspace", Path(folder) / "log"
        timed(huberflow("run", workspace, *SETTINGS), log)
        (bundle,) = (workspace / "serving" / "taxi").iterdir()

        def outside(port: int) -> Sequence[str]:
            return [str(HUBERFLOW), "serve", str(bundle), f"--port={port}"]

        def inside(port: int) -> Sequence[str]:
            options = (f"--publish=127.0.0.1:{port}:8080", f"--volume={bundle}:/model:ro")
            return ["docker", "run", "--rm", "--read-only", "--tmpfs=/tmp", *options, IMAGE]

        def side(command: Callable[[int], Sequence[str]]) -> Callable[[], float]:
            return lambda: _seconds(command, bundle, log)

        measured = in_turn(
            "start to correct answer",
            GOAL,
            ("outside", side(outside)),
            ("container", side(inside)),
            pairs,
            console,
        )
    show("A server's start", [measured], console, ("outside", "container"))


def _check_image() -> None:
    docker = shutil.which("docker")
    if (
        docker is None
        or subprocess.run([docker, "image", "inspect", IMAGE], capture_output=True).returncode
    ):
        raise click.ClickException(
            f"container: expected Docker and the image {IMAGE}; write: "
            f"docker build --file docker/serving.Dockerfile --tag {IMAGE} ."
        )


def _seconds(command: Callable[[int], Sequence[str]], bundle: Path, log: Path) -> float:
    columns = reload.verify(bundle)["signatures"]["columns"]["inputs"]
    rows = golden_rows(bundle, columns).to_dict("split", index=False)
    port = free_port()
    start = time.perf_counter()
    with running(command(port), port, "/ready", log) as server:
        answer = server.ask({"dataframe_split": rows})
        seconds = time.perf_counter() - start
    with np.load(bundle / reload.GOLDEN_VALUES) as golden:
        expected = golden["serving/prediction"].ravel()
    # The image has the same TensorFlow with another build of Python: equal within rounding.
    np.testing.assert_allclose([row["prediction"] for row in answer], expected, rtol=1e-5)
    return seconds
