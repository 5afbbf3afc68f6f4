"""The baseline: the model that a candidate has to beat, and whether they can be compared."""

from pathlib import Path

import tensorflow as tf
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform.tf_metadata import schema_utils
from tfx.components.evaluator import constants

from huberflow.components.serving import signatures
from huberflow.components.validation.earlier_data import LastAcceptedOther

_TYPE_NAMES = {tf.string: "text", tf.int64: "whole numbers", tf.float32: "numbers with fractions"}


class LastBlessedOther(LastAcceptedOther):
    """Selects the last blessed model that is not the candidate.

    TFX's own strategy would select the candidate on a second run with nothing changed, so that the
    Evaluator would run again to compare a model with itself.
    """

    CURRENT, ARTIFACTS, VERDICTS = "candidate", "model", "blessing"
    ARTIFACT_ID = constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY
    IS_ACCEPTED = constants.ARTIFACT_PROPERTY_BLESSED_KEY


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
