"""The pages of the server, before its model is ready and after."""

import asyncio
import json
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.deploy import protocol
from huberflow.pipeline.deploy.intake import Intake

if TYPE_CHECKING:  # it imports TensorFlow, which takes longer than all else
    from huberflow.pipeline.deploy.scorer import Scorer

_MOST_REQUESTS = 1000
"""At the same time."""

_THREADS = min(32, (os.cpu_count() or 1) + 4)
"""Predictions at the same time; as many as asyncio would choose."""

_ERROR_CODES = {500: "INTERNAL_ERROR", 503: "TEMPORARILY_UNAVAILABLE"}
"""MLflow's codes for HTTP statuses; all others are BAD_REQUEST."""

_UNREAD_BODY = (408, 413, 415, 503)
"""HTTP statuses after which the connection is closed, for the rest of the body is not read."""


@dataclass(frozen=True)
class ServedModel:
    """The model that a server answers with, as ``/ready`` shows it."""

    model: str
    """The folder of the bundle."""
    version: str
    certificate: str
    """The hash of the certificate."""
    device: str


class ReplaceableApp:
    """Passes requests on to an application that can be replaced while the server runs."""

    def __init__(self, application: ASGIApp) -> None:
        self.current = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        await self.current(scope, receive, send)


def waiting_app() -> Starlette:
    """The pages while the model is being checked: the server is alive, but not ready."""

    async def not_ready(_: Request) -> Response:
        return _refusal("the model is being checked; ask /ready until it answers 200", 503)

    anything = Route("/{path:path}", not_ready, methods=["GET", "POST"])
    return Starlette(routes=[*_alive(), anything])


def serving_app(
    scorer: "Scorer", model: ServedModel, most_requests: int = _MOST_REQUESTS
) -> Starlette:
    """The pages of MLflow's scoring server, and ``/ready``.

    Args:
      scorer: answers ``/invocations``; see ``huberflow.pipeline.deploy.protocol``.
      model: for ``/ready``.
      most_requests: for predictions, at the same time; more are answered with 503.
    """
    intake = Intake(most_requests)
    # Not asyncio's own threads, for which its end would wait.
    threads = ThreadPoolExecutor(_THREADS, "predictions")

    async def ready(_: Request) -> Response:
        return JSONResponse(asdict(model))

    async def invocations(request: Request) -> Response:
        try:
            _check_kind(request)
            async with intake.body(request) as body:
                answer = asyncio.get_running_loop().run_in_executor(
                    threads, _predictions, scorer, body
                )
                return Response(await answer, media_type="application/json")
        except HTTPException as error:
            return _refusal(error.detail, error.status_code, error.headers)
        except asyncio.CancelledError:
            return _refusal("the server is being stopped", 503)
        except InputError as error:
            too_large = isinstance(error, protocol.TooLargeError)
            return _refusal(str(error), 413 if too_large else 400)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it

    async def failed(_: Request, error: Exception) -> Response:
        # The log has the traceback.
        return _refusal(f"the model failed: {type(error).__name__}; see the server's log", 500)

    routes = [
        *_alive(),
        Route("/ready", ready),
        Route("/invocations", invocations, methods=["POST"]),
    ]
    return Starlette(routes=routes, exception_handlers={Exception: failed})


def _alive() -> list[Route]:
    async def alive(_: Request) -> Response:
        return Response("\n", media_type="application/json")

    async def huberflow_version(_: Request) -> Response:
        return Response(version("huberflow"), media_type="application/json")

    return [Route("/ping", alive), Route("/health", alive), Route("/version", huberflow_version)]


def _predictions(scorer: "Scorer", body: bytes) -> bytes:
    most_rows = protocol.most_rows(len(scorer.columns) + len(scorer.outputs))
    table = protocol.parse_request(body, scorer.columns, most_rows)
    return protocol.encode_predictions(scorer.predict(table))


def _check_kind(request: Request) -> None:
    kind = request.headers.get("content-type", "none")
    if kind.partition(";")[0].strip().lower() != "application/json":
        detail = f"Content-Type: expected application/json, received {kind[:60]}"
        raise HTTPException(415, detail)


def _refusal(message: str, status: int, more_headers: Mapping[str, str] | None = None) -> Response:
    """An error in the form of MLflow's."""
    headers = {"Connection": "close"} if status in _UNREAD_BODY else {}
    headers |= more_headers or {}
    code = _ERROR_CODES.get(status, "BAD_REQUEST")
    # As ASCII, since a client may have sent half of a character.
    content = json.dumps({"error_code": code, "message": message})
    return Response(content, status, headers, media_type="application/json")
