"""TFX's cache keys, without the place of the workspace: they hold wherever it is moved to."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from ml_metadata.proto import metadata_store_pb2 as pb
from tfx import types
from tfx.orchestration.portable import cache_utils

from huberflow.pipeline.history.moved_workspace import writer_root

_root: ContextVar[Path | None] = ContextVar("root", default=None)
_get_cache_context = cache_utils.get_cache_context


@contextmanager
def independent_of(root: Path | None) -> Iterator[None]:
    """In the block keys hold no path below ``root``; None: they are TFX's own."""
    token = _root.set(root)
    try:
        yield
    finally:
        _root.reset(token)


def _movable_context(
    *,
    input_artifacts: Mapping[str, Sequence[types.Artifact]] | None = None,
    parameters: Mapping[str, Any] | None = None,
    **others: Any,
) -> pb.Context:
    """As ``cache_utils.get_cache_context``, which the launcher calls."""
    root = _root.get()
    if root is not None:
        inputs = input_artifacts or {}
        places = [Path(each.uri) for artifacts in inputs.values() for each in artifacts]
        # Where the inputs are another workspace's, so is what its Pusher has published.
        if all(path.is_relative_to(root) for path in places):
            parameters = {
                key: _below(root, value) if isinstance(value, str) else value
                for key, value in (parameters or {}).items()
            }
        input_artifacts = {key: list(map(_without_place, found)) for key, found in inputs.items()}
    return _get_cache_context(input_artifacts=input_artifacts, parameters=parameters, **others)


# The launcher offers no other way to change the key.
cache_utils.get_cache_context = _movable_context


def _without_place(artifact: types.Artifact) -> types.Artifact:
    copied = copy.deepcopy(artifact)
    root = writer_root(Path(artifact.uri))
    if root is not None:
        record = copied.mlmd_artifact
        record.uri = _below(root, record.uri)
        record.ClearField("last_update_time_since_epoch")  # of the correction after a move
        for value in (*record.properties.values(), *record.custom_properties.values()):
            if value.HasField("string_value"):
                value.string_value = _below(root, value.string_value)
    return copied


def _below(root: Path, text: str) -> str:
    return text.replace(f"{root}/", "<workspace>/")
