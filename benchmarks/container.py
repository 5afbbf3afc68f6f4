"""The start of `huberflow serve`, in a container and outside, up to the first correct answer.

Both serve the same model on the same machine. Build the image before: see docs/containers.md.
"""

import shutil
import subprocess
import time
from collections.abc import Callable, Sequence

import click

from benchmarks.harness import HUBERFLOW, Side, in_turn, show, temporary_folder, trained_bundle
from benchmarks.http_servers import free_port, running
from benchmarks.serving import check, raw_rows

GOAL = 1.3
IMAGE = "huberflow-serving"


def run(pairs: int) -> None:
    """Measures the seconds until the server answers with the golden predictions.

    Raises:
      click.ClickException: the image or the engine is missing, or a server does not serve.
      AssertionError: an answer is wrong.
    """
    docker = shutil.which("docker")
    find = [str(docker), "image", "inspect", IMAGE]
    if docker is None or subprocess.run(find, capture_output=True).returncode:
        raise click.ClickException(
            f"container: expected Docker and the image {IMAGE}; write: "
            f"docker build --file docker/serving.Dockerfile --tag {IMAGE} ."
        )
    with temporary_folder() as folder:
        bundle = trained_bundle(folder, "training.epochs=1", "tracking.enabled=false")
        rows = raw_rows(bundle)

        def side(name: str, command: Callable[[int], Sequence[str]]) -> Side:
            def seconds() -> float:
                port, start = free_port(), time.perf_counter()
                with running(command(port), port, "/ready", folder / "log") as server:
                    answer = server.ask(rows)
                    ready = time.perf_counter() - start
                check([row["prediction"] for row in answer], bundle)
                return ready

            return name, seconds

        def outside(port: int) -> Sequence[str]:
            return [str(HUBERFLOW), "serve", str(bundle), f"--port={port}"]

        def inside(port: int) -> Sequence[str]:
            options = (f"--publish=127.0.0.1:{port}:8080", f"--volume={bundle}:/model:ro")
            return ["docker", "run", "--rm", "--read-only", "--tmpfs=/tmp", *options, IMAGE]

        sides = side("outside", outside), side("container", inside)
        measured = in_turn("start to correct answer", GOAL, *sides, pairs)
    show("A server's start", [measured], ("outside", "container"))
