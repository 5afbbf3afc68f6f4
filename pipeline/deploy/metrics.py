"""What Prometheus reads at ``/metrics``."""

import os

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
    multiprocess,
)
from starlette.requests import Request
from starlette.responses import Response

SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The variable that names the folder in which several processes count together."""

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The counts of a server, or of all its workers.

    Example::

        >>> metrics = Metrics()
        >>> metrics.rows.inc(256)
        >>> b"huberflow_rows_total 256.0" in metrics.written()
        True
    """

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self.requests = Counter(
            "huberflow_requests", "Requests, answered.", ["page", "status"], registry=registry
        )
        self.seconds = Histogram(
            "huberflow_request_seconds",
            "From the head of a request to its answer.",
            ["page"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.rows = Counter("huberflow_rows", "Rows, predicted.", registry=registry)
        self.running = Gauge(
            "huberflow_requests_running",
            "Requests on their way.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.model = Gauge(
            "huberflow_model_info",
            "The model that is served; 1.",
            ["model", "version", "certificate", "device"],
            registry=registry,
            multiprocess_mode="livemax",
        )
        if SHARED_FOLDER in os.environ:  # the counts are in its files
            registry = CollectorRegistry()
            multiprocess.MultiProcessCollector(registry)
        else:
            ProcessCollector(registry=registry)
            PlatformCollector(registry=registry)
        self._shown = registry

    def written(self) -> bytes:
        """The counts in the format of Prometheus."""
        return generate_latest(self._shown)

    async def page(self, _: Request) -> Response:
        """Answers ``/metrics``."""
        return Response(self.written(), headers={"Content-Type": CONTENT_TYPE_LATEST})


def forget_process(process: int | None) -> None:
    """Leaves the gauges of a process that ended out of those that several share."""
    multiprocess.mark_process_dead(process, os.environ[SHARED_FOLDER])
