"""The baseline: selects the model to compare a candidate with, and checks that this is possible."""

from pathlib import Path

import tensorflow as tf
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform.tf_metadata import schema_utils
from tfx.components.evaluator import constants

from huberflow.components.serving import signatures
from huberflow.components.serving.parsing_spec import parsing_spec
from huberflow.components.validation.earlier_data import LastAcceptedOther

_TYPE_NAMES = {tf.string: "text", tf.int64: "whole numbers", tf.float32: "numbers with fractions"}


class LastBlessedOther(LastAcceptedOther):
    """Selects the last blessed model that is not the candidate.

    If nothing has changed since the last run, TFX's own strategy would select the candidate, and
    the Evaluator would run again to compare the model with itself.
    """

    CURRENT, ARTIFACTS, VERDICTS = "candidate", "model", "blessing"
    ARTIFACT_ID = constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY
    IS_ACCEPTED = constants.ARTIFACT_PROPERTY_BLESSED_KEY


def why_incomparable(baseline: Path, candidate: Path, schema: schema_pb2.Schema) -> str | None:
    """The reason why a baseline cannot be compared with a candidate; None if it can.

    Args:
      baseline: the SavedModel of the baseline.
      candidate: the SavedModel of the candidate.
      schema: the schema of the rows that both would be evaluated on.
    """
    if signatures.output_names(baseline) != signatures.output_names(candidate):
        return "it has different outputs"
    types_now = {
        name: spec.dtype
        for name, spec in schema_utils.schema_as_feature_spec(schema).feature_spec.items()
    }
    retyped = [
        f"{name} as {_TYPE_NAMES[column.dtype]}, which holds {_TYPE_NAMES[types_now[name]]} now"
        for name, column in parsing_spec(baseline, "serving_default").items()
        if types_now.get(name, column.dtype) != column.dtype
    ]
    return f"it reads {'; '.join(retyped)}" if retyped else None
