"""Finds the model that a candidate has to beat, and says whether it can be held beside it."""

from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow_transform.tf_metadata import schema_utils
from tfx.components.evaluator import constants
from tfx.dsl.components.common import resolver

from huberflow.components.serving import signatures

_WORDS = {tf.string: "text", tf.int64: "whole numbers", tf.float32: "numbers with fractions"}


class LastBlessedOther(resolver.ResolverStrategy):
    """The model blessed last, the candidate itself left out.

    TFX's own strategy would find the candidate on a second run with nothing changed, so that the
    Evaluator would run again to compare a model with itself.

    Args:
      newest: id of the newest artifact that counts, or none: all do. The runs of a sweep are held
        against the same model, blessed before the sweep began.
    """

    def __init__(self, newest: int | None = None) -> None:
        self._newest = newest

    def resolve_artifacts(
        self, store: Any, input_dict: dict[str, list[Any]]
    ) -> dict[str, list[Any]]:
        """Keeps at most one of ``model``, and its ``blessing``; ``candidate`` stays as it is."""
        del store
        candidates = {model.id for model in input_dict["candidate"]}
        models = {model.id: model for model in input_dict["model"]}
        found: dict[str, list[Any]] = {**input_dict, "model": [], "blessing": []}
        for blessing in sorted(input_dict["blessing"], key=lambda b: b.id, reverse=True):
            blessed = blessing.get_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY)
            model = blessing.get_int_custom_property(
                constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY
            )
            counts = self._newest is None or blessing.id <= self._newest
            if counts and blessed and model in models and model not in candidates:
                found |= {"model": [models[model]], "blessing": [blessing]}
                break
        return found


def why_set_aside(baseline: Path, candidate: Path, schema: Any) -> str | None:
    """Why a baseline cannot be held beside a candidate, or None.

    Args:
      baseline: its SavedModel.
      candidate: the SavedModel to judge.
      schema: of the raw rows that both would be asked about.
    """
    if signatures.outputs(baseline) != signatures.outputs(candidate):
        return "it answers with other outputs"
    today = {
        name: spec.dtype
        for name, spec in schema_utils.schema_as_feature_spec(schema).feature_spec.items()
    }
    retyped = [
        f"{name} as {_WORDS[kind]}, which holds {_WORDS[today[name]]} now"
        for name, kind in signatures.columns_read(baseline).items()
        if today.get(name, kind) != kind
    ]
    return f"it reads {'; '.join(retyped)}" if retyped else None
