"""What Keras loses when it loads a model or a layer of a user's own class: put back."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .keras_2 import keras_2

if TYPE_CHECKING:
    import tf_keras


def complete(model: tf_keras.Model, saved_model: Path) -> None:
    """Makes a model that Keras has loaded the one that was saved."""
    if any(_is_own(layer) and _layers_inside(layer) for layer in (model, *_layers_inside(model))):
        _read_weights(model, saved_model)
    _freeze_as_saved(model, saved_model)


def _layers_inside(layer: tf_keras.layers.Layer) -> list[tf_keras.layers.Layer]:
    return [*layer._flatten_layers(include_self=False)]


def _is_own(layer: tf_keras.layers.Layer) -> bool:
    return type(layer).__module__.partition(".")[0] != keras_2().__name__


def _read_weights(model: tf_keras.Model, saved_model: Path) -> None:
    """Reads the weights again: Keras leaves out those that are made at a layer's first call.

    So are those of a ``MultiHeadAttention`` inside another layer, which then are as initialized.
    """
    import tensorflow as tf

    spec = None if model._is_graph_network else model.save_spec()
    if spec is not None:  # a functional model was called when it was loaded
        arguments, options = spec
        tf.function(model).get_concrete_function(*arguments, **options)
    variables = str(saved_model / "variables" / "variables")
    tf.train.Checkpoint(root=model).read(variables).expect_partial()


def _freeze_as_saved(model: tf_keras.Model, saved_model: Path) -> None:
    """Freezes the layers that were frozen when the model was saved, as if before ``compile``.

    Of a model or a layer of a user's own class, Keras makes all layers inside it trainable.
    """
    saved = _saved(saved_model)
    if all(trainable is not False for trainable in saved.values()):
        return
    for path, trainable in sorted(saved.items(), key=lambda each: each[0].count(".")):
        layer = _at(model, path)
        if trainable is not None and layer is not None and layer.trainable != trainable:
            layer.trainable = trainable  # of those inside it, too; they come next
    if hasattr(model, "_compiled_trainable_state"):
        vars(model)["_compiled_trainable_state"] = model._get_trainable_state()  # Keras tracks more


def _saved(saved_model: Path) -> dict[str, bool | None]:
    """By the path of each layer, whether it was trainable; None of what cannot be."""
    messages = importlib.import_module(f"{keras_2().__name__}.protobuf.saved_metadata_pb2")
    content = (saved_model / "keras_metadata.pb").read_bytes()
    nodes = messages.SavedMetadata.FromString(content).nodes
    return {node.node_path: json.loads(node.metadata).get("trainable") for node in nodes}


def _at(model: tf_keras.Model, path: str) -> Any:
    """The layer at a path such as ``root.layer-0``; None where the reload has none there."""
    import tensorflow as tf

    found: Any = model
    for name in path.split(".")[1:]:
        found = tf.train.TrackableView.children(found).get(name)
        if found is None:
            return None
    return found if isinstance(found, keras_2().layers.Layer) else None
