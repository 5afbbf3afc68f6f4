"""A client of an MLflow server or database that fails within seconds, and MLflow's errors."""

import os
import shlex
import socket
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import filelock
import requests
import sqlalchemy
from mlflow import MlflowClient
from mlflow.environment_variables import MLFLOW_HTTP_REQUEST_TIMEOUT
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, ErrorCode
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.system.masking import masked_text
from huberflow.pipeline.system.private_files import make_private
from huberflow.pipeline.tracking.tracker import TrackingError, UnreachableError
from huberflow.pipeline.tracking.workspace_database import follow_move, way_out

LONGEST = 400
"""Characters of MLflow's message; a server may answer with a whole page."""

_ENVIRONMENT = {
    # MLflow would repeat a request for minutes; huberflow delivers again from the journal.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    # No link is printed for each run that ends.
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # No progress bar is drawn for uploads.
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
"""Defaults of settings that MLflow reads only from the environment."""

_FAILURES = (
    MlflowException,
    SQLAlchemyError,
    sqlite3.Error,
    OSError,  # requests' exceptions too
    ImportError,  # the driver of a database
)


def is_server(uri: str) -> bool:
    """Whether the address is one of a server, not of a database."""
    return uri.startswith(("http://", "https://"))


def create_client(uri: str) -> MlflowClient:
    """A client; the database is created where there is none.

    Raises:
      TrackingError: the address is invalid.
      MlflowException, SQLAlchemyError, sqlite3.Error, OSError, ImportError: the database cannot be
        opened.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        if is_server(uri):
            return MlflowClient(tracking_uri=uri, registry_uri=uri)
        return _database_client(uri)
    except (ArgumentError, ValueError) as error:
        wrong = InputError(
            "tracking.uri",
            expected="the address of an MLflow server or database",
            received=repr(masked_text(uri)),
            write="http://127.0.0.1:5000 or sqlite:////data/mlflow.db",
        )
        raise TrackingError(str(wrong)) from error


def _database_client(uri: str) -> MlflowClient:
    """Locks out other processes while MLflow opens a database and creates its tables."""
    url = sqlalchemy.make_url(uri)
    lock: AbstractContextManager[object] = nullcontext()
    file = Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None
    if file is not None:
        make_private(file)
        lock = filelock.FileLock(f"{file}.lock")
    with lock:
        if file is not None:
            follow_move(file)
        # Fails at once where MLflow would try again for two minutes.
        sqlalchemy.inspect(sqlalchemy.create_engine(url)).has_table("experiments")
        return MlflowClient(tracking_uri=uri, registry_uri=uri)


def already_exists(error: MlflowException) -> bool:
    """Whether another process created it first."""
    return error.error_code == ErrorCode.Name(RESOURCE_ALREADY_EXISTS)


@contextmanager
def explained(uri: str, doing: str) -> Iterator[None]:
    """Turns every failure inside into a ``TrackingError`` of one line.

    Args:
      uri: the server's address.
      doing: completes "cannot ...".
    """
    try:
        yield
    except _FAILURES as error:
        server, chain = masked_text(uri), list(_chain(error))
        # A broken connection or a late answer does not count: one large file may cause them.
        unreachable = any(isinstance(e, ConnectionRefusedError | socket.gaierror) for e in chain)
        kind = UnreachableError if unreachable else TrackingError
        raise kind(f"{server}: cannot {doing}: {_why(chain, server)}") from error


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _why(chain: Sequence[BaseException], server: str) -> str:
    error = chain[0]
    message = str(getattr(error, "orig", error))  # SQLAlchemy's message would end with the SQL
    line = masked_text(" ".join(message.split()))
    line = line if len(line) <= LONGEST else f"{line[:LONGEST]}..."
    if any(isinstance(cause, TimeoutError) for cause in chain):
        limit = MLFLOW_HTTP_REQUEST_TIMEOUT
        line, remedy = f"no answer within {limit.get()} s", f"export {limit.name}={6 * limit.get()}"
    elif any(isinstance(cause, requests.ConnectionError) for cause in chain):
        causes = [e.strerror for e in chain if isinstance(e, OSError) and e.strerror]
        innermost = causes[-1] if causes else type(chain[-1]).__name__
        line, remedy = (
            f"it cannot be reached ({innermost})",
            shlex.join(["curl", f"{server.rstrip('/')}/health"]),
        )
    elif "file is not a database" in line or "disk image is malformed" in line:
        remedy = way_out(Path(str(sqlalchemy.make_url(server).database)))
    elif isinstance(error, MlflowException) and error.get_http_status_code() in (401, 403):
        remedy = "export MLFLOW_TRACKING_USERNAME=... MLFLOW_TRACKING_PASSWORD=..."
    else:
        return line
    return f"{line}; write: {remedy}"
