"""Loads a model with its own source, or a signature without it."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .arrays import read_arrays
from .asking import signature_of
from .errors import ReloadError
from .golden_record import Golden, read_golden
from .graph_ops import refuse_unsafe_ops
from .integrity import verified
from .keras_2 import keras_2
from .layout import EXTRA, OPTIMIZER, Certificate
from .own_imports import OwnImports
from .own_layers import complete
from .process import refuse_fork, refuse_graphs
from .releases import older_keras_named, refuse_missing, warn_of_other_versions
from .resuming import is_compiled, restore_optimizer
from .seeding import seeds_where_needed

if TYPE_CHECKING:
    import numpy as np
    import tf_keras


def load(
    path: str | os.PathLike[str], *, trainable: bool = True, allow_ops: Collection[str] = ()
) -> tf_keras.Model:
    """The tf_keras model as it was when training ended, compiled if it was.

    Loss, metrics, regularizers and layers are those of the bundle's own source, also where other
    objects are imported or registered under their names: several bundles work side by side.

    Args:
      path: the SavedModel's folder.
      trainable: whether to restore the optimizer's state, so that training goes on where it ended;
        else every weight is frozen.
      allow_ops: ops that may do more than compute, such as ``["PyFunc"]``.

    Raises:
      ReloadError: see ``verify`` and ``refuse_unsafe_ops``; or the bundle has no Keras model that
        can be loaded.

    Example::

        >>> import tempfile
        >>> import huberflow
        >>> import numpy as np
        >>> import tf_keras
        >>> x = tf_keras.Input((2,), name="x")
        >>> model = tf_keras.Model(x, tf_keras.layers.Dense(1, name="y")(x))
        >>> model.compile("adam", huberflow.HuberLoss(2.0))
        >>> path, rows = tempfile.mkdtemp(), np.float32([[1, 2], [3, 4]])
        >>> certificate = huberflow.save_bundle(model, path, rows, labels=np.float32([[1], [2]]))
        >>> huberflow.load(path).loss.threshold
        2.0
    """
    refuse_fork()
    keras_2()  # or there is none, in words; it takes seconds, in which a file could change
    with verified(path) as (root, certificate):
        if certificate["keras_generation"] is None:
            raise ReloadError(f"no Keras model: {certificate['proof']['statement']} Use predictor.")
        refuse_graphs()
        refuse_unsafe_ops(root, allow_ops)
        return loaded_model(root, certificate, trainable)


def loaded_model(root: Path, certificate: Certificate, trainable: bool) -> tf_keras.Model:
    """The model of a bundle that is verified."""
    tf_keras = keras_2()
    warn_of_other_versions(certificate)
    refuse_missing(certificate["source"]["requirements"])
    source = OwnImports(root / EXTRA, certificate["files"], certificate["objects"])
    saved_by = certificate["versions"]["tf_keras"]
    with seeds_where_needed(), source.registered(), older_keras_named(saved_by):
        model = tf_keras.models.load_model(root)
        complete(model, root)
        if not trainable:
            model.trainable = False
            if is_compiled(model) and type(model).compile is tf_keras.Model.compile:
                # `trainable` takes effect; the same optimizer, for Keras loses a user's schedule.
                # Serialized metrics have their last names.
                own = {"optimizer": model.optimizer, "from_serialized": True}
                model.compile(**{**model._compile_config.config, **own})
        name_metrics(model)
    if trainable and OPTIMIZER in certificate["files"]:
        restore_optimizer(model, read_arrays(root / OPTIMIZER))
    return model


def name_metrics(model: tf_keras.Model) -> None:
    """Gives each output of a dict its metrics; Keras saves them as a list, by order of names."""
    container = getattr(model, "compiled_metrics", None)
    if container is None:
        return
    build = container.build

    def build_by_name(predicted: Any, labels: Any) -> None:
        for kind in ("_metrics", "_weighted_metrics"):
            saved = getattr(container, kind)
            lists = isinstance(saved, list) and all(isinstance(each, list) for each in saved)
            if isinstance(predicted, Mapping) and saved and lists:
                setattr(container, kind, dict(zip(sorted(predicted), saved, strict=True)))
        build(predicted, labels)

    container.build = build_by_name


def predictor(
    path: str | os.PathLike[str],
    signature: str = "serving_default",
    *,
    allow_ops: Collection[str] = (),
) -> Callable[..., dict[str, np.ndarray]]:
    """A signature of the SavedModel as a function of arrays, by name; runs no Python of the bundle.

    Its arguments are those of the signature: ``predictor(path)(examples=[…])`` asks one that takes
    serialized ``tf.Example``s.

    Args:
      path: the SavedModel's folder.
      signature: its name.
      allow_ops: ops that may do more than compute, such as ``["PyFunc"]``.

    Raises:
      ReloadError: see ``verify`` and ``refuse_unsafe_ops``; or the model has no such signature.

    Example::

        >>> import tempfile
        >>> import huberflow
        >>> import numpy as np
        >>> import tf_keras
        >>> x = tf_keras.Input((2,), name="x")
        >>> model = tf_keras.Model(x, tf_keras.layers.Dense(1, name="y")(x))
        >>> model.compile("adam", huberflow.HuberLoss(2.0))
        >>> path, rows = tempfile.mkdtemp(), np.float32([[1, 2], [3, 4]])
        >>> certificate = huberflow.save_bundle(model, path, rows, labels=np.float32([[1], [2]]))
        >>> huberflow.predictor(path)(x=rows)["y"].shape
        (2, 1)
    """
    import tensorflow as tf  # noqa: F401 (takes seconds, in which a file could change)

    with verified(path) as (root, certificate):
        return predictor_of(root, certificate, signature, allow_ops)


def predictor_of(
    path: str | os.PathLike[str],
    certificate: Certificate,
    signature: str,
    allow_ops: Collection[str],
) -> Callable[..., dict[str, np.ndarray]]:
    """See ``predictor``; of a bundle that is verified."""
    import tensorflow as tf

    if signature not in certificate["signatures"]:
        expected = ", ".join(certificate["signatures"])
        raise ReloadError(f"signature: expected one of {expected}, received {signature!r}")
    refuse_fork()
    refuse_graphs()
    refuse_unsafe_ops(path, allow_ops)
    inputs = certificate["signatures"][signature]["inputs"]
    ask = signature_of(tf.saved_model.load(str(path)), signature, inputs)

    def predict(**inputs: Any) -> dict[str, np.ndarray]:
        refuse_fork()
        return {name: tensor.numpy() for name, tensor in ask(**inputs).items()}

    return predict


def golden(path: str | os.PathLike[str]) -> Golden:
    """The bundle's golden rows, and the model's values for them.

    Raises:
      ReloadError: see ``verify``.
    """
    with verified(path) as (root, _):
        return read_golden(root)
