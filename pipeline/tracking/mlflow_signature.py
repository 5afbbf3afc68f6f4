"""A signature of a SavedModel in MLflow's terms."""

from collections.abc import Mapping, Sequence

import numpy as np
from mlflow.models import ModelSignature
from mlflow.types.schema import AnyType, ColSpec, Schema, TensorSpec

from huberflow.components.bundle import reload

COLUMNS = "columns"
"""The signature that takes raw columns, any of which may be missing: see ``pyfunc_code``."""


def signature_of(certificate: reload.Certificate, name: str) -> ModelSignature:
    """MLflow's signature for one of a bundle: of tensors, or for raw columns of a table."""
    tensors = certificate["signatures"][name]
    if name == COLUMNS:
        kinds = {
            output: "string" if tensor["dtype"] == "string" else "double"
            for output, tensor in tensors["outputs"].items()
        }
        return columns_signature(list(tensors["inputs"]), kinds)
    inputs = {name: _as_given(tensor) for name, tensor in tensors["inputs"].items()}
    return ModelSignature(_schema(inputs), _schema(tensors["outputs"]))


def _schema(tensors: Mapping[str, reload.layout.Tensor]) -> Schema:
    """A single tensor has no name, as MLflow infers it: its array is passed as it is."""
    return Schema(
        [
            TensorSpec(
                np.dtype(object if tensor["dtype"] == "string" else tensor["dtype"]),
                [-1 if length is None else length for length in tensor["shape"]],
                name if len(tensors) > 1 else None,
            )
            for name, tensor in tensors.items()
        ]
    )


def _as_given(tensor: reload.layout.Tensor) -> reload.layout.Tensor:
    """An input that MLflow passes as it is, where it would make 1 of 1.7 in a table."""
    is_whole = tensor["dtype"].startswith(("int", "uint", "bool"))
    if is_whole and tensor["shape"] in ([None], [None, 1]):
        return {"dtype": "object", "shape": [None]}
    return tensor


def columns_signature(inputs: Sequence[str], outputs: Mapping[str, str]) -> ModelSignature:
    """MLflow's signature of a model of raw columns: each is optional and of type Any.

    For ``double`` MLflow would refuse a table with whole numbers (int64), and for ``string`` it
    would read null in ``{"inputs": …}`` as the text "None". The model converts and validates
    instead. The price: MLflow's server then takes rows as JSON only, not as CSV.

    Args:
      inputs: the columns.
      outputs: for each output MLflow's type.
    """
    return ModelSignature(
        Schema([ColSpec(AnyType(), name, required=False) for name in inputs]),
        Schema([ColSpec(kind, name) for name, kind in outputs.items()]),
    )
