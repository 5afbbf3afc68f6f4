"""Connections to ML Metadata that wait while another program has locked the store."""

import time
from pathlib import Path
from typing import TypeVar

import ml_metadata
from ml_metadata.proto import metadata_store_pb2 as pb

Connection = TypeVar("Connection", pb.ConnectionConfig, pb.MetadataStoreClientConfig)


def sqlite_connection(path: Path) -> pb.ConnectionConfig:
    """The connection to a store in a file, which waits while another program has locked it."""
    config = pb.ConnectionConfig()
    config.sqlite.filename_uri = str(path)
    return patient(config)


def patient(connection: Connection) -> Connection:
    """The same connection; calls wait while another program has locked the store.

    By default they give up after a quarter of a minute. ``lock_watch`` tells who has locked it.
    """
    if isinstance(connection, pb.ConnectionConfig):  # else a server, with patience of its own
        connection.retry_options.max_num_retries = 2**31
    return connection


def open_store(connection: pb.ConnectionConfig) -> ml_metadata.MetadataStore:
    """Opens a store; waits while another program has locked it.

    Raises:
      RuntimeError, errors.StatusError: it cannot be opened.
    """
    at_once = 0
    while True:
        began = time.monotonic()
        try:
            return ml_metadata.MetadataStore(connection)
        except RuntimeError as error:
            # ML Metadata takes a locked store for one whose tables another process creates.
            locked = "retry the connection" in str(error) or "aborted" in str(error)
            at_once = at_once + 1 if time.monotonic() - began < 1 else 0
            if not locked or at_once == 3:
                raise
            time.sleep(0.2)


def store_error(error: Exception) -> str:
    """Why ML Metadata cannot open a store, without the query that follows."""
    _, *message = str(error).split(" query: ")
    return message[0] if message else str(error)
