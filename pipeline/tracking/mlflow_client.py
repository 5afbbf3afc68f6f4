"""A client of one MLflow server or database, which fails within seconds."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import filelock
import sqlalchemy
from mlflow import MlflowClient
from sqlalchemy.exc import ArgumentError

from huberflow.pipeline.system.masking import masked_text
from huberflow.pipeline.tracking.tracker import TrackingError

_ENVIRONMENT = {
    # Fail within seconds: MLflow would repeat a request for minutes, but a run that could not be
    # delivered is delivered again from its journal.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    # Print no link for each run that ends.
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # Draw no bar for files that move.
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
"""What MLflow reads from the environment alone, at each request; what the user has set stays."""


def is_server(uri: str) -> bool:
    """Whether an MLflow server is asked, not a database."""
    return uri.startswith(("http://", "https://"))


def connect(uri: str) -> MlflowClient:
    """A client; the database is created where there is none.

    Raises:
      TrackingError: the address is none.
      MlflowException, SQLAlchemyError, OSError, ImportError: the database cannot be opened.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        with nullcontext() if is_server(uri) else _held(uri):
            return MlflowClient(tracking_uri=uri, registry_uri=uri)
    except (ArgumentError, ValueError) as error:
        raise TrackingError(
            "tracking.uri: expected the address of an MLflow server or database, such as "
            f"http://127.0.0.1:5000 or sqlite:////data/mlflow.db, received {masked_text(uri)!r}"
        ) from error


@contextmanager
def _held(database: str) -> Iterator[None]:
    """Keeps other processes off a database while MLflow opens it, and creates its tables."""
    url = sqlalchemy.make_url(database)
    lock: AbstractContextManager[object] = nullcontext()
    if url.get_backend_name() == "sqlite" and url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(f"{url.database}.lock")
    with lock:
        # Where this fails, MLflow would try again for two minutes.
        sqlalchemy.inspect(sqlalchemy.create_engine(url)).has_table("experiments")
        yield
