"""The pages of the server, before its model is ready and after."""

import asyncio
import json
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from huberflow.pipeline.deploy import protocol
from huberflow.pipeline.deploy.protocol import RequestError
from huberflow.pipeline.deploy.scorer import Scorer, ScoringError

MOST_BYTES = 64 * 2**20
"""Of a request's body."""

PATIENCE = 60.0
"""Seconds that a client may take to send a body."""


class Gate:
    """An application that another one can take the place of while it runs."""

    def __init__(self) -> None:
        self.behind: ASGIApp = waiting()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        await self.behind(scope, receive, send)


def waiting() -> Starlette:
    """Alive, but not ready: the model is still being checked."""

    async def not_yet(_: Request) -> Response:
        return _refusal("the model is being checked; ask /ready until it answers 200", 503)

    anything = Route("/{path:path}", not_yet, methods=["GET", "POST"])
    return Starlette(routes=[*_alive(), anything])


def serving(scorer: Scorer, about: Mapping[str, Any]) -> Starlette:
    """The pages of MLflow's scoring server, and ``/ready``.

    Args:
      scorer: answers ``/invocations``; see ``huberflow.pipeline.deploy.protocol``.
      about: the model, for ``/ready``; plain JSON.
    """

    async def ready(_: Request) -> Response:
        return JSONResponse(dict(about))

    async def invocations(request: Request) -> Response:
        try:
            body = await _body(request)
            return Response(
                await asyncio.to_thread(_scored, scorer, body), media_type="application/json"
            )
        except RequestError as error:
            return _refusal(str(error), error.status)
        except ScoringError as error:
            return _refusal(str(error), 400)
        except ClientDisconnect:
            return Response(status_code=400)  # Nobody is there to read it.

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

    async def ours(_: Request) -> Response:
        return Response(version("huberflow"), media_type="application/json")

    return [Route("/ping", alive), Route("/health", alive), Route("/version", ours)]


def _scored(scorer: Scorer, body: bytes) -> bytes:
    return protocol.answer(scorer.predict(protocol.table(body)))


async def _body(request: Request) -> bytes:
    kind = request.headers.get("content-type", "none")
    if kind.partition(";")[0].strip().lower() != "application/json":
        raise RequestError(f"Content-Type: expected application/json, received {kind[:60]}", 415)
    _check_size(int(request.headers.get("content-length", 0)))
    body = bytearray()
    try:
        async with asyncio.timeout(PATIENCE):
            async for part in request.stream():
                body += part
                _check_size(len(body))
    except TimeoutError as error:
        raise RequestError(f"the body did not arrive within {PATIENCE:g} seconds", 408) from error
    return bytes(body)


def _check_size(count: int) -> None:
    if count > MOST_BYTES:
        raise RequestError(f"expected a body of at most {MOST_BYTES:,} bytes", 413)


def _refusal(message: str, status: int) -> Response:
    """In the form of MLflow's; the connection ends where the rest of a body is not waited for."""
    headers = {"Connection": "close"} if status in (408, 413, 415) else {}
    # As ASCII, since a client may have sent half of a character.
    content = json.dumps({"error_code": _CODES.get(status, "INTERNAL_ERROR"), "message": message})
    return Response(content, status, headers, media_type="application/json")


_CODES = {
    400: "BAD_REQUEST",
    408: "BAD_REQUEST",
    413: "BAD_REQUEST",
    415: "BAD_REQUEST",
    503: "TEMPORARILY_UNAVAILABLE",
}
