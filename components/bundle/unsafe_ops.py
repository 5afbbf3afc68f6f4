"""Refuses to export what a loader would refuse: a model that does more than compute."""

from collections.abc import Collection
from pathlib import Path

from huberflow.components.bundle import reload
from huberflow.custom_objects.input_error import InputError


def refuse_unsafe_ops(saved_model: Path, allowed: Collection[str]) -> None:
    """Refuses a model that a loader would refuse: see ``reload.graph_ops.refuse_unsafe_ops``.

    Raises:
      InputError: it has ops that do more than compute, and are not allowed; or one is to be allowed
        that TensorFlow does not have, or that only computes.
    """
    if wrong := reload.graph_ops.wrong_names(allowed):
        expected = reload.graph_ops.ALLOWED
        raise InputError("allow_ops", expected=expected, received=wrong)
    refused = {
        op: deed
        for op, deed in reload.graph_ops.unsafe_ops(saved_model).items()
        if op not in allowed
    }
    if refused:
        options = " ".join(f"--allow-op {op}" for op in refused)
        raise InputError(
            "allow_ops",
            expected="a model that only computes",
            received=reload.graph_ops.in_deeds(refused),
            hint="leave them out, or allow them, here and wherever the model is loaded",
            write=f"allow_ops={[*refused]} in Python, {options} for a verb, "
            f"export.allow_ops: [{', '.join(refused)}] in a config",
        )
