"""The file of a pinned schema, in TFX's text form: read, checked, written."""

import hashlib
import shlex
from collections.abc import Collection
from pathlib import Path

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from huberflow.components.validation.shapes import without_shapes
from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.config import Config
from huberflow.pipeline.system.atomic_write import written_atomically

WRITE_FIRST = "huberflow schema write schema.pbtxt"
"""The command that writes a first schema."""


def check_schema(config: Config, columns: Collection[str]) -> None:
    """Checks that a run could use the pinned schema.

    A column of the data that the schema lacks is left to the run: it is an anomaly, which
    ``huberflow schema accept`` accepts.

    Args:
      config: with a pinned schema or without.
      columns: of the data.

    Raises:
      InputError: the file cannot be read, is no schema, or lacks a column that the config needs.
    """
    path = config.data.pinned_schema
    if path is None:
        return
    available = {*columns, *(feature.name for feature in read_schema(path).feature)}
    features = config.features
    text = {*features.categorical, *features.dates, *features.amounts, *features.boolean}
    for column in config.columns():
        if column not in available:
            kind = schema_pb2.BYTES if column in text else schema_pb2.FLOAT
            feature = schema_pb2.Feature(name=column, type=kind)
            written = text_format.MessageToString(feature, as_one_line=True, as_utf8=True)
            raise InputError(
                "data.schema",
                expected="a feature for each column in use",
                received=f"none for {column!r} in {path}",
                hint=f"add it to {path}",
                write=f"feature {{ {written.strip()} }}",
            )


def read_schema(path: Path) -> schema_pb2.Schema:
    """The schema in a file, see ``without_shapes``.

    Raises:
      InputError: there is no such file, or it contains no schema.
    """
    try:
        content = path.expanduser().read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(
            "data.schema",
            expected="a file",
            received=f"{path} ({error.strerror})",
            write=f"huberflow schema write {shlex.quote(str(path))}",
        ) from error
    except UnicodeDecodeError as error:
        raise _no_schema(path, "it is not text") from error
    try:
        schema = text_format.Parse(content, schema_pb2.Schema())
    except text_format.ParseError as error:
        raise _no_schema(path, " ".join(str(error).split()).rstrip(".")) from error
    if not schema.feature:
        raise _no_schema(path, "it has no feature")
    return without_shapes(schema)


def number_types(path: Path | None) -> dict[str, str]:
    """``INT`` or ``FLOAT`` for the columns of numbers of a pinned schema; none without a schema.

    Raises:
      InputError: see ``read_schema``.
    """
    features = read_schema(path).feature if path else ()
    types = {feature.name: schema_pb2.FeatureType.Name(feature.type) for feature in features}
    return {name: kind for name, kind in types.items() if kind in ("INT", "FLOAT")}


def _no_schema(path: Path, reason: str) -> InputError:
    return InputError(
        "data.schema",
        expected="a schema in TFX's text form",
        received=f"{path}: {reason}",
        write=WRITE_FIRST,
    )


def write_schema(schema: schema_pb2.Schema, path: Path) -> None:
    """Replaces the file atomically.

    Raises:
      InputError: it cannot be written.
    """
    try:
        with written_atomically(path) as temporary:
            temporary.write_text(text_format.MessageToString(schema), encoding="utf-8")
    except OSError as error:
        raise InputError(
            "the schema's file",
            expected="a file that can be written",
            received=f"{path} ({error.strerror})",
        ) from error


def file_digest(path: Path) -> str:
    """A hash of the file's content, for TFX's cache, which sees no more than the path."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
