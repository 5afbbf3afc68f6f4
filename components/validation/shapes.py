"""Schemas with dense columns, as TFDV infers them by default."""

import math

from tensorflow_metadata.proto.v0 import schema_pb2


def without_shapes(schema: schema_pb2.Schema) -> schema_pb2.Schema:
    """The same schema, with the number of a row's values in place of their shape.

    It allows the same rows. A shape would make the columns dense tensors, for which the features
    are not written: they take columns in which values may be missing.
    """
    copy = schema_pb2.Schema.FromString(schema.SerializeToString())
    for feature in copy.feature:
        if feature.HasField("shape"):
            size = math.prod(dimension.size for dimension in feature.shape.dim)
            feature.value_count.min = feature.value_count.max = size  # replaces the shape
    return copy
