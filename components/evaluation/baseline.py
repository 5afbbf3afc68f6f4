"""The baseline: the model that a candidate has to beat, and whether they can be compared."""

from pathlib import Path

import tensorflow as tf
from ml_metadata.metadata_store import MetadataStore
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform.tf_metadata import schema_utils
from tfx import types
from tfx.components.evaluator import constants
from tfx.dsl.components.common import resolver

from huberflow.components.serving import signatures

_TYPE_NAMES = {tf.string: "text", tf.int64: "whole numbers", tf.float32: "numbers with fractions"}


class LastBlessedOther(resolver.ResolverStrategy):
    """Selects the last blessed model that is not the candidate.

    TFX's own strategy would select the candidate on a second run with nothing changed, so that the
    Evaluator would run again to compare a model with itself.

    Args:
      newest: id of the newest artifact that may be selected; None: any. All runs of a sweep are
        compared with the same model, blessed before the sweep began.
    """

    def __init__(self, newest: int | None = None) -> None:
        self._newest = newest

    def resolve_artifacts(
        self, store: MetadataStore, input_dict: dict[str, list[types.Artifact]]
    ) -> dict[str, list[types.Artifact]]:
        """Keeps at most one of ``model``, and its ``blessing``; ``candidate`` stays as it is."""
        del store
        candidates = {model.id for model in input_dict["candidate"]}
        models = {model.id: model for model in input_dict["model"]}
        for blessing in sorted(input_dict["blessing"], key=lambda b: b.id, reverse=True):
            blessed = blessing.get_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY)
            model = blessing.get_int_custom_property(
                constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY
            )
            is_old_enough = self._newest is None or blessing.id <= self._newest
            if is_old_enough and blessed and model in models and model not in candidates:
                return {**input_dict, "model": [models[model]], "blessing": [blessing]}
        return {**input_dict, "model": [], "blessing": []}


def why_incomparable(baseline: Path, candidate: Path, schema: schema_pb2.Schema) -> str | None:
    """Why a baseline cannot be compared with a candidate; None if it can.

    Args:
      baseline: its SavedModel.
      candidate: its SavedModel.
      schema: of the raw rows that both would be evaluated on.
    """
    if signatures.output_names(baseline) != signatures.output_names(candidate):
        return "it answers with other outputs"
    types_now = {
        name: spec.dtype
        for name, spec in schema_utils.schema_as_feature_spec(schema).feature_spec.items()
    }
    retyped = [
        f"{name} as {_TYPE_NAMES[dtype]}, which holds {_TYPE_NAMES[types_now[name]]} now"
        for name, dtype in signatures.parsed_columns(baseline).items()
        if types_now.get(name, dtype) != dtype
    ]
    return f"it reads {'; '.join(retyped)}" if retyped else None
