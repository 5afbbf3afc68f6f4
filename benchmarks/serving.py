"""`huberflow serve` against MLflow's stock TensorFlow flavor, served by `mlflow models serve`.

Both serve one trained model, over HTTP on this machine, in one process each. The network holds no
object of ours, for the stock flavor cannot load one. It has the network alone: so its requests hold
the features as Transform leaves them, by column, the shortest form that it takes. Ours hold the raw
rows, and Transform is part of each answer. Both answers are first held against what the model gave
in the process that trained it.
"""

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks.http_servers import Server, free_port, running
from benchmarks.pairs import Pairs
from benchmarks.processes import HUBERFLOW, huberflow, in_turn, timed
from huberflow.components.bundle import reload
from huberflow.pipeline.deploy.golden_rows import golden_rows

GOAL = 0.5
ROWS = 256
REQUESTS = 100
"""In one time."""
CLIENTS = 2
"""Send large requests, at the same time."""
NO_OBJECTS_OF_OURS = (
    "model.initializer.name=GlorotUniform",
    "model.regularizer=null",
    "model.activity_regularization=null",
    "model.metric_logging=false",
    "tracking.enabled=false",
)


@dataclass(frozen=True)
class Side:
    """A server, and the golden rows in the form that it takes."""

    name: str
    server: Server
    one: Any
    """The first row."""
    all: Any

    def one_row(self) -> float:
        """Seconds of a request for one row, the median."""
        body = json.dumps(self.one).encode()
        with ThreadPoolExecutor(1) as client:  # In a new thread, with a connection of its own.
            return statistics.median(client.map(self._seconds, [body] * REQUESTS))

    def many_rows(self) -> float:
        """Seconds of all requests for ``ROWS``, some at the same time."""
        body = json.dumps(self.all).encode()
        with ThreadPoolExecutor(CLIENTS) as clients:
            start = time.perf_counter()
            for _ in clients.map(self.server.answer, [body] * REQUESTS):
                pass
            return time.perf_counter() - start

    def _seconds(self, body: bytes) -> float:
        start = time.perf_counter()
        self.server.answer(body)
        return time.perf_counter() - start


def measure(pairs: int, console: Console) -> list[Pairs]:
    """Requests for one row, and for ``ROWS``; prints each pair as it ends.

    Raises:
      click.ClickException: a process ended, or a request failed.
      AssertionError: an answer is not the model's, so that times do not compare.
    """
    with tempfile.TemporaryDirectory(prefix="huberflow-benchmark-") as folder:
        bundle = _trained(Path(folder))
        with _stock(bundle, Path(folder)) as stock, _ours(bundle, Path(folder)) as ours:
            return [
                in_turn(name, GOAL, (stock.name, of(stock)), (ours.name, of(ours)), pairs, console)
                for name, of in (
                    ("1-row requests, median", lambda side: side.one_row),
                    (f"{REQUESTS} {ROWS}-row requests", lambda side: side.many_rows),
                )
            ]


def _trained(folder: Path) -> Path:
    timed(huberflow("run", folder / "workspace", *NO_OBJECTS_OF_OURS), folder / "run.log")
    [bundle] = (folder / "workspace" / "serving" / "taxi").iterdir()
    return bundle


@contextmanager
def _stock(bundle: Path, folder: Path) -> Iterator[Side]:
    """The network, saved and served by MLflow."""
    # MLflow looks at tf.keras, here and where it serves.
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    import mlflow
    import tf_keras
    from mlflow.models import infer_signature

    golden = _golden(bundle)
    prefix = "inputs/"
    inputs = {name.removeprefix(prefix): golden[name] for name in golden if prefix in name}
    model = reload.load(bundle, trainable=False)
    mlflow.tensorflow.save_model(
        tf_keras.Model(model.inputs, model.outputs),  # Without Transform, which it cannot save.
        folder / "stock",
        signature=infer_signature(inputs, golden["model/prediction"]),
        pip_requirements=["mlflow", "tf-keras"],  # Looked for otherwise, for seconds.
    )
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--env-manager=local"]
    port = free_port()
    command += [f"--model-uri={folder / 'stock'}", f"--port={port}"]
    with running(command, port, "/ping", folder / "stock.log") as server:
        one, rows = (
            {"inputs": {name: values[:count].tolist() for name, values in inputs.items()}}
            for count in (1, ROWS)
        )
        _check(server.ask(rows), golden)
        yield Side("stock", server, one, rows)


@contextmanager
def _ours(bundle: Path, folder: Path) -> Iterator[Side]:
    certificate = reload.verify(bundle)
    columns = certificate["signatures"]["columns"]["inputs"]
    table = golden_rows(bundle, columns)
    port = free_port()
    command = [str(HUBERFLOW), "serve", str(bundle), f"--port={port}"]
    with running(command, port, "/ready", folder / "ours.log") as server:
        one, rows = (
            {"dataframe_split": table[:count].to_dict("split", index=False)} for count in (1, ROWS)
        )
        _check([row["prediction"] for row in server.ask(rows)], _golden(bundle))
        yield Side("ours", server, one, rows)


def _golden(bundle: Path) -> dict[str, np.ndarray]:
    with np.load(bundle / reload.GOLDEN_VALUES) as file:
        return dict(file)


def _check(predictions: Any, golden: dict[str, np.ndarray]) -> None:
    expected = golden["serving/prediction"][:ROWS]
    np.testing.assert_allclose(np.ravel(predictions), expected, rtol=1e-5)
