"""What is known of each request afterwards: its id, metrics, and a line in the access log."""

import json
import re
import sys
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from huberflow.custom_objects.json_record import JSON
from huberflow.pipeline.deploy.metrics import Metrics

_ID_HEADER = "X-Request-ID"
_ID = re.compile(r"[\w.:+/=-]{1,128}", re.ASCII)

_PAGES = ("/invocations", "/v1/models", "/ready", "/health", "/ping", "/version", "/metrics")
"""Those with metrics of their own: a client can ask for as many others as it likes."""


class ObservedApp:
    """An application whose requests are counted and logged.

    An answer's ``X-Request-ID`` is that of the request, if it has one of 1 to 128 letters, digits
    and ``.:+/=-_``; otherwise a new one.

    Args:
      application: answers.
      metrics: counts.
      log: gets a record for each request; None for no log.
    """

    def __init__(
        self, application: ASGIApp, metrics: Metrics, log: Callable[[JSON], None] | None
    ) -> None:
        self._application, self._metrics, self._log = application, metrics, log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        start, given = time.perf_counter(), Headers(scope=scope).get(_ID_HEADER, "")
        request_id = given if _ID.fullmatch(given) else uuid.uuid4().hex
        status = sent = 0

        async def send_noting(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[_ID_HEADER] = request_id
            sent += len(message.get("body", b""))
            await send(message)

        self._metrics.running.inc()
        try:
            await self._application(scope, receive, send_noting)
        finally:
            self._metrics.running.dec()
            seconds = time.perf_counter() - start
            self._count(scope, status, seconds)
            if self._log:
                record = _record(scope, status, seconds) | {"id": request_id, "bytes": sent}
                self._log(record)

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        page = next((page for page in _PAGES if scope["path"].startswith(page)), "other")
        self._metrics.requests.labels(page, status or "none").inc()
        self._metrics.seconds.labels(page).observe(seconds)
        self._metrics.rows.inc(scope.get("state", {}).get("rows", 0))


def _record(scope: Scope, status: int, seconds: float) -> dict[str, JSON]:
    """A status of 0 is an answer that the client did not wait for."""
    return {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "client": (scope.get("client") or [None])[0],
        "method": scope["method"],
        "path": scope["path"][:200],
        "status": status,
        "seconds": round(seconds, 6),
        "rows": scope.get("state", {}).get("rows"),
    }


class PrintedLog:
    """Prints each record as a line of JSON, until nobody reads them."""

    def __init__(self) -> None:
        self._read = True

    def __call__(self, record: JSON) -> None:
        """Prints one."""
        if not self._read:
            return
        try:
            print(json.dumps(record), flush=True)
        except OSError as error:
            self._read = False
            print(f"huberflow: the access log ends here: {error}", file=sys.stderr)
