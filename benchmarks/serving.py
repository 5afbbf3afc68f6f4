"""`huberflow serve` against MLflow's stock TensorFlow flavor, served by `mlflow models serve`.

Both serve one trained model, over HTTP on this machine, in one process each. The network has no
custom object, because the stock flavor cannot load one. The stock server has the network without
Transform: its requests contain transformed features by column, its shortest format. Requests to
huberflow contain raw rows, and each answer includes Transform. Before the measurement, both answers
are compared with the values of the process that trained the model.
"""

import json
import os
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.harness import (
    HUBERFLOW,
    in_turn,
    seconds_of,
    show,
    temporary_folder,
    trained_bundle,
)
from benchmarks.http_servers import Server, free_port, running
from huberflow.components.bundle import reload
from huberflow.custom_objects.json_record import JSON
from huberflow.pipeline.deploy.scorer import Scorer

GOAL = 0.5
ROWS = 256
REQUESTS = 100
"""Requests per measurement."""
CLIENTS = 2
"""Clients that send large requests at the same time."""
NO_CUSTOM_OBJECTS = (
    "model.initializer.name=GlorotUniform",
    "model.regularizer=null",
    "model.activity_regularization=null",
    "model.metric_logging=false",
    "tracking.enabled=false",
)


@dataclass(frozen=True)
class Side:
    """A server, and request bodies with golden rows in its format."""

    server: Server
    one: JSON
    """The first row."""
    all: JSON

    def one_row(self) -> float:
        """The median seconds of a request for one row."""
        body = json.dumps(self.one).encode()
        with ThreadPoolExecutor(1) as client:  # a new thread has a new connection
            times = client.map(lambda _: seconds_of(self.server.answer, body), range(REQUESTS))
            return statistics.median(times)

    def many_rows(self) -> float:
        """The seconds of all requests for ``ROWS``, with several clients."""
        body = json.dumps(self.all).encode()
        with ThreadPoolExecutor(CLIENTS) as clients:
            start = time.perf_counter()
            list(clients.map(self.server.answer, [body] * REQUESTS))
            return time.perf_counter() - start


def run(pairs: int) -> None:
    """Measures requests for one row, and for ``ROWS``.

    Raises:
      click.ClickException: a process ended, or a request failed.
      AssertionError: an answer is wrong, so the times are not comparable.
    """
    with temporary_folder() as folder:
        bundle = trained_bundle(folder, *NO_CUSTOM_OBJECTS)
        with stock_server(bundle, folder) as stock, own_server(bundle, folder) as new:
            measured = [
                in_turn(name, GOAL, ("stock", of(stock)), ("huberflow", of(new)), pairs)
                for name, of in (
                    ("1-row requests, median", lambda side: side.one_row),
                    (f"{REQUESTS} {ROWS}-row requests", lambda side: side.many_rows),
                )
            ]
    show("Predictions over HTTP", measured)


@contextmanager
def stock_server(bundle: Path, folder: Path) -> Iterator[Side]:
    """The network, saved and served by MLflow."""
    # MLflow uses tf.keras, in this process and in the server's.
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    import mlflow
    import tf_keras
    from mlflow.models import infer_signature

    golden = reload.golden(bundle)
    inputs = golden.inputs
    model = reload.load(bundle, trainable=False)
    mlflow.tensorflow.save_model(
        tf_keras.Model(model.inputs, model.outputs),  # without Transform, which it cannot save
        folder / "stock",
        signature=infer_signature(inputs, golden.values["model/prediction"]),
        pip_requirements=["mlflow", "tf-keras"],  # else MLflow infers them, for seconds
    )
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--env-manager=local"]
    port = free_port()
    command += [f"--model-uri={folder / 'stock'}", f"--port={port}"]
    with running(command, port, "/ping", folder / "stock.log") as server:
        one, rows = (
            {"inputs": {name: values[:count].tolist() for name, values in inputs.items()}}
            for count in (1, ROWS)
        )
        check(server.ask(rows), bundle)
        yield Side(server, one, rows)


@contextmanager
def own_server(bundle: Path, folder: Path) -> Iterator[Side]:
    """The bundle, served by huberflow."""
    port = free_port()
    command = [str(HUBERFLOW), "serve", str(bundle), f"--port={port}"]
    with running(command, port, "/ready", folder / "huberflow.log") as server:
        one, rows = raw_rows(bundle, 1), raw_rows(bundle, ROWS)
        check([row["prediction"] for row in server.ask(rows)], bundle)
        yield Side(server, one, rows)


def raw_rows(bundle: Path, count: int | None = None) -> JSON:
    """A request to huberflow with the first golden rows; all by default."""
    table = Scorer(bundle).golden_rows()[:count]
    return {"dataframe_split": table.to_dict("split", index=False)}


def check(predictions: Sequence[float], bundle: Path) -> None:
    """Raises an AssertionError unless these are the golden predictions, within rounding."""
    expected = reload.golden(bundle).values["answers/columns/prediction"][: len(predictions)]
    np.testing.assert_allclose(np.ravel(predictions), expected, rtol=1e-5)
