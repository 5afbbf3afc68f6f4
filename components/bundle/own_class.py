"""What the class of a model does in training, and whether a reload has that class."""

import inspect
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import tf_keras
from tf_keras.protobuf import saved_metadata_pb2

from huberflow.components.bundle import bundle_source, reload
from huberflow.custom_objects.input_error import InputError

_STEPS = ("train_step", "test_step", "predict_step", "compute_loss", "compute_metrics")


def refuse_lost_steps(model: tf_keras.Model, objects: Sequence[reload.layout.CustomObject]) -> None:
    """Raises an ``InputError`` where a class with its own training step does not travel.

    Args:
      model: any.
      objects: what travels with it.
    """
    own = type(model)
    steps = [name for name in _STEPS if not _is_of_keras(getattr(own, name).__module__)]
    if steps and not _travels(own, objects):
        is_imported = str(own.__module__) in sys.modules
        raise InputError(
            "model",
            expected=f"a class that travels, as it has its own {steps[0]}",
            received=f"{own.__qualname__} of {own.__module__}",
            hint="define it at the top of a module that can be imported, with get_config"
            if is_imported
            else "the model comes from a bundle, and its class from the source there",
            write="def get_config(self): return {…}, the arguments of __init__"
            if is_imported
            else f"import {own.__module__}",
        )


def refuse_other_compile(model: tf_keras.Model) -> None:
    """Raises an ``InputError`` where a reload could not compile the model: it gives Keras's own."""
    if not reload.resuming.is_compiled(model):
        return
    own = type(model)
    try:
        inspect.signature(own.compile).bind(model, **dict.fromkeys(_COMPILED))
    except TypeError as error:
        raise InputError(
            "model",
            expected=f"a compile of {own.__qualname__} that takes what Keras's takes",
            received=str(error),
            hint="keep what it takes more as arguments of __init__; or bundle the part that "
            "predicts, such as save_bundle(model.generator, …)",
            write='def compile(self, optimizer="rmsprop", loss=None, **kwargs)',
        ) from error


_COMPILED = (
    "optimizer",
    "loss",
    "metrics",
    "weighted_metrics",
    "loss_weights",
    "from_serialized",
)
"""What Keras compiles a SavedModel's model with."""


def lost_setting(model: tf_keras.Model) -> str:
    """What Keras does not save of a layer, so that a reload trains otherwise; mostly nothing."""
    for layer in bundle_source.inside(model):
        if type(layer) is tf_keras.layers.BatchNormalization and layer.synchronized:
            return f"Keras does not save synchronized=True of {layer.name}"
    return ""


def keeps_graph(model: tf_keras.Model, objects: Sequence[reload.layout.CustomObject]) -> bool:
    """Whether the class of the model, or of a layer, does not travel: a reload takes its graph.

    Args:
      model: any.
      objects: what travels with it.
    """
    classes = {type(each) for each in (model, *bundle_source.network(model))}
    return not all(_is_of_keras(own.__module__) or _travels(own, objects) for own in classes)


def _travels(own: type, objects: Sequence[reload.layout.CustomObject]) -> bool:
    return any(
        (each["module"], each["class"]) == (own.__module__, own.__qualname__) for each in objects
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
