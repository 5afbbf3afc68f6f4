"""Makes a SavedModel carry its custom objects, and the proof that they arrived.

The files that a bundle adds to a SavedModel, in ``assets.extra/``, where TF Serving expects them:

========================== ===================================================================
huberflow/custom_objects/  the source of huberflow's custom objects; user-defined packages are
                           beside it, under their own names
reload.py                  ``huberflow.components.bundle.reload``: loads the model and checks it
golden.tfrecord            eval rows, serialized ``tf.Example``s
golden.npz                 ``label``, ``inputs/<name>`` (the rows transformed), and the model's
                           values in the process that trained it: ``serving/<output>`` of numbers,
                           ``model/prediction``, ``model/loss_per_example``, ``model/loss``,
                           ``model/<metric>``, ``steps`` (the losses of two further steps)
optimizer.npz              the optimizer's variables, in order
tf_serving_warmup_requests one row and 32 rows for each signature
certificate.json           the fields below, as the one text that ``reload.seal`` writes
========================== ===================================================================

========================== ===================================================================
schema_version             1; a loader refuses a higher one
keras_generation           "tf_keras 2"
versions                   of Python, TensorFlow, tf_keras
machine                    the machine of the golden values: processor, threads, device, versions
objects                    for each custom object: registered ``name``, ``module``, ``class``,
                           ``config``, ``file``, ``sha256``; once for each config it is used with
signatures                 by name: ``inputs`` and ``outputs``, each name's ``dtype`` and ``shape``
                           (None for any length)
training                   the Trainer's config
lineage                    where the model comes from: the caller passes it
tolerances                 how far a value may be off, absolute: ``same_machine`` is 0; ``float32``,
                           ``tf32``, ``mixed_float16`` have a number for each golden value;
                           ``chosen`` describes how they were chosen
golden                     ``rows``, and the ``sha256`` of golden.npz
files                      SHA-256 of every file of the SavedModel, all those above included
sha256                     of the certificate itself
========================== ===================================================================
"""

import inspect
import json
import logging
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_keras
from tensorflow.core.protobuf import meta_graph_pb2

from huberflow.components.bundle import bundle_source, golden, reload
from huberflow.components.contracts.target import Target
from huberflow.components.serving import warmup
from huberflow.components.serving.signatures import Spec, read_saved_model
from huberflow.custom_objects.json_record import JSON

_LOG = logging.getLogger(__name__)

ROWS = 256
"""Golden rows: enough to show a difference, few enough to keep the bundle small."""


def capture(
    model: tf_keras.Model,
    examples: Sequence[bytes],
    spec: Spec,
    target: Target,
    folder: Path,
    *,
    training: Mapping[str, JSON],
) -> None:
    """Writes what only the process that trained the model knows; the model stays as it is.

    Args:
      model: compiled and trained, its ``transform`` attached; see ``components.serving``.
      examples: serialized eval rows, about ``ROWS``; those without a label are left out.
      spec: how to parse them, label included.
      target: what the model predicts.
      folder: new; it appears when it is complete, for ``assemble``.
      training: the Trainer's config, for the certificate.

    Raises:
      InputError: no row has a label, or the source of a custom object cannot be copied.
    """
    start = time.perf_counter()
    objects = bundle_source.used_objects(model)
    rows = golden.golden_values(model, examples, spec, target)
    captured = {
        "objects": objects,
        "training": training,
        "tolerances": rows.tolerances,
        "machine": rows.machine,
        "versions": reload.versions(),
    }
    inputs = {f"inputs/{name}": value for name, value in rows.inputs.items()}
    state = {
        str(position): variable.numpy()
        for position, variable in enumerate(reload.optimizer_variables(model))
    }
    with _unfinished(folder) as unfinished:
        bundle_source.copy_source([each["module"] for each in objects], unfinished)
        with tf.io.TFRecordWriter(str(unfinished / _name(reload.GOLDEN_EXAMPLES))) as writer:
            for example in rows.examples:
                writer.write(example)
        values = {"label": rows.label, **inputs, **rows.values}
        np.savez(unfinished / _name(reload.GOLDEN_VALUES), allow_pickle=False, **values)
        np.savez(unfinished / _name(reload.OPTIMIZER), allow_pickle=False, **state)
        (unfinished / _CAPTURED).write_text(json.dumps(captured, default=repr), encoding="utf-8")
    _LOG.info("captured %d rows in %.2f s", len(rows.examples), time.perf_counter() - start)


_CAPTURED = "captured.json"


def assemble(
    saved_model: Path, captured: Path, out: Path, lineage: Mapping[str, JSON]
) -> reload.Certificate:
    """Writes the bundle: the SavedModel, the files of ``capture``, and a certificate.

    Args:
      saved_model: the exported model.
      captured: the folder that ``capture`` wrote about it.
      out: new; it appears when it is complete.
      lineage: run, metadata ids, commit and so on, for the certificate.

    Returns:
      The certificate.
    """
    from_training: dict[str, JSON] = json.loads((captured / _CAPTURED).read_text(encoding="utf-8"))
    with _unfinished(out) as unfinished:
        shutil.copytree(saved_model, unfinished, dirs_exist_ok=True)
        extra = unfinished / reload.EXTRA
        ignored = shutil.ignore_patterns(_CAPTURED)
        shutil.copytree(captured, extra, ignore=ignored, dirs_exist_ok=True)
        shutil.copyfile(inspect.getfile(reload), unfinished / reload.LOADER)
        signatures = _signatures(unfinished)
        warmup.write_requests(
            unfinished / reload.GOLDEN_EXAMPLES,
            {name: _dtypes(signature["inputs"]) for name, signature in signatures.items()},
            extra / warmup.REQUESTS,
        )
        text = reload.seal(
            {
                **from_training,
                "schema_version": reload.SCHEMA_VERSION,
                "keras_generation": reload.KERAS_GENERATION,
                "signatures": signatures,
                "lineage": lineage,
                "golden": _golden(unfinished),
                "files": {
                    path.relative_to(unfinished).as_posix(): reload.digest(path)
                    for path in sorted(unfinished.rglob("*"))
                    if path.is_file()
                },
            }
        )
        (unfinished / reload.CERTIFICATE).write_text(text, encoding="utf-8")
    certificate: reload.Certificate = json.loads(text)
    return certificate


@contextmanager
def _unfinished(folder: Path) -> Iterator[Path]:
    """A temporary folder to write to, which is renamed to ``folder`` after the block."""
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder}: expected a new folder, received one with files in it")
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)  # from a process that was killed
    unfinished.mkdir(parents=True)
    yield unfinished
    os.replace(unfinished, folder)


def _signatures(saved_model: Path) -> dict[str, reload.Signature]:
    return {
        name: {"inputs": _tensors(signature.inputs), "outputs": _tensors(signature.outputs)}
        for name, signature in sorted(
            read_saved_model(saved_model).meta_graphs[0].signature_def.items()
        )
        if signature.method_name == tf.saved_model.PREDICT_METHOD_NAME
    }


def _tensors(infos: Mapping[str, meta_graph_pb2.TensorInfo]) -> dict[str, reload.Tensor]:
    return {
        name: {
            "dtype": tf.as_dtype(info.dtype).name,
            "shape": tf.TensorShape(info.tensor_shape).as_list(),
        }
        for name, info in sorted(infos.items())
    }


def _dtypes(tensors: Mapping[str, reload.Tensor]) -> dict[str, str]:
    return {name: tensor["dtype"] for name, tensor in tensors.items()}


def _golden(root: Path) -> reload.GoldenFile:
    values = root / reload.GOLDEN_VALUES
    with np.load(values) as arrays:
        return {"rows": len(arrays["label"]), "sha256": reload.digest(values)}


def _name(path: str) -> str:
    return Path(path).name
