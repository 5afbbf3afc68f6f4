"""Makes a SavedModel carry its custom objects, and the proof that they arrived.

The files that a bundle adds to a SavedModel, in ``assets.extra/``, where TF Serving expects them:

========================== ===================================================================
huberflow/custom_objects/  the source of huberflow's custom objects; user-defined packages are
                           beside it, under their own names
reload.py                  loads the model and checks it, with the modules in ``reload_modules/``:
                           a copy of ``huberflow.components.bundle.reload``
__pycache__                in each folder with source, an empty file: there, Python can neither
                           write bytecode nor read any
golden.npz                 rows: ``inputs``, ``labels``, ``sample_weight``, of a list
                           ``inputs/[0]``, of a dict ``inputs/<name>``; the model's values for them:
                           ``model/prediction``, ``model/loss_per_example``, ``model/loss``,
                           ``model/<metric>``, ``steps`` (the losses of two further steps); for each
                           signature that was asked ``requests/<signature>/<argument>`` and
                           ``answers/<signature>/<output>``. In a name, ``% / : [ ]`` are %25 and so
                           on. Text is ``<name>:bytes`` and ``<name>:lengths``
optimizer.npz              the optimizer's variables, in order, and which weights do not decay
                           (``without_weight_decay``), where they are known
tf_serving_warmup_requests one row and 32 rows for each signature that was asked
certificate.json           the fields below, as the one text that ``reload.integrity.seal`` writes
========================== ===================================================================

Beside the SavedModel, where somebody has signed it: ``model.sig``, see ``bundle.signing``.

========================== ===================================================================
schema_version             4; a loader refuses another one
keras_generation           "tf_keras 2"; null where there is no Keras model that can be loaded
versions                   of Python, TensorFlow, tf_keras
machine                    the machine of the golden values: processor, threads, device, versions,
                           and the settings that decide which kernels run
objects                    for each custom object: registered ``name``, ``module``, ``class``,
                           ``config``, ``file``, ``sha256``; once for each config it is used with
source                     the user's modules in the bundle: ``taken``; ``left``, of the same
                           packages; ``requirements``, ``name`` and ``version`` of distributions
signatures                 by name: ``inputs`` and ``outputs``, each name's ``dtype`` and ``shape``
                           (None for any length)
training                   how it was trained: the caller passes it
lineage                    where the model comes from: the caller passes it
proof                      the process that gave the golden values of the ``model`` and of each of
                           the ``signatures``: "training process", "exporting process" or "none";
                           ``weights``: "as trained", the "moving average" that an optimizer keeps
                           of them, and so on: see ``proof``;
                           ``lacking``: why values of the model are not there; ``statement``: all
                           this in words
tolerances                 how far a value may be off, absolute: ``same_machine`` is 0; ``float32``,
                           ``tf32``, ``mixed_float16``, ``mixed_bfloat16`` have a number for each
                           golden value; ``chosen`` describes how they were chosen
golden                     ``rows``, and the ``sha256`` of golden.npz
files                      SHA-256 of every file of the SavedModel, all those above included
sha256                     of the certificate itself
========================== ===================================================================
"""

import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from huberflow.components.bundle import answers, reload
from huberflow.components.bundle.capture import capture, capture_saved
from huberflow.components.bundle.captured import CAPTURED, read_fields, unfinished
from huberflow.components.bundle.loader_copy import copy_loader, guard_from_bytecode
from huberflow.components.bundle.proof import NONE, proof
from huberflow.components.bundle.reload.arrays import escaped
from huberflow.components.serving import warmup
from huberflow.custom_objects.json_record import JSON

__all__ = ["assemble", "capture", "capture_saved"]


def assemble(
    saved_model: Path, captured: Path | None, out: Path, lineage: JSON
) -> reload.Certificate:
    """Writes the bundle: the SavedModel, the files of ``capture``, and a certificate.

    Args:
      saved_model: the exported model.
      captured: the folder that ``capture`` or ``capture_saved`` wrote about it; None for what
        ``capture_saved`` finds without rows.
      out: new; it appears when it is complete.
      lineage: run, metadata ids, commit and so on, for the certificate.

    Returns:
      The certificate.
    """
    if captured is None:
        with tempfile.TemporaryDirectory() as folder:
            capture_saved(saved_model, Path(folder, "captured"))
            return assemble(saved_model, Path(folder, "captured"), out, lineage)
    fields = read_fields(captured)
    with unfinished(out) as new:
        shutil.copytree(saved_model, new, dirs_exist_ok=True)
        for written in (reload.layout.CERTIFICATE, reload.layout.SIGNATURE):
            (new / written).unlink(missing_ok=True)  # of a bundle that is bundled again
        ignored = shutil.ignore_patterns(CAPTURED)
        shutil.copytree(captured, new / reload.layout.EXTRA, ignore=ignored, dirs_exist_ok=True)
        copy_loader(new / reload.layout.EXTRA)
        guard_from_bytecode(new / reload.layout.EXTRA)
        signatures = answers.described(new)
        values = reload.golden_record.read_golden(new)
        specs = {name: answers.specs(each["inputs"]) for name, each in signatures.items()}
        requests = new / reload.layout.EXTRA / warmup.REQUESTS
        is_bundle = (saved_model / reload.layout.CERTIFICATE).exists()
        if is_bundle or not requests.exists():  # they are not the user's
            warmup.write_requests(values.requests, specs, requests)
        text = reload.integrity.seal(
            {
                **fields["certified"],
                "schema_version": reload.layout.SCHEMA_VERSION,
                "signatures": signatures,
                "lineage": lineage,
                "proof": proof(
                    fields["model"],
                    fields["weights"],
                    dict.fromkeys(signatures, NONE) | fields["signatures"],
                    values.values.keys(),
                    fields["lacking"],
                    _differing(values, signatures),
                ),
                "golden": {
                    "rows": fields["rows"],
                    "sha256": reload.integrity.digest(new / reload.layout.GOLDEN_VALUES),
                },
                "files": _digests(new),
            }
        )
        (new / reload.layout.CERTIFICATE).write_text(text, encoding="utf-8")
    certificate: reload.Certificate = json.loads(text)
    return certificate


def _differing(
    values: reload.Golden, signatures: Mapping[str, reload.layout.Signature]
) -> dict[str, list[str]]:
    """The outputs of signatures that were asked, and have no answer that can be compared."""
    return {
        name: [
            output
            for output in signatures[name]["outputs"]
            if f"answers/{escaped(name)}/{escaped(output)}" not in values.values
        ]
        for name in values.requests
    }


def _digests(root: Path) -> dict[str, str]:
    files = (path for path in sorted(root.rglob("*")) if path.is_file())
    return reload.integrity.digests(root, [path.relative_to(root).as_posix() for path in files])
