"""Serves an exported model over HTTP, after a check that it is the one that was trained."""

import gc
import json
import shlex
import socket
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import numpy as np

from huberflow.components.bundle import clean_process, reload
from huberflow.pipeline.deploy.application import (
    ReplaceableApp,
    ServedModel,
    serving_app,
    waiting_app,
)
from huberflow.pipeline.deploy.golden_rows import golden_rows
from huberflow.pipeline.deploy.listening import bind_port, running_server
from huberflow.pipeline.deploy.scorer import Scorer
from huberflow.pipeline.system.interruption import termination_as_interrupt

_WARM_UP = (1, 256)
"""Rows of a small and a large request; the first of each size takes longer than the next."""

_WAIT = 0.5
"""Seconds: a signal that one of TensorFlow's threads receives does not wake the waiting one."""


class ServerError(Exception):
    """The server ended by itself."""


def serve(
    bundle: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    device: str | None = None,
    share_port: bool = False,
    on_ready: Callable[[str, str], None],
) -> None:
    """Checks the model, and answers until Ctrl-C or SIGTERM, requests on their way included.

    ``/health`` answers 200 at once, ``/ready`` once the model is checked and warm. A server that
    shares its port takes connections only then; until then the one that it replaces has them.

    Args:
      bundle: the exported model.
      host: address of this machine to listen on.
      port: 0 for any that is free.
      device: "cpu" or "gpu", where it must run; None for TensorFlow's choice.
      share_port: listen beside another server of this user on this port.
      on_ready: gets the server's URL, and a body for its ``/invocations``.

    Raises:
      InputError: the port is taken, or the address is not one of this machine.
      ReloadError: the bundle is not as it was written, or this machine cannot run it.
      CheckError: a value is further off than the certificate allows.
      ServerError: the server ended by itself.
    """
    app = ReplaceableApp(waiting_app())
    with (
        suppress(KeyboardInterrupt),
        termination_as_interrupt(),
        closing(bind_port(host, port, shared=share_port)) as listener,
    ):
        if share_port:
            body = _load(app, bundle, device)
        with running_server(app, listener) as ended:
            if not share_port:
                body = _load(app, bundle, device)
            on_ready(_url(host, listener), body)
            while not ended.wait(_WAIT):
                pass
            raise ServerError("the server ended by itself; its log says why")


def curl(url: str, body: str) -> str:
    """A command that asks the server for a prediction."""
    return f"curl {url}/invocations -H 'Content-Type: application/json' -d {shlex.quote(body)}"


def _load(app: ReplaceableApp, bundle: Path, device: str | None) -> str:
    """Replaces the app by the model's, once that is checked and warm; a body for a request."""
    reload.verify(bundle)  # before the seconds that the imports take
    clean_process.prepare()
    import tensorflow as tf

    if device == "cpu":
        tf.config.set_visible_devices([], "GPU")
    for gpu in tf.config.list_physical_devices("GPU"):
        # All of its memory otherwise, and none for the server that replaces this one.
        tf.config.experimental.set_memory_growth(gpu, True)
    report = clean_process.check_bundle(bundle, device)
    scorer = Scorer(bundle)
    rows = golden_rows(bundle, scorer.columns)
    for count in _WARM_UP:
        scorer.predict(rows.iloc[np.arange(count) % len(rows)])
    model = ServedModel(str(bundle), bundle.name, scorer.certificate, report["device"])
    gc.freeze()  # Python would look through all of TensorFlow every few requests.
    app.current = serving_app(scorer, model)
    row = rows.iloc[0].dropna().to_dict()
    return json.dumps({"dataframe_records": [row]})


def _url(host: str, listener: socket.socket) -> str:
    port = listener.getsockname()[1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
