"""Creates a client of an MLflow server or database that fails within seconds."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import filelock
import sqlalchemy
from mlflow import MlflowClient
from sqlalchemy.exc import ArgumentError

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.system.masking import masked_text
from huberflow.pipeline.tracking.tracker import TrackingError

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


def is_server(uri: str) -> bool:
    """Whether the address is one of a server, not of a database."""
    return uri.startswith(("http://", "https://"))


def create_client(uri: str) -> MlflowClient:
    """A client; the database is created where there is none.

    Raises:
      TrackingError: the address is invalid.
      MlflowException, SQLAlchemyError, OSError, ImportError: the database cannot be opened.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        with nullcontext() if is_server(uri) else _database_lock(uri):
            return MlflowClient(tracking_uri=uri, registry_uri=uri)
    except (ArgumentError, ValueError) as error:
        wrong = InputError(
            "tracking.uri",
            expected="the address of an MLflow server or database",
            received=repr(masked_text(uri)),
            write="http://127.0.0.1:5000 or sqlite:////data/mlflow.db",
        )
        raise TrackingError(str(wrong)) from error


@contextmanager
def _database_lock(database: str) -> Iterator[None]:
    """Locks out other processes while MLflow opens a database and creates its tables."""
    url = sqlalchemy.make_url(database)
    lock: AbstractContextManager[object] = nullcontext()
    if url.get_backend_name() == "sqlite" and url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(f"{url.database}.lock")
    with lock:
        # Fails at once where MLflow would try again for two minutes.
        sqlalchemy.inspect(sqlalchemy.create_engine(url)).has_table("experiments")
        yield
