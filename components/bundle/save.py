"""Bundles a Keras model where it was trained: in a script, a notebook or a ``run_fn``."""

import os
import tempfile
from pathlib import Path

import tf_keras

from huberflow.components.bundle import bundle, reload
from huberflow.components.bundle.answers import Requests
from huberflow.custom_objects.input_error import InputError
from huberflow.custom_objects.json_record import JSON


def save_bundle(
    model: tf_keras.Model,
    path: str | os.PathLike[str],
    inputs: object,
    labels: object = None,
    sample_weight: object = None,
    signatures: object = None,
    lineage: JSON = None,
    *,
    requests: Requests | None = None,
) -> reload.Certificate:
    """Saves a model as a SavedModel with its custom objects and the proof that they arrived.

    ``huberflow.load`` gives the model back in another process, ``huberflow.check`` compares it with
    the values that the model has here.

    Args:
      model: trained. One that is not compiled has predictions, and no loss, metrics and steps.
      path: a new folder; it appears when it is complete.
      inputs: what ``fit`` takes: arrays, a list or a dict of them, or a ``tf.data.Dataset`` of
        (inputs, labels, weights). The bundle keeps the first 256 rows.
      labels: what the model was trained on, the same; None for none, or beside a dataset.
      sample_weight: the same.
      signatures: what ``model.save`` takes; None for Keras's own ``serving_default``.
      lineage: where the model comes from, for the certificate.
      requests: for each signature that takes something else than the model's inputs, an array for
        each of its arguments. A signature without any is not proven.

    Returns:
      The certificate; ``certificate["proof"]["statement"]`` says what it proves and what not.

    Raises:
      InputError: it is no Keras 2 model; the rows are no dense arrays; a request does not fit; or
        the source of a custom object cannot be copied.
      FileExistsError: the folder has files.

    Example::

        >>> import tempfile
        >>> import numpy as np
        >>> import tf_keras
        >>> import huberflow
        >>> x = tf_keras.Input((2,), name="x")
        >>> model = tf_keras.Model(x, tf_keras.layers.Dense(1, name="y")(x))
        >>> model.compile("adam", huberflow.HuberLoss(2.0))
        >>> inputs, labels = np.float32([[1, 2], [3, 4]]), np.float32([[1], [2]])
        >>> path = tempfile.mkdtemp()
        >>> certificate = huberflow.save_bundle(model, path, inputs, labels)
        >>> certificate["proof"]["statement"]
        'Proves: predictions, loss, metrics, two training steps and the answers of \
serving_default, as in the training process.'
    """
    out = Path(path)
    _refuse_other_models(model)
    if out.exists() and any(out.iterdir()):
        raise FileExistsError(
            f"{out}: expected a new folder, received one with files in it; choose another, or "
            f"remove it first: shutil.rmtree({str(out)!r})"
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as folder:
        saved_model, captured = Path(folder, "saved_model"), Path(folder, "captured")
        bundle.capture(
            model, captured, inputs, labels, sample_weight, signatures=signatures, requests=requests
        )
        model.save(saved_model, save_format="tf", signatures=signatures)
        return bundle.assemble(saved_model, captured, out, lineage)


def _refuse_other_models(model: tf_keras.Model) -> None:
    if not isinstance(model, tf_keras.Model):
        raise InputError(
            "model",
            expected="a model of tf_keras, which is Keras 2",
            received=f"{type(model).__module__}.{type(model).__qualname__}",
            hint="set TF_USE_LEGACY_KERAS=1 before TensorFlow is imported",
            write="import tf_keras",
        )
