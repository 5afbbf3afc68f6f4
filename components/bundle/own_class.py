"""What the class of a model does in training, and whether a reload has that class."""

import json
from collections.abc import Sequence
from pathlib import Path

import tf_keras
from tf_keras.protobuf import saved_metadata_pb2

from huberflow.components.bundle import reload
from huberflow.custom_objects.input_error import InputError

_STEPS = ("train_step", "test_step", "predict_step", "compute_loss", "compute_metrics")


def refuse_state(model: tf_keras.Model) -> None:
    """Raises an ``InputError`` where an answer depends on the batches before it."""
    for layer in model.submodules:
        is_metric = isinstance(layer, tf_keras.metrics.Metric)
        if isinstance(layer, tf_keras.layers.Layer) and layer.stateful and not is_metric:
            kind = type(layer).__name__
            raise InputError(
                "model",
                expected="layers that keep no state from one batch to the next",
                received=f"{kind} {layer.name} with stateful=True",
                hint="build the model again, and give it the weights of this one",
                write=f"{kind}(…, stateful=False)",
            )


def refuse_lost_steps(model: tf_keras.Model, objects: Sequence[reload.CustomObject]) -> None:
    """Raises an ``InputError`` where a class with its own training step does not travel.

    Args:
      model: any.
      objects: what travels with it.
    """
    own = type(model)
    steps = [name for name in _STEPS if not _is_of_keras(getattr(own, name).__module__)]
    travels = any(
        (each["module"], each["class"]) == (own.__module__, own.__qualname__) for each in objects
    )
    if steps and not travels:
        raise InputError(
            "model",
            expected=f"a class that travels, as it has its own {steps[0]}",
            received=f"{own.__qualname__} of {own.__module__}",
            hint="define it at the top of a module that can be imported, with get_config",
            write="def get_config(self): return {…}, the arguments of __init__",
        )


def _is_of_keras(module: str) -> bool:
    return module.partition(".")[0] == "tf_keras"


def lost(model: tf_keras.Model, saved_model: Path) -> str:
    """The class that a saved model had, where Keras loaded it as one of another class."""
    content = (saved_model / "keras_metadata.pb").read_bytes()
    first, *_ = saved_metadata_pb2.SavedMetadata.FromString(content).nodes
    saved = str(json.loads(first.metadata)["class_name"])
    is_made_up = type(model).__module__.startswith("tf_keras.src.saving")
    is_it = saved in (type(model).__name__, tf_keras.saving.get_registered_name(type(model)))
    return "" if is_it and not is_made_up else saved
