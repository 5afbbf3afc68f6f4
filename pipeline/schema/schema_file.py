"""The schema that a user pins and curates: a text file, as TFX writes it."""

import hashlib
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from huberflow.pipeline.config import Config
from huberflow.pipeline.system.atomic_write import written_atomically


class SchemaError(ValueError):
    """A schema cannot be used; one line for the user: expected, received, what to write."""


def check(config: Config, columns: Iterable[str]) -> None:
    """Refuses a pinned schema that no run could use.

    A column that the data have and the schema lacks is no such thing: the run finds it, and
    ``huberflow schema accept`` takes it in.

    Raises:
      SchemaError: it is not there, is no schema, or lacks a column that the config needs.
    """
    path = config.data.pinned_schema
    if path is None:
        return
    known = {feature.name for feature in read(path).feature}
    known |= set(columns)
    for column, kind in _needed(config).items():
        if column not in known:
            raise SchemaError(
                f"data.schema: expected a feature for each column in use, received none for "
                f"{column!r} in {path}; write there, for example: "
                f'feature {{ name: "{column}" type: {kind} }}'
            )


def _needed(config: Config) -> Mapping[str, str]:
    """The type that each column in use is likely to have."""
    text = {*config.features.categorical, *config.features.dates}
    return {column: "BYTES" if column in text else "FLOAT" for column in config.columns()}


def read(path: Path) -> Any:
    """The schema in a file.

    Raises:
      SchemaError: there is no such file, or it holds no schema.
    """
    try:
        content = path.expanduser().read_text(encoding="utf-8")
    except OSError as error:
        raise SchemaError(
            f"data.schema: expected a file, received {path} ({error.strerror}); "
            f"write a first one with: huberflow schema write {shlex.quote(str(path))}"
        ) from error
    except UnicodeDecodeError as error:
        raise _no_schema(path, "it is not text") from error
    try:
        schema = text_format.Parse(content, schema_pb2.Schema())
    except text_format.ParseError as error:
        raise _no_schema(path, " ".join(str(error).split()).rstrip(".")) from error
    if not schema.feature:
        raise _no_schema(path, "it has no feature")
    return schema


def _no_schema(path: Path, reason: str) -> SchemaError:
    return SchemaError(
        f"data.schema: expected a schema in TFX's text form, received {path}: {reason}; "
        "write a first one with: huberflow schema write schema.pbtxt"
    )


def write(schema: Any, path: Path) -> None:
    """Replaces the file, all at once.

    Raises:
      SchemaError: it cannot be written.
    """
    try:
        with written_atomically(path) as temporary:
            temporary.write_text(text_format.MessageToString(schema), encoding="utf-8")
    except OSError as error:
        raise SchemaError(
            f"expected a file that can be written, received {path} ({error.strerror}); "
            "write: huberflow schema write schema.pbtxt"
        ) from error


def digest(path: Path) -> str:
    """Of the file's content, for TFX's cache, which sees no more than the path."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
