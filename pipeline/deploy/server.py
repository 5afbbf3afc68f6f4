"""Serves an exported model over HTTP, after a check that it is the one that was trained."""

import asyncio
import gc
import json
import logging
import shlex
import socket
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import uvicorn
from starlette.types import ASGIApp

from huberflow.components.bundle import clean_process, reload
from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.deploy.access import TokenRequired, read_tokens
from huberflow.pipeline.deploy.application import (
    ReplaceableApp,
    ServedModel,
    serving_app,
    waiting_app,
    with_metrics,
)
from huberflow.pipeline.deploy.connections import (
    BoundedConnection,
    BoundedLoop,
    OnePerSecond,
)
from huberflow.pipeline.deploy.ending import GRACE, ending_within
from huberflow.pipeline.deploy.listening import bind_port
from huberflow.pipeline.deploy.metrics import Metrics
from huberflow.pipeline.deploy.observed import ObservedApp, PrintedLog
from huberflow.pipeline.deploy.slots import Listener, Slots
from huberflow.pipeline.deploy.succession import give_way, take_over

_WARM_UP = (1, 256)
"""Rows of a small and a large request; the first of each size takes longer than the next."""

_WAIT = 0.5
"""Seconds: a signal that one of TensorFlow's threads receives does not wake the waiting one."""

_PARTING = 2.0
"""Seconds at most for clients with open connections to learn, by an answer, that these close."""

_KEEP_ALIVE = 75
"""Seconds that an idle connection stays open; load balancers close theirs after 60."""

_LEAVING = 0.5
"""Seconds, of these, for what comes after the last answer."""


_LOGGERS = ("uvicorn.error", "asyncio")
"""Any client can make these write, as often as it likes."""


class ServerError(Exception):
    """The server ended by itself."""


@dataclass(frozen=True)
class Settings:
    """Where a server listens, and to whom."""

    host: str = "127.0.0.1"
    """Address of this machine."""
    port: int = 8080
    """0 for any that is free."""
    share_port: bool = False
    """Listen beside another server of this user on this port."""
    device: str | None = None
    """"cpu" or "gpu", where the model must run; None for TensorFlow's choice."""
    allow_ops: Collection[str] = ()
    """Ops of the model that may do more than compute."""
    name: str | None = None
    """Of the model, in the addresses of TensorFlow Serving's REST; None for its folder's."""
    grace: float = GRACE
    """Seconds for the requests on their way; then the process ends, whatever it computes."""
    access_log: bool = False
    """Whether a line of JSON is printed for each request."""
    token_file: Path | None = None
    """See ``access.read_tokens``."""
    tls_cert: Path | None = None
    """The certificate for HTTPS, with those above it, as PEM."""
    tls_key: Path | None = None
    """Its key, if that is another file."""


def serve(
    bundle: Path,
    settings: Settings,
    *,
    on_ready: Callable[[str, str], None],
    listener: Listener | None = None,
) -> None:
    """Checks the model, and answers until Ctrl-C or SIGTERM, requests on their way included.

    ``/health`` answers 200 at once, ``/ready`` once the model is checked and warm. A server that
    shares its port takes connections only then; until then the one that it replaces has them.

    Args:
      bundle: the exported model.
      settings: where it listens.
      on_ready: gets the server's URL, and a body for its ``/invocations``.
      listener: has the port already; None to bind it.

    Raises:
      InputError: the port is taken, the address is not one of this machine, or a file is wrong.
      ReloadError: the bundle is not as it was written, or this machine cannot run it.
      CheckError: a value is further off than the certificate allows.
      ServerError: the server ended by itself.
    """
    host, shared = settings.host, settings.share_port
    waiting, metrics = waiting_app(), Metrics()
    pages = ReplaceableApp(waiting)
    app = guarded(pages, metrics, settings)
    with (
        suppress(KeyboardInterrupt),
        ending_within(settings.grace, loses=lambda: pages.current is not waiting),
        closing(listener or bind_port(host, settings.port, shared=shared)) as listener,
    ):
        if shared:
            pages.current, body = _loaded(bundle, settings, listener.slots, metrics)
        with running_server(app, listener, settings) as ended:
            if not shared:
                pages.current, body = _loaded(bundle, settings, listener.slots, metrics)
            address = f"[{host}]" if ":" in host else host
            scheme = "https" if settings.tls_cert else "http"
            on_ready(f"{scheme}://{address}:{listener.getsockname()[1]}", body)
            while not ended.wait(_WAIT):
                pass
            raise ServerError("the server ended by itself; its log says why")


def curl(url: str, body: str, settings: Settings) -> str:
    """A command that asks the server for a prediction."""
    options = ["-H 'Content-Type: application/json'"]
    if settings.token_file:
        file = shlex.quote(str(settings.token_file))
        options.append(f'-H "Authorization: Bearer $(head -1 {file})"')
    if settings.tls_cert:
        options.append(f"--cacert {shlex.quote(str(settings.tls_cert))}")
    return f"curl {url}/invocations {' '.join(options)} -d {shlex.quote(body)}"


def guarded(pages: ASGIApp, metrics: Metrics, settings: Settings) -> ASGIApp:
    """Pages with metrics, behind the token, with what is known of each request."""
    app: ASGIApp = with_metrics(pages, metrics)
    if settings.token_file:
        app = TokenRequired(app, read_tokens(settings.token_file))
    return ObservedApp(app, metrics, PrintedLog() if settings.access_log else None)


def _loaded(
    bundle: Path, settings: Settings, slots: Slots, metrics: Metrics
) -> tuple[ASGIApp, str]:
    """The model's pages, once it is checked and warm; a body for a request."""
    reload.verify(bundle)  # before the seconds that the imports take
    clean_process.prepare()
    import tensorflow as tf

    from huberflow.pipeline.deploy.scorer import Scorer

    if settings.device == "cpu":
        tf.config.set_visible_devices([], "GPU")
    for gpu in tf.config.list_physical_devices("GPU"):
        # All of its memory otherwise, and none for the server that replaces this one.
        tf.config.experimental.set_memory_growth(gpu, True)
    report = clean_process.check_bundle(bundle, settings.device, settings.allow_ops)
    scorer = Scorer(bundle, settings.allow_ops)
    rows = scorer.golden_rows()
    for count in _WARM_UP:
        scorer.predict(rows.iloc[np.arange(count) % len(rows)])
    name = settings.name or (bundle.parent if bundle.name.isdecimal() else bundle).name
    model = ServedModel(
        str(bundle), bundle.name, scorer.certificate, report["device"], name or "model"
    )
    metrics.model.labels(model.name, model.version, model.certificate, model.device).set(1)
    gc.freeze()  # Python would look through all of TensorFlow every few requests.
    row = rows.iloc[0].dropna().to_dict()
    body = json.dumps({"dataframe_records": [row]})
    return serving_app(scorer, model, slots.most_requests), body


@contextmanager
def running_server(
    application: ASGIApp, listener: Listener, settings: Settings
) -> Iterator[threading.Event]:
    """Serves while the block runs; at its end, answers every request that has arrived.

    Args:
      application: answers.
      listener: of ``bind_port``.
      settings: the time for the last answers, after which requests get a 503, and HTTPS.

    Yields:
      An event that is set if the server ends by itself.

    Raises:
      InputError: the certificate or its key cannot be read.
    """
    parting = min(_PARTING, settings.grace / 4)
    config = _loaded_config(application, listener.slots, settings, parting)
    server = _Server(config, parting)
    ended = threading.Event()

    def run() -> None:
        try:
            server.run([listener])
        finally:
            ended.set()

    listener.listen(config.backlog)
    take_over(listener)
    thread = threading.Thread(target=run, name="http")
    thread.start()
    with _a_line_per_second():
        try:
            # Not the thread: a signal that interrupts a join makes Python take it for ended.
            yield ended
        finally:
            server.should_exit = True
            thread.join()


def _loaded_config(
    application: ASGIApp, slots: Slots, settings: Settings, parting: float
) -> uvicorn.Config:
    config = uvicorn.Config(
        application,
        http=cast(type[asyncio.Protocol], partial(BoundedConnection, slots)),
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=cast(int, max(settings.grace - parting - _LEAVING, 0)),
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
        loop=cast(str, BoundedLoop),
    )
    try:
        config.load()
    except OSError as error:  # one of OpenSSL's, too
        files = ", ".join(str(file) for file in (settings.tls_cert, settings.tls_key) if file)
        raise InputError(
            "--tls-cert",
            expected="a certificate and its key as PEM, the key by --tls-key if in another file",
            received=f"{files} ({error.strerror or error})",
        ) from error
    return config


@contextmanager
def _a_line_per_second() -> Iterator[None]:
    """Bounds what connections can make the server log in the block."""
    quiet = OnePerSecond()
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(quiet)
    try:
        yield
    finally:
        for name in _LOGGERS:
            logging.getLogger(name).removeFilter(quiet)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, parting: float) -> None:
        super().__init__(config)
        self._parting = parting

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Closes a connection only after an answer has announced it to the client."""
        self.server_state.default_headers = [
            *self.server_state.default_headers,
            (b"connection", b"close"),
        ]
        for listener in sockets or []:
            await give_way(cast(Listener, listener))
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        loop = asyncio.get_running_loop()
        end = loop.time() + self._parting
        while self.server_state.connections and loop.time() < end:
            await asyncio.sleep(0.02)
        await super().shutdown(sockets)
