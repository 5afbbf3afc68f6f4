"""64 clients at once, of `huberflow serve`, of MLflow's stock server, and of the signature alone.

Requests have mixed sizes. Each client has its own connection and sends its next request as soon as
it has the answer to the last. Clients and server share the machine. The signature is called in this
process, by one thread, with the same sizes; its rows are arrays already, so it shows what HTTP and
JSON cost.
"""

import json
import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click
from rich.table import Table

from benchmarks.harness import console, duration, temporary_folder, trained_bundle, verdict
from benchmarks.serving import NO_CUSTOM_OBJECTS, Side, own_server, stock_server
from huberflow.components.bundle import reload
from huberflow.custom_objects.json_record import JSON
from huberflow.pipeline.deploy.scorer import Scorer

CLIENTS = 64
REQUESTS = 20
"""Of each client."""
SIZES = (1, 16, 256)
WEIGHTS = (6, 3, 1)
"""How often a request has so many rows."""
GOAL = 3.0
"""The 99th percentile of the latency, in medians, that huberflow should not exceed."""


@dataclass(frozen=True)
class Load:
    """What the clients of a server had from it."""

    name: str
    latencies: Sequence[float]
    """Seconds, of the requests that were answered."""
    rows: int
    lost: int
    """Requests without an answer."""
    seconds: float

    @property
    def median(self) -> float:
        """Seconds, which half of the requests took at most."""
        return statistics.median(self.latencies)

    @property
    def slowest(self) -> float:
        """Seconds, which 99 of 100 requests took at most."""
        return statistics.quantiles(self.latencies, n=100, method="inclusive")[98]


def run(repetitions: int) -> None:
    """Measures both servers in turn, and the signature.

    Raises:
      click.ClickException: a process ended, or answered no request.
      AssertionError: an answer is wrong, so the times are not comparable.
    """
    loads = []
    with temporary_folder() as folder:
        console.print("trains a model, and starts the servers; minutes")
        bundle = trained_bundle(folder, *NO_CUSTOM_OBJECTS)
        with stock_server(bundle, folder) as stock, own_server(bundle, folder) as own:
            measures = (
                partial(of_server, "stock", stock),
                partial(of_server, "huberflow", own),
                partial(of_signature, bundle),
            )
            for measure in measures * repetitions:
                loads.append(measure())
                console.print(f"{loads[-1].name}: {duration(loads[-1].seconds)}")
    show(loads)


def of_server(name: str, side: Side) -> Load:
    """The load of all clients."""
    bodies = {count: json.dumps(first_rows(side.all, count)).encode() for count in SIZES}
    with ThreadPoolExecutor(1) as client:  # a new connection: servers close those that are idle
        client.submit(side.server.answer, bodies[SIZES[-1]]).result()  # the first takes longer
    return of_calls(name, {count: (side.server.answer, body) for count, body in bodies.items()})


def of_signature(bundle: Path) -> Load:
    """The load of one client that calls the signature."""
    predict, scorer = reload.predictor(bundle, "columns"), Scorer(bundle)
    rows = scorer.golden_rows()
    missing = {
        name: "" if kind == "text" else float("nan") for name, kind in scorer.columns.items()
    }
    columns = {name: rows[name].fillna(missing[name]).to_list() for name in rows}

    def call(count: int) -> None:
        predict(**{name: values[:count] for name, values in columns.items()})

    call(SIZES[-1])
    return of_calls("signature", {count: (call, count) for count in SIZES}, clients=1)


def of_calls(
    name: str,
    calls: Mapping[int, tuple[Callable[..., object], object]],
    clients: int = CLIENTS,
) -> Load:
    """The load of clients that call, each with sizes of its own."""

    def client(number: int) -> list[tuple[int, float | None]]:
        sizes = random.Random(number).choices(SIZES, WEIGHTS, k=REQUESTS)  # noqa: S311
        return [(size, _seconds(*calls[size])) for size in sizes]

    start = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        each = [answer for answers in pool.map(client, range(CLIENTS)) for answer in answers]
    seconds = time.perf_counter() - start
    answered = [(size, latency) for size, latency in each if latency is not None]
    if not answered:
        raise click.ClickException(f"{name}: none of {len(each):,} requests was answered")
    return Load(
        name,
        [latency for _, latency in answered],
        sum(size for size, _ in answered),
        len(each) - len(answered),
        seconds,
    )


def _seconds(call: Callable[..., object], argument: object) -> float | None:
    """None if there was no answer."""
    start = time.perf_counter()
    try:
        call(argument)
    except (click.ClickException, OSError):
        return None
    return time.perf_counter() - start


def first_rows(body: JSON, count: int) -> JSON:
    """The same request with fewer rows."""
    [(key, rows)] = body.items()
    if key == "dataframe_split":
        return {key: {**rows, "data": rows["data"][:count]}}
    return {key: {name: values[:count] for name, values in rows.items()}}


def show(loads: Sequence[Load]) -> None:
    """Prints a row for each."""
    title = f"{CLIENTS} clients, {CLIENTS * REQUESTS:,} requests of {SIZES} rows"
    table = Table(title=title, title_justify="left")
    table.add_column("", no_wrap=True)
    for heading in ("p50", "p99", "p99 / p50", "rows/s", "requests/s", "lost"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("goal", no_wrap=True)
    for load in loads:
        ratio = load.slowest / load.median
        goal = f"{GOAL:.1f} {verdict(ratio <= GOAL)}" if load.name == "huberflow" else ""
        table.add_row(
            load.name,
            duration(load.median),
            duration(load.slowest),
            f"{ratio:.1f}",
            f"{load.rows / load.seconds:,.0f}",
            f"{len(load.latencies) / load.seconds:,.0f}",
            str(load.lost),
            goal,
        )
    console.print(table)
