"""Makes a SavedModel carry its custom objects, and the proof that they arrived.

What a bundle adds to a SavedModel, in ``assets.extra/``, where TF Serving expects additions:

========================== ===================================================================
huberflow/custom_objects/  the source of every custom object that the model uses; a package of
                           the user's own stands beside it, under its own name
reload.py                  ``huberflow.components.bundle.reload``: loads the model and checks it
golden.tfrecord            held-out rows, serialized ``tf.Example``s
golden.npz                 ``label``, ``inputs/<name>`` (the rows transformed), and what the model
                           gave in the process that trained it: ``serving/<output>`` of numbers,
                           ``model/prediction``, ``model/loss_per_example``, ``model/loss``,
                           ``model/<metric>``, ``steps`` (the losses of two further steps)
optimizer.npz              the optimizer's variables, in order
tf_serving_warmup_requests one row and 32 rows for each signature
certificate.json           the table below, in the one form that ``reload.seal`` writes
========================== ===================================================================

========================== ===================================================================
schema_version             1; a loader refuses a higher one
keras_generation           "tf_keras 2"
versions                   of Python, TensorFlow, tf_keras
machine                    where the golden values come from: processor, threads, device, versions
objects                    for each custom object: registered ``name``, ``module``, ``class``,
                           ``config``, ``file``, ``sha256``; once for each config it is used with
signatures                 by name: ``inputs`` and ``outputs``, each name's ``dtype`` and ``shape``
                           (None for any length)
training                   the Trainer's config
lineage                    where the model comes from, as the caller tells it
tolerances                 how far a value may be off, absolute: ``same_machine`` is 0; ``float32``,
                           ``tf32``, ``mixed_float16`` hold a number for each golden value;
                           ``chosen`` says how they were
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
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras
from tensorflow.core.protobuf import saved_model_pb2

from huberflow.components.bundle import bundle_source, golden, reload
from huberflow.components.contracts.target import Target
from huberflow.components.serving import warmup

_LOG = logging.getLogger(__name__)

ROWS = 256
"""Golden rows: enough to show a difference, few enough to travel."""


def capture(
    model: tf_keras.Model,
    examples: Sequence[bytes],
    spec: Mapping[str, Any],
    target: Target,
    folder: Path,
    *,
    training: Mapping[str, Any],
) -> None:
    """Writes down what only the process that trained the model knows; the model stays as it is.

    Args:
      model: compiled and trained, its ``transform`` attached; see ``components.serving``.
      examples: serialized held-out rows, ``ROWS`` or so; those without a label are left out.
      spec: how to parse them, label included.
      target: what the model predicts, and from which of them.
      folder: new; appears whole, for ``assemble``.
      training: the Trainer's config, plain JSON, for the certificate.

    Raises:
      ValueError: no row has a label, or a custom object's source cannot travel.
    """
    start = time.perf_counter()
    objects = bundle_source.used_objects(model)
    rows = golden.of(model, examples, spec, target)
    about = {
        "objects": objects,
        "training": training,
        "tolerances": rows.tolerances,
        "machine": rows.machine,
        "versions": reload.versions(),
    }
    inputs = {f"inputs/{name}": value for name, value in rows.inputs.items()}
    optimizer = enumerate(reload.optimizer_variables(model))
    with _aside(folder) as aside:
        bundle_source.copy_source(objects, aside)
        with tf.io.TFRecordWriter(str(aside / _name(reload.GOLDEN_EXAMPLES))) as writer:
            for example in rows.examples:
                writer.write(example)
        _save(aside / _name(reload.GOLDEN_VALUES), {"label": rows.label, **inputs, **rows.values})
        state = {str(position): variable.numpy() for position, variable in optimizer}
        _save(aside / _name(reload.OPTIMIZER), state)
        (aside / _ABOUT).write_text(json.dumps(about, default=repr), encoding="utf-8")
    _LOG.info("captured %d rows in %.2f s", len(rows.examples), time.perf_counter() - start)


_ABOUT = "about.json"


def assemble(
    saved_model: Path, captured: Path, out: Path, lineage: Mapping[str, Any]
) -> dict[str, Any]:
    """Writes the bundle: the SavedModel, with what ``capture`` wrote and a certificate.

    Args:
      saved_model: the exported model.
      captured: what ``capture`` wrote about it.
      out: new; appears whole.
      lineage: run, metadata ids, commit and the like, plain JSON, for the certificate.

    Returns:
      The certificate.
    """
    about = json.loads((captured / _ABOUT).read_text(encoding="utf-8"))
    with _aside(out) as aside:
        shutil.copytree(saved_model, aside, dirs_exist_ok=True)
        extra = aside / reload.EXTRA
        ignored = shutil.ignore_patterns(_ABOUT)
        shutil.copytree(captured, extra, ignore=ignored, dirs_exist_ok=True)
        shutil.copyfile(inspect.getfile(reload), aside / reload.LOADER)
        signatures = _signatures(aside)
        warmup.write(aside / reload.GOLDEN_EXAMPLES, signatures, extra / warmup.REQUESTS)
        certificate = {
            **about,
            "schema_version": reload.SCHEMA_VERSION,
            "keras_generation": reload.KERAS_GENERATION,
            "signatures": signatures,
            "lineage": lineage,
            "golden": _golden(aside),
            "files": {
                path.relative_to(aside).as_posix(): reload.digest(path)
                for path in sorted(aside.rglob("*"))
                if path.is_file()
            },
        }
        text = reload.seal(certificate)
        (aside / reload.CERTIFICATE).write_text(text, encoding="utf-8")
    return json.loads(text)


@contextmanager
def _aside(folder: Path) -> Iterator[Path]:
    """A folder to write in, which gets its name only once all is written."""
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder}: expected a new folder, received one with files in it")
    aside = folder.with_name(f".{folder.name}.unfinished")
    shutil.rmtree(aside, ignore_errors=True)  # What a killed process left.
    aside.mkdir(parents=True)
    yield aside
    os.replace(aside, folder)


def _signatures(saved_model: Path) -> dict[str, Any]:
    """What the SavedModel answers to; see ``signatures`` above."""
    proto = saved_model_pb2.SavedModel.FromString((saved_model / "saved_model.pb").read_bytes())
    return {
        name: {"inputs": _tensors(signature.inputs), "outputs": _tensors(signature.outputs)}
        for name, signature in sorted(proto.meta_graphs[0].signature_def.items())
        if signature.method_name == tf.saved_model.PREDICT_METHOD_NAME
    }


def _tensors(infos: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: {
            "dtype": tf.as_dtype(info.dtype).name,
            "shape": tf.TensorShape(info.tensor_shape).as_list(),
        }
        for name, info in sorted(infos.items())
    }


def _golden(root: Path) -> dict[str, Any]:
    values = root / reload.GOLDEN_VALUES
    with np.load(values) as arrays:
        return {"rows": len(arrays["label"]), "sha256": reload.digest(values)}


def _save(path: Path, arrays: dict[str, Any]) -> None:
    np.savez(path, **arrays)


def _name(path: str) -> str:
    return Path(path).name
