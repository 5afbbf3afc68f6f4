"""Bundles a Keras model where it was trained: in a script, a notebook or a ``run_fn``."""

import json
import os
from collections.abc import Collection
from pathlib import Path

import tf_keras

from huberflow.components.bundle import bundle, clean_process, reload
from huberflow.components.bundle.answers import Requests
from huberflow.components.bundle.scratch import scratch_folder
from huberflow.components.bundle.unsafe_ops import refuse_unsafe_ops
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
    check: bool = True,
    allow_ops: Collection[str] = (),
) -> reload.Certificate:
    """Saves a model as a SavedModel with its custom objects and the proof that they arrived.

    A clean process, which can import nothing of this one, loads it first and compares it with the
    values that the model has here. ``huberflow.load`` gives the model back in another process,
    ``huberflow.check`` compares again.

    Args:
      model: trained. One that is not compiled has predictions, and no loss, metrics and steps.
      path: a new folder of this machine; it appears when it is complete and checked.
      inputs: what ``fit`` takes: arrays, a list or a dict of them, or a ``tf.data.Dataset`` of
        (inputs, labels, weights). The bundle keeps the first 256 rows, of large ones as many as
        take 16 MB.
      labels: what the model was trained on, the same; None for none, or beside a dataset.
      sample_weight: the same.
      signatures: what ``model.save`` takes; None for Keras's own ``serving_default``.
      lineage: where the model comes from, for the certificate.
      requests: for each signature that takes something else than the model's inputs, an array for
        each of its arguments. A signature without any is not proven.
      check: whether the clean process compares; it takes some seconds. Where this process holds the
        memory of a GPU, it does so on the CPU.
      allow_ops: ops of the model that may do more than compute, such as ``["PyFunc"]``. Whoever
        loads the bundle has to allow them, too.

    Returns:
      The certificate; ``certificate["proof"]["statement"]`` says what it proves and what not.

    Raises:
      InputError: it is no Keras 2 model; the rows are no dense arrays; a request does not fit; the
        source of a custom object cannot be copied; or it has other ops that do more than compute.
      FileExistsError: there is something at ``path``.
      CheckError: the model is another one where it is loaded; nothing is left at ``path``.

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
    _refuse_other_models(model)
    refuse_no_json(lineage)
    out = local_folder(path)
    _refuse_taken(out)
    if check:
        clean_process.prepare()
    with scratch_folder(out) as folder:
        saved_model, captured, new = (
            folder / name for name in ("saved_model", "captured", "bundle")
        )
        with (
            reload.seeding.seeds_where_needed(),
            reload.seeding.generators_unchanged(model),  # traced anew, a layer takes its next seed
        ):
            bundle.capture(
                model,
                captured,
                inputs,
                labels,
                sample_weight,
                signatures=signatures,
                requests=requests,
            )
            model.save(saved_model, save_format="tf", signatures=signatures)
        refuse_unsafe_ops(saved_model, allow_ops)
        certificate = bundle.assemble(saved_model, captured, new, lineage)
        if check:
            device = clean_process.device_beside_this()
            clean_process.check_bundle(new, device, allow_ops)
        os.replace(new, out)
    return certificate


def local_folder(path: str | os.PathLike[str]) -> Path:
    """The path of a folder of this machine; ``~`` is the user's home.

    Raises:
      InputError: it is one of another machine.
    """
    if "://" in os.fspath(path):
        raise InputError(
            "path",
            expected="a folder of this machine",
            received=os.fspath(path),
            hint="save it here, then copy the folder there",
            write='save_bundle(model, "bundle", …)',
        )
    return Path(path).expanduser()


def refuse_no_json(lineage: JSON) -> None:
    """Raises an ``InputError`` where JSON cannot hold it."""
    try:
        json.dumps(lineage, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(
            "lineage",
            expected="what JSON holds: text, finite numbers, lists, dicts",
            received=str(error),
            hint="of a number of NumPy, number.item()",
        ) from error


def _refuse_taken(out: Path) -> None:
    if not out.exists() and not out.is_symlink():
        return
    is_folder = out.is_dir() and not out.is_symlink()
    if is_folder and out.samefile(Path.cwd()):
        raise FileExistsError(f"{out}: expected a new folder, received the one that you are in")
    if not is_folder or any(out.iterdir()):
        remove = f"shutil.rmtree({str(out)!r})" if is_folder else f"os.remove({str(out)!r})"
        raise FileExistsError(
            f"{out}: expected a new folder, received one with files in it, or a file or link; "
            f"choose another, or remove it first: {remove}"
        )


def _refuse_other_models(model: tf_keras.Model) -> None:
    if not isinstance(model, tf_keras.Model):
        raise InputError(
            "model",
            expected="a model of tf_keras, which is Keras 2",
            received=f"{type(model).__module__}.{type(model).__qualname__}",
            hint="set TF_USE_LEGACY_KERAS=1 before TensorFlow is imported",
            write="import tf_keras",
        )
