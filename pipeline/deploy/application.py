"""The pages of the server, before its model is ready and after."""

import asyncio
import json
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from email.message import Message
from importlib.metadata import version
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.deploy import predict_api, protocol
from huberflow.pipeline.deploy.intake import Intake
from huberflow.pipeline.deploy.metrics import Metrics
from huberflow.pipeline.deploy.request_csv import parse_csv

if TYPE_CHECKING:  # it imports TensorFlow, which takes longer than all else
    from huberflow.pipeline.deploy.scorer import Scorer

_MOST_REQUESTS = 1000
"""At the same time."""

_THREADS = min(32, (os.cpu_count() or 1) + 4)
"""Predictions at the same time; as many as asyncio would choose."""

_ERROR_CODES = {500: "INTERNAL_ERROR", 503: "TEMPORARILY_UNAVAILABLE"}
"""MLflow's codes for HTTP statuses; all others are BAD_REQUEST."""


@dataclass(frozen=True)
class ServedModel:
    """The model that a server answers with, as ``/ready`` shows it."""

    model: str
    """The folder of the bundle."""
    version: str
    """The folder's name."""
    certificate: str
    """The hash of the certificate."""
    device: str
    name: str = "model"
    """In the addresses of TensorFlow Serving's REST."""


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
    """The pages of MLflow's scoring server, of TensorFlow Serving's REST, and ``/ready``.

    Args:
      scorer: answers; see ``huberflow.pipeline.deploy.protocol`` and its neighbours.
      model: for ``/ready``.
      most_requests: for predictions, at the same time; more are answered with 503.
    """
    answers = _Answers(scorer, most_requests)

    async def ready(_: Request) -> Response:
        return JSONResponse(asdict(model))

    async def invocations(request: Request) -> Response:
        kind = request.headers.get("content-type", "none")
        predict = _reader(kind)
        if predict is None:
            return _refusal(_unread(kind), 415)
        return await answers.answer(request, predict, _refusal)

    async def failed(_: Request, error: Exception) -> Response:
        # The log has the traceback.
        return _refusal(f"the model failed: {type(error).__name__}; see the server's log", 500)

    routes = [
        *_alive(),
        Route("/ready", ready),
        Route("/invocations", invocations, methods=["POST"]),
        *_predict_api(answers, model),
    ]
    return Starlette(routes=routes, exception_handlers={Exception: failed})


def with_metrics(application: ASGIApp, metrics: Metrics) -> Starlette:
    """An application, and ``/metrics``."""
    return Starlette(routes=[Route("/metrics", metrics.page), Mount("", application)])


_Predict = Callable[["Scorer", bytes, int], tuple[bytes, int]]
"""Gets a body, and how many rows it may have; returns an answer, and how many it has."""


def _from_json(scorer: "Scorer", body: bytes, most_rows: int) -> tuple[bytes, int]:
    table = protocol.parse_request(body, scorer.columns, most_rows)
    return protocol.encode_predictions(scorer.predict(table)), len(table)


def _from_csv(scorer: "Scorer", body: bytes, most_rows: int) -> tuple[bytes, int]:
    table = parse_csv(body, scorer.columns, most_rows)
    return protocol.encode_predictions(scorer.predict(table)), len(table)


_READERS: Mapping[str, _Predict] = {"application/json": _from_json, "text/csv": _from_csv}
"""By the content type of MLflow's requests."""


def _reader(content_type: str) -> _Predict | None:
    kind = Message()
    kind["Content-Type"] = content_type
    in_utf8 = kind.get_content_charset("utf-8") in ("utf-8", "utf8", "us-ascii")
    return _READERS.get(kind.get_content_type()) if in_utf8 else None


def _unread(content_type: str) -> str:
    kinds = " or ".join(_READERS)
    hint = "; `huberflow predict` reads files of Parquet" if "parquet" in content_type else ""
    return f"Content-Type: expected {kinds} in UTF-8, received {content_type[:60]}{hint}"


class _Answers:
    """Predictions, each in a thread, for requests of any form."""

    def __init__(self, scorer: "Scorer", most_requests: int) -> None:
        self._scorer, self._intake = scorer, Intake(most_requests)
        self._most_rows = protocol.most_rows(len(scorer.columns) + len(scorer.outputs))
        # Not asyncio's own threads, for which its end would wait.
        self._threads = ThreadPoolExecutor(_THREADS, "predictions")

    async def answer(
        self, request: Request, predict: _Predict, refusal: Callable[..., Response]
    ) -> Response:
        """The answer, or what ``refusal`` makes of a message, a status and headers."""
        try:
            async with self._intake.body(request) as body:
                work = self._threads.submit(predict, self._scorer, body, self._most_rows)
                content, request.state.rows = await asyncio.wrap_future(work)
                return Response(content, media_type="application/json")
        except HTTPException as error:
            return refusal(error.detail, error.status_code, error.headers)
        except asyncio.CancelledError:
            return refusal("the server is being stopped", 503)
        except InputError as error:
            too_large = isinstance(error, protocol.TooLargeError)
            return refusal(str(error), 413 if too_large else 400)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it


def _predict_api(answers: _Answers, model: ServedModel) -> list[Route]:
    """The pages of TensorFlow Serving's REST."""
    served = int(model.version) if model.version.isdecimal() else 1

    def unknown(request: Request) -> Response | None:
        name, version = request.path_params["name"], request.path_params.get("version", served)
        if (name, version) == (model.name, served):
            return None
        return _error(f"expected /v1/models/{model.name}, or its /versions/{served}", 404)

    async def status(request: Request) -> Response:
        return unknown(request) or JSONResponse(predict_api.model_status(str(served)))

    async def predict(request: Request) -> Response:
        return unknown(request) or await answers.answer(request, predict_api.predict, _error)

    page, version = "/v1/models/{name}", "/versions/{version:int}"
    return [
        Route(f"{page}:predict", predict, methods=["POST"]),
        Route(f"{page}{version}:predict", predict, methods=["POST"]),
        Route(page, status),
        Route(f"{page}{version}", status),
    ]


def _alive() -> list[Route]:
    async def alive(_: Request) -> Response:
        return Response("\n", media_type="application/json")

    async def huberflow_version(_: Request) -> Response:
        return Response(version("huberflow"), media_type="application/json")

    return [Route("/ping", alive), Route("/health", alive), Route("/version", huberflow_version)]


def _error(message: str, status: int, more_headers: Mapping[str, str] | None = None) -> Response:
    """An error in the form of TensorFlow Serving's."""
    return _failure({"error": message}, status, more_headers)


def _refusal(message: str, status: int, more_headers: Mapping[str, str] | None = None) -> Response:
    """An error in the form of MLflow's."""
    code = _ERROR_CODES.get(status, "BAD_REQUEST")
    return _failure({"error_code": code, "message": message}, status, more_headers)


def _failure(
    error: Mapping[str, str], status: int, more_headers: Mapping[str, str] | None
) -> Response:
    # As ASCII, since a client may have sent half of a character.
    content = json.dumps(error)
    return Response(content, status, dict(more_headers or {}), "application/json")
