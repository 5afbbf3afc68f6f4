"""Turns MLflow's errors into one line for the user."""

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import requests
from mlflow.environment_variables import MLFLOW_HTTP_REQUEST_TIMEOUT
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, ErrorCode
from sqlalchemy.exc import SQLAlchemyError

from huberflow.pipeline.system.masking import masked_text
from huberflow.pipeline.tracking.tracker import TrackingError, UnreachableError

LONGEST = 400
"""Characters of MLflow's message; a server may answer with a whole page."""

_FAILURES = (
    MlflowException,
    SQLAlchemyError,
    OSError,  # requests' exceptions too
    ImportError,  # the driver of a database
)


def already_exists(error: MlflowException) -> bool:
    """Whether another process created it first."""
    return error.error_code == ErrorCode.Name(RESOURCE_ALREADY_EXISTS)


@contextmanager
def explained(uri: str, doing: str) -> Iterator[None]:
    """Turns every failure inside into a ``TrackingError``.

    Args:
      uri: the server's address.
      doing: completes "cannot ...".
    """
    try:
        yield
    except _FAILURES as error:
        server, chain = masked_text(uri), list(_chain(error))
        kind = UnreachableError if _is_unreachable(chain) else TrackingError
        raise kind(f"{server}: cannot {doing}: {_why(error, chain, server)}") from error


def _is_unreachable(chain: Sequence[BaseException]) -> bool:
    """A broken connection or a late answer does not count: one large file may cause them."""
    return any(isinstance(cause, ConnectionRefusedError | socket.gaierror) for cause in chain)


def _why(error: BaseException, chain: Sequence[BaseException], server: str) -> str:
    if any(isinstance(cause, TimeoutError) for cause in chain):
        seconds = MLFLOW_HTTP_REQUEST_TIMEOUT.get()
        return (
            f"no answer within {seconds} s; write: export MLFLOW_HTTP_REQUEST_TIMEOUT={6 * seconds}"
        )
    if any(isinstance(cause, requests.ConnectionError) for cause in chain):
        return (
            f"it cannot be reached ({_innermost(chain)}); write: curl {server.rstrip('/')}/health"
        )
    if isinstance(error, MlflowException) and error.get_http_status_code() in (401, 403):
        return (
            f"{_line(error)}; write: "
            "export MLFLOW_TRACKING_USERNAME=... MLFLOW_TRACKING_PASSWORD=..."
        )
    return _line(error)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _innermost(chain: Sequence[BaseException]) -> str:
    system = [cause.strerror for cause in chain if isinstance(cause, OSError) and cause.strerror]
    return system[-1] if system else type(chain[-1]).__name__


def _line(error: BaseException) -> str:
    message = str(getattr(error, "orig", error))  # SQLAlchemy's message would end with the SQL
    text = masked_text(" ".join(message.split()))
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
