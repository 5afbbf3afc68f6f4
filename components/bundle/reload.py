"""Reloads an exported model with the custom objects it was trained with, and proves it.

This file is in every bundle, in ``assets.extra/``; it needs only tensorflow and tf_keras::

    python reload.py --check                       # this bundle, on this machine
    python reload.py MODEL --check --device gpu --json
    python reload.py MODEL --public-key key.pub    # by whom it was signed; needs cryptography

``load`` returns the Keras model, ``predictor`` a signature without custom code, ``golden`` the
recorded rows and the model's values for them, and ``check`` compares both with these values. Each
refuses a bundle with a changed, missing or additional file, and runs code of it only after that.
"""

from __future__ import annotations

import sys

if sys.version_info < (3, 11):  # noqa: UP036 (of huberflow itself; this file runs elsewhere)
    too_old = f"reload.py: expected Python 3.11 or newer, received {sys.version.split()[0]}"
    raise SystemExit(too_old) if __name__ == "__main__" else ImportError(too_old)

if __name__ == "__main__" and not sys.flags.safe_path:
    del sys.path[0]  # A file json.py beside this script would run in place of Python's own.

import argparse
import base64
import builtins
import functools
import hashlib
import importlib
import importlib.abc
import importlib.metadata
import importlib.util
import json
import linecache
import logging
import os
import platform
import re
import threading
import time
import types
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from importlib.machinery import ModuleSpec
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple, NotRequired, TypeAlias, TypedDict
from urllib.parse import unquote

if TYPE_CHECKING:
    import numpy as np
    import tensorflow as tf
    import tf_keras

    Nested: TypeAlias = np.ndarray | Sequence["Nested"] | Mapping[str, "Nested"] | None
    """An array, or a list or a dict of them, as Keras takes inputs, labels and weights."""
    _Function: TypeAlias = Callable[..., Any]

SCHEMA_VERSION = 3
KERAS_GENERATION = "tf_keras 2"

EXTRA = "assets.extra"
CERTIFICATE = f"{EXTRA}/certificate.json"
GOLDEN_VALUES = f"{EXTRA}/golden.npz"
OPTIMIZER = f"{EXTRA}/optimizer.npz"
LOADER = f"{EXTRA}/reload.py"
BYTECODE = f"{EXTRA}/__pycache__"
SIGNATURE = "model.sig"
"""Beside the SavedModel: where OpenSSF Model Signing writes by default."""

CustomObject = TypedDict(
    "CustomObject",
    {"name": str, "module": str, "class": str, "config": Any, "file": str, "sha256": str},
)
"""A custom object of the model: its registered name, and the place of its source."""


class Distribution(TypedDict):
    """An installed distribution."""

    name: str
    version: str


class Source(TypedDict):
    """The user's modules that are in the bundle, beside huberflow's custom objects.

    ``left`` has the modules of the same packages that no object needs, ``requirements`` the
    distributions that the source imports, beside TensorFlow, tf_keras and what these need.
    """

    taken: list[str]
    left: list[str]
    requirements: list[Distribution]


class Tensor(TypedDict):
    """An input or output of a signature; None in ``shape`` stands for any length."""

    dtype: str
    shape: list[int | None]


class Signature(TypedDict):
    """A signature of the SavedModel."""

    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]


Machine = dict[str, str | int]
"""All that decides whether two machines, or two processes on one, compute the same bits."""


class Tolerances(TypedDict):
    """The largest allowed absolute difference of each golden value, for each precision."""

    chosen: str
    same_machine: int
    float32: dict[str, float]
    tf32: dict[str, float]
    mixed_float16: dict[str, float]
    mixed_bfloat16: dict[str, float]


class GoldenFile(TypedDict):
    """The number of golden rows, 0 for none, and the SHA-256 of their file."""

    rows: int
    sha256: str


class Proof(TypedDict):
    """Which process gave the golden values: "training process", "exporting process" or "none".

    ``weights`` says which weights an optimizer that averages them left in the model; ``lacking`` is
    why some values of the model are not there; ``statement`` says all in words.
    """

    model: str
    weights: str
    signatures: dict[str, str]
    lacking: str
    statement: str


class Certificate(TypedDict):
    """``certificate.json``; ``certificate.schema.json`` describes its fields."""

    schema_version: int
    keras_generation: str | None
    versions: dict[str, str]
    machine: Machine
    objects: list[CustomObject]
    source: Source
    signatures: dict[str, Signature]
    training: Any
    lineage: Any
    proof: Proof
    tolerances: Tolerances
    golden: GoldenFile
    files: dict[str, str]
    sha256: str


class Difference(TypedDict):
    """How far a value is off; ``reason`` says why where no number can."""

    absolute: float
    relative: float
    allowed: float
    ok: bool
    reason: NotRequired[str]


class CheckReport(TypedDict):
    """The result of ``check``."""

    ok: bool
    path: str
    device: str
    precision: str
    differences: list[str]
    seconds: dict[str, float]
    values: dict[str, Difference]
    statement: str
    signature: str


class Golden(NamedTuple):
    """Some rows, and the values that a model gave for them; ``golden.npz``."""

    inputs: Nested
    """As Keras takes them; None where the bundle has no values of the Keras model."""
    labels: Nested
    sample_weight: Nested
    requests: dict[str, dict[str, np.ndarray]]
    """For each signature that was asked, its arguments; text as bytes."""
    values: dict[str, np.ndarray]
    """``model/prediction``, ``model/<metric>``, ``steps``, ``answers/<signature>/<output>``."""


class ReloadError(Exception):
    """The bundle is not as it was written, or this machine cannot run it."""


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
    root, certificate = Path(path).resolve(), verify(path)
    if certificate["keras_generation"] is None:
        raise ReloadError(f"no Keras model: {certificate['proof']['statement']} Use predictor.")
    _refuse_fork()
    _tf_keras()  # or there is none, in words
    refuse_unsafe_ops(root, allow_ops)
    return _loaded(root, certificate, trainable)


def _loaded(root: Path, certificate: Certificate, trainable: bool) -> tf_keras.Model:
    """The model of a bundle that is verified."""
    tf_keras = _tf_keras()
    _warn_of_other_versions(certificate)
    _refuse_missing(certificate["source"]["requirements"])
    source = _Source(root / EXTRA, certificate["files"], certificate["objects"])
    with source.registered(), _older_keras_named(certificate["versions"]["tf_keras"]):
        model = tf_keras.models.load_model(root)
        if not trainable:
            model.trainable = False
            if is_compiled(model) and type(model).compile is tf_keras.Model.compile:
                # `trainable` takes effect; the same optimizer, for Keras loses a user's schedule.
                # Serialized metrics have their last names.
                own = {"optimizer": model.optimizer, "from_serialized": True}
                model.compile(**{**model._compile_config.config, **own})
        _name_metrics(model)
    if trainable and OPTIMIZER in certificate["files"]:
        restore_optimizer(model, read_arrays(root / OPTIMIZER))
    return model


def _name_metrics(model: tf_keras.Model) -> None:
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
    """A signature of the SavedModel as a function of arrays, by name; runs no custom code.

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

    return predictor_of(path, verify(path), signature, allow_ops)


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
    _refuse_fork()
    refuse_unsafe_ops(path, allow_ops)
    inputs = certificate["signatures"][signature]["inputs"]
    ask = signature_of(tf.saved_model.load(str(path)), signature, inputs)

    def predict(**inputs: Any) -> dict[str, np.ndarray]:
        _refuse_fork()
        return {name: tensor.numpy() for name, tensor in ask(**inputs).items()}

    return predict


def golden(path: str | os.PathLike[str]) -> Golden:
    """The bundle's golden rows, and the model's values for them.

    Raises:
      ReloadError: see ``verify``.
    """
    verify(path)
    return read_golden(Path(path))


# -- The certificate: nothing below runs code of the bundle ----------------------------------------


def verify(path: str | os.PathLike[str]) -> Certificate:
    """The certificate, after every file of the bundle has been compared with it.

    Raises:
      ReloadError: a file was changed, is missing, was added, or is a link; or the bundle is for
        another Keras generation or a newer loader, or its certificate lacks a field.
    """
    root = Path(path).resolve()
    certificate = _read_certificate(root)
    expected, present = certificate["files"], _files(root)
    for name in expected:
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise ReloadError(f"{name}: the certificate names a file outside of the bundle")
        if name not in present:
            raise ReloadError(f"{name}: missing from the bundle")
    for name in sorted(present - {CERTIFICATE, SIGNATURE}):
        if name not in expected:
            raise ReloadError(f"{name}: not part of the bundle; remove it, or export again")
    for name, received in digests(root, sorted(expected)).items():
        if received != expected[name]:
            raise ReloadError(f"{name}: changed after the export; copy the model again")
    return certificate


def verify_loader(path: str | os.PathLike[str]) -> Certificate:
    """The certificate, after the bundle's own ``reload.py``, which compares the rest, alone.

    Raises:
      ReloadError: one of the two was changed.
    """
    root = Path(path).resolve()
    certificate = _read_certificate(root)
    if (root / LOADER).is_symlink() or digest(root / LOADER) != certificate["files"].get(LOADER):
        raise ReloadError(f"{LOADER}: changed after the export; copy the model again")
    return certificate


def seal(certificate: Mapping[str, object]) -> str:
    """The certificate's text, with its own SHA-256; there is one valid text, so a change shows."""
    body = {key: value for key, value in certificate.items() if key != "sha256"}
    sha256 = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    return json.dumps({**body, "sha256": sha256}, indent=1, sort_keys=True) + "\n"


def digests(root: Path, names: Sequence[str]) -> dict[str, str]:
    """SHA-256 of files below a folder, in hex; of several at a time, in little memory."""
    with ThreadPoolExecutor() as pool:  # a hash is computed outside of Python's lock
        return dict(zip(names, pool.map(digest, [root / name for name in names]), strict=True))


def digest(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_certificate(root: Path) -> Certificate:
    try:
        text = (root / CERTIFICATE).read_bytes().decode()
        parsed = json.loads(text)
    except FileNotFoundError as error:
        raise ReloadError(f"{root}: no {CERTIFICATE}; expected an exported model") from error
    except (ValueError, RecursionError) as error:
        raise ReloadError(f"{CERTIFICATE}: changed after the export: {error}") from error
    certificate: Certificate = parsed
    if not isinstance(parsed, dict) or seal(certificate) != text:
        raise ReloadError(f"{CERTIFICATE}: changed after the export; copy the model again")
    if (version := certificate.get("schema_version", SCHEMA_VERSION)) != SCHEMA_VERSION:
        raise ReloadError(
            f"{CERTIFICATE}: schema_version: expected {SCHEMA_VERSION}, received {version}; "
            "use the reload.py of the bundle itself"
        )
    if missing := [name for name in Certificate.__annotations__ if name not in certificate]:
        raise ReloadError(f"{CERTIFICATE}: lacks {', '.join(missing)}; export the model again")
    if certificate["keras_generation"] not in (KERAS_GENERATION, None):
        raise ReloadError(
            f"{CERTIFICATE}: keras_generation: expected {KERAS_GENERATION!r}, received "
            f"{certificate['keras_generation']!r}"
        )
    return certificate


def _files(root: Path) -> set[str]:
    """Every file below ``root``, except this script's bytecode."""
    present = set()
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(folder, name)
            relative = path.relative_to(root).as_posix()
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                raise ReloadError(f"{relative}: expected a plain file or folder in a bundle")
            if path.is_file() and not relative.startswith(f"{BYTECODE}/reload."):
                present.add(relative)
    return present


# -- The signature: who made the bundle ------------------------------------------------------------


def check_signature(path: str | os.PathLike[str], public_key: str | os.PathLike[str]) -> None:
    """Compares ``model.sig`` with a public key, and every file of the bundle with ``model.sig``.

    It is in the format of OpenSSF Model Signing: the SHA-256 of each file, signed by ECDSA.

    Args:
      path: the SavedModel's folder.
      public_key: a PEM file; a key on P-256, P-384 or P-521.

    Raises:
      ReloadError: see ``verify``; the bundle is not signed, or not with this key, or it was changed
        since; or cryptography is not installed.
    """
    certificate = verify(path)
    message, signature, _ = _signed(Path(path))
    try:
        from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
    except ImportError as error:
        missing = "cryptography, which checks signatures, is not installed"
        raise ReloadError(f"{missing}: pip install cryptography") from error
    hash_of: Mapping[str, Any] = {
        "secp256r1": hashes.SHA256, "secp384r1": hashes.SHA384, "secp521r1": hashes.SHA512
    }  # fmt: skip
    try:
        key: Any = serialization.load_pem_public_key(Path(public_key).read_bytes())
        algorithm = ec.ECDSA(hash_of[key.curve.name]())
    except (OSError, ValueError, UnsupportedAlgorithm, AttributeError, KeyError) as error:
        expected = "expected a PEM file with a public key on P-256, P-384 or P-521"
        raise ReloadError(f"{public_key}: {expected}, received another file") from error
    try:
        key.verify(signature, message, algorithm)
    except InvalidSignature as error:
        raise ReloadError(f"{SIGNATURE}: not signed with the key of {public_key}") from error
    compare_signed(Path(path), certificate)


def compare_signed(root: Path, certificate: Certificate) -> None:
    """Raises a ``ReloadError`` unless ``model.sig`` is of the files that ``verify`` has checked."""
    *_, signed = _signed(root)
    present = {**certificate["files"], CERTIFICATE: digest(root / CERTIFICATE)}
    differing = [name for name in signed | present if signed.get(name) != present.get(name)]
    if {"saved_model.pb", "variables/variables.index"} <= {*differing}:
        raise ReloadError(f"{SIGNATURE}: the signature of another bundle")
    if differing:
        raise ReloadError(f"{', '.join(differing)}: changed after the bundle was signed")


def _signed(root: Path) -> tuple[bytes, bytes, dict[str, str]]:
    """What was signed, the signature, and the digests of the files in it; nothing is checked."""
    try:
        bundle = json.loads((root / SIGNATURE).read_bytes())
        envelope, kind = bundle["dsseEnvelope"], "application/vnd.in-toto+json"
        payload = base64.b64decode(envelope["payload"])
        message = f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload
        signature = base64.b64decode(envelope["signatures"][0]["sig"])
        files = json.loads(payload)["predicate"]["resources"]
        return message, signature, {each["name"]: each["digest"] for each in files}
    except FileNotFoundError as error:
        expected = f"expected {root / SIGNATURE}, which huberflow sign writes"
        raise ReloadError(f"not signed: {expected}, received none") from error
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        expected = "expected a signature of OpenSSF Model Signing"
        raise ReloadError(f"{SIGNATURE}: {expected}, received another file") from error


def signer(path: str | os.PathLike[str], public_key: str | os.PathLike[str] | None = None) -> str:
    """Who signed the bundle, in words: checked where there is a key."""
    if public_key is not None:
        check_signature(path, public_key)
        return f"signed with the key of {public_key}"
    is_signed = Path(path, SIGNATURE).exists()
    return "signed, not checked: --public-key FILE" if is_signed else "not signed"


# -- Versions --------------------------------------------------------------------------------------


def _warn_of_other_versions(certificate: Certificate) -> None:
    exported = certificate["versions"] | {
        each["name"]: each["version"] for each in certificate["source"]["requirements"]
    }
    current = {name: _installed(name) for name in exported} | versions()
    differences = [
        f"{name} {version}, now {now}"
        for name, version in exported.items()
        if (now := current[name]) not in (version, None)
        and not (_is_tested(name, version) and _is_tested(name, now))
    ]
    if differences:
        warnings.warn(f"exported with other versions: {'; '.join(differences)}", stacklevel=4)


@contextmanager
def _older_keras_named(saved: str) -> Iterator[None]:
    """Names the versions where an older tf_keras does not understand what a newer one saved."""
    try:
        yield
    except Exception as error:
        current = _tf_keras().__version__
        if _release(current) >= _release(saved):
            raise
        raise ReloadError(
            f"tf_keras: expected {saved}, which saved the model, or newer; received {current}, "
            f"which cannot load it ({type(error).__name__}): pip install "
            f'"tf-keras=={saved}", or use predictor'
        ) from error


_TESTED = {"python": ("3.11", "3.13"), "tensorflow": ("2.20", "2.21"), "tf_keras": ("2.20", "2.21")}
"""The oldest and the newest versions in which bundles were loaded with their golden values."""


def _is_tested(name: str, version: str) -> bool:
    oldest, newest = _TESTED.get(name, ("0", "0"))
    return _release(oldest) <= _release(version) <= _release(newest)


def _release(version: str) -> list[int]:
    """``[2, 21]`` of ``2.21.0``."""
    return [int(part) for part in re.findall(r"\d+", version)[:2]]


def _refuse_missing(requirements: Sequence[Distribution]) -> None:
    if missing := [each for each in requirements if _installed(each["name"]) is None]:
        pinned = " ".join(f'"{each["name"]}=={each["version"]}"' for each in missing)
        raise ReloadError(
            f"the model's source needs {', '.join(each['name'] for each in missing)}, which is not "
            f"installed: pip install {pinned}"
        )


def _installed(distribution: str) -> str | None:
    """The version of an installed distribution."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def versions() -> dict[str, str]:
    """The versions in this process that a model's numbers may depend on."""
    import tensorflow as tf

    return {
        "python": ".".join(platform.python_version_tuple()[:2]),
        "tensorflow": tf.__version__,
        "tf_keras": _tf_keras().__version__,
    }


def _tf_keras() -> types.ModuleType:
    try:
        import tf_keras
    except ImportError as error:
        raise ReloadError(
            f"this model needs {KERAS_GENERATION}, which is not installed: pip install tf-keras"
        ) from error
    if not tf_keras.__version__.startswith("2."):
        raise ReloadError(
            f"tf_keras: expected version 2, received {tf_keras.__version__}; "
            'pip install "tf-keras<3"'
        )
    return tf_keras


def _process_lock(name: str = "_reload_lock") -> threading.RLock:
    """One lock for all copies of this file in the process: each bundle brings one."""
    lock: threading.RLock = vars(_tf_keras()).setdefault(name, threading.RLock())
    return lock


def _has_started() -> bool:
    """Whether TensorFlow has started its threads, here or where this process was forked from."""
    eager = sys.modules.get("tensorflow.python.eager.context")
    context = eager.context_safe() if eager else None
    return getattr(context, "_context_handle", None) is not None


def _has_lost_threads() -> bool:
    """Whether this process was forked after that, and before it imported this file."""
    tasks = Path("/proc/self/task")
    threads = len(list(tasks.iterdir())) if tasks.exists() else sys.maxsize
    return _has_started() and threads <= threading.active_count()


_forked = _has_lost_threads()


def _note_fork() -> None:
    global _forked
    _forked = _forked or _has_started()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)


def _refuse_fork() -> None:
    """Refuses a process that was forked after TensorFlow had started, where it waits for ever."""
    if _forked:
        raise ReloadError(
            "this process was forked from one in which TensorFlow had started, and would hang: "
            "load the model after the fork and use no TensorFlow before it, or start workers by "
            'multiprocessing.get_context("spawn")'
        )


# -- The graph's ops: data until the graph is loaded, but some do more than compute ----------------

_DEEDS = {
    "runs Python code": "EagerPyFunc PyFunc PyFuncStateless",
    "reads files": (
        "CSVDataset DecodeProto EncodeProto FixedLengthRecordDataset FixedLengthRecordReader "
        "FixedUnigramCandidateSampler GenerateVocabRemapping ImmutableConst InitializeTRTResource "
        "InitializeTableFromTextFile LMDBDataset LMDBReader ListSnapshotChunksDataset "
        "LoadAndRemapMatrix LoadDataset MatchingFiles MatchingFilesDataset ReadFile RecordInput "
        "SnapshotChunkDataset SnapshotDatasetReader SnapshotNestedDatasetReader SqlDataset "
        "TFRecordDataset TFRecordReader TextLineDataset TextLineReader WholeFileReader"
    ),
    "reads variables from a file": "DTensorRestore Restore RestoreSlice",
    "writes variables to a file": "MergeV2Checkpoints Save SaveSlices",
    "writes files": (
        "CacheDataset CreateSummaryDbWriter CreateSummaryFileWriter DatasetToTFRecord "
        "DistributedSave SaveDataset SerializeTRTResource SnapshotDataset WriteFile"
    ),
    "prints what it is given": "Print",
    # A debugger's watch: to a file or to an address.
    "sends what it is given elsewhere": (
        "Copy CopyHost DebugIdentity DebugNanCount DebugNumericSummary"
    ),
    "calls another process": (
        "ConfigureDistributedTPU DataServiceDataset HostRecv HostSend Recv RegisterDataset "
        "RemoteCall RpcCall RpcClient RpcServer RpcServerRegister RpcServerStart Send"
    ),
    "runs a program that is hidden in a value": (
        "DatasetFromGraph MlirPassthroughOp RemoteFusedGraphExecute TRTEngineOp XlaCallModule "
        "XlaCustomCall"
    ),
    "changes the process": "Abort FileSystemSetConfiguration",
}
"""Ops that do more than compute, without ``Experimental`` before and a version behind."""

_SAVER = ("reads variables from a file", "writes variables to a file")
_TABLE = "InitializeTableFromTextFile"


def unsafe_ops(path: str | os.PathLike[str]) -> dict[str, str]:
    """The ops of a SavedModel that do more than compute, and what they do; nothing is loaded.

    TensorFlow's and Keras's own do not count: those that save and restore the model's variables,
    and those that learn the bins of a layer, as long as nothing that is asked calls them; and those
    that fill tables from the model's assets.

    Raises:
      ReloadError: the file is not there, or is none.
    """
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    file = Path(path, "saved_model.pb")
    try:
        saved_model = saved_model_pb2.SavedModel.FromString(file.read_bytes())
        found = [pair for meta in saved_model.meta_graphs for pair in _Graph(meta).unsafe_ops()]
    except (OSError, DecodeError, LookupError, RecursionError) as error:
        # A node lacks an input, or there is no such node, or a chain is without end.
        raise ReloadError(f"{file.name}: cannot be read: {error}") from error
    return dict(sorted(found))


def refuse_unsafe_ops(path: str | os.PathLike[str], allowed: Collection[str] = ()) -> None:
    """Refuses a SavedModel with ``unsafe_ops``, but for those that are allowed.

    Raises:
      ReloadError: it has others; the message says what they do, and how they are allowed.
    """
    refused = {op: deed for op, deed in unsafe_ops(path).items() if op not in allowed}
    if refused:
        raise ReloadError(
            f"the model does more than compute: {in_deeds(refused)}; if you trust who made it, "
            f"allow it: {' '.join(f'--allow-op {op}' for op in refused)}, or allow_ops={[*refused]}"
        )


def in_deeds(ops: Mapping[str, str]) -> str:
    """Ops, and what they do."""
    return ", ".join(f"{op} {deed}" for op, deed in ops.items())


class _Graph:
    """A graph as it is in its file: nodes, functions, and what leads to what.

    A body is that of a function, by its name, or of the graph itself: "".
    """

    def __init__(self, meta_graph: Any) -> None:
        graph = meta_graph.graph_def
        self._meta, self._nodes = meta_graph, {node.name: node for node in graph.node}
        self._functions = {each.signature.name: each for each in graph.library.function}
        self._found: list[tuple[str, Any, str]] = []
        self._handles: list[bytes] = []
        self._callers: dict[str, list[tuple[str, Any]]] = {}
        self._called: dict[tuple[str, str], list[str]] = {}
        functions = [(each.signature.name, each.node_def) for each in graph.library.function]
        for body, nodes in [("", graph.node), *functions]:
            for node in nodes:
                op = node.op
                if op == "VarHandleOp":
                    self._handles.append(node.attr["shared_name"].s)
                if deed := _deed(op):
                    self._found.append((body, node, deed))
                for function in _called(node) if _calls(op) else ():
                    self._callers.setdefault(function, []).append((body, node))
                    self._called.setdefault((body, body or node.name), []).append(function)

    def unsafe_ops(self) -> Iterator[tuple[str, str]]:
        """Each op with what it does."""
        asked, assets, adapting = self._asked(), self._assets(), self._adapting()
        for body, node, deed in self._found:
            is_own = deed in _SAVER or body in adapting
            is_idle = is_own and (body, body or node.name) not in asked
            if is_idle or (_TABLE in node.op and self._is_path(body, node.input[1], assets)):
                continue
            yield node.op, deed

    def _asked(self) -> set[tuple[str, str]]:
        """All that a caller can reach, as body and name: nodes of the graph, and functions."""
        library, objects = self._meta.graph_def.library, self._meta.object_graph_def
        signatures, collections = self._meta.signature_def, self._meta.collection_def
        names = [tensor.name for each in signatures.values() for tensor in each.outputs.values()]
        names += [name for each in collections.values() for name in each.node_list.value]
        functions = [*(objects.concrete_functions.keys() - self._adapting())]
        functions += [each.gradient_func for each in library.gradient]
        functions += [each.gradient_func for each in library.registered_gradients]
        # TensorFlow may call one of these in place of another.
        functions += [n for n, each in self._functions.items() if "api_implements" in each.attr]
        reached = [("", _node(name)) for name in names] + [(name, name) for name in functions]
        asked: set[tuple[str, str]] = set()
        for place in reached:  # it grows
            if place not in asked:
                asked.add(place)
                body, name = place
                reached += [(each, each) for each in self._called.get(place, [])]
                if not body and name in self._nodes:
                    reached += [("", _node(tensor)) for tensor in self._nodes[name].input]
        return asked

    def _adapting(self) -> set[str]:
        """The functions by which Keras's layers learn bins or words; a reload calls none."""
        nodes = self._meta.object_graph_def.nodes
        adapting, others = set[str](), set[str]()
        for node in nodes:
            is_layer = node.user_object.identifier == "_tf_keras_layer"
            for child in node.children:
                held = nodes[child.node_id]
                names = {
                    *held.function.concrete_functions,
                    held.bare_concrete_function.concrete_function_name,
                }
                is_adapting = is_layer and child.local_name == "_adapt_function"
                # A function also holds its own traces.
                (adapting if is_adapting else others).update(
                    names - {*node.function.concrete_functions}
                )
        return adapting - others

    def _assets(self) -> list[Any]:
        """The model's assets; none where one of them is outside of the folder for assets."""
        from tensorflow.core.protobuf import meta_graph_pb2

        assets = [*self._meta.asset_file_def]
        for packed in self._meta.collection_def["saved_model_assets"].any_list.value:  # TF 1
            assets.append(meta_graph_pb2.AssetFileDef.FromString(packed.value))
        paths = [PurePosixPath(asset.filename) for asset in assets]
        return [] if any(path.is_absolute() or ".." in path.parts for path in paths) else assets

    def _is_path(
        self, body: str, tensor: str, assets: Sequence[Any], inner: Sequence[str] = ()
    ) -> bool:
        """Whether a tensor is the path of an asset, whoever calls the function that it is in."""
        if not body:
            name, paths = _node(tensor), {_node(asset.tensor_info.name) for asset in assets}
            sources = [] if name in inner else self._sources(name)
            are_paths = [self._is_path("", each, assets, [*inner, name]) for each in sources]
            return name in paths or (bool(sources) and all(are_paths))
        arguments = [each.name for each in self._functions[body].signature.input_arg]
        if tensor not in arguments or body in inner:  # inner: those that it is passed on to
            return False
        place, objects = arguments.index(tensor), self._meta.object_graph_def
        callers = [
            "PartitionedCall" in node.op
            and self._is_path(caller, node.input[place], assets, [*inner, body])
            for caller, node in self._callers.get(body, [])
        ]
        if body in objects.concrete_functions:
            bound = objects.concrete_functions[body].bound_inputs
            captured = place - len(arguments) + len(bound)
            callers.append(captured >= 0 and objects.nodes[bound[captured]].HasField("asset"))
        return bool(assets) and all(callers)

    def _sources(self, name: str) -> list[str]:
        """What a node outside of functions passes on; of a variable, all that it may be."""
        node = self._nodes.get(name)
        if node is None or node.op not in ("Identity", "ReadVariableOp"):
            return []
        if node.op == "Identity":
            return [node.input[0]]
        variable = self._nodes.get(_node(node.input[0]))
        if variable is None or self._handles.count(variable.attr["shared_name"].s) != 1:
            return []  # another handle may assign it
        users = [n for n in self._nodes.values() if variable.name in map(_node, n.input)]
        if not {user.op for user in users} <= {
            "AssignVariableOp",
            "ReadVariableOp",
            "VarIsInitializedOp",
        }:
            return []  # so may a function
        return [user.input[1] for user in users if user.op == "AssignVariableOp"]


def _node(tensor: str) -> str:
    """The node of a tensor or of a control input."""
    return tensor.lstrip("^").partition(":")[0]


def _called(node: Any) -> list[str]:
    """The functions that a node calls."""
    functions = []
    for value in node.attr.values():
        if value.HasField("func"):
            functions.append(value.func.name)
        elif value.HasField("list"):
            functions += [each.name for each in value.list.func]
    return functions


@functools.cache
def _calls(op: str) -> bool:
    """Whether an op can call functions."""
    from tensorflow.python.framework import op_def_registry

    definition = op_def_registry.get(op)
    return definition is None or any("func" in each.type for each in definition.attr)


@functools.cache
def _deed(op: str) -> str | None:
    """What an op does, if it does more than compute."""
    name = re.sub(r"^_?(?:Experimental)?(\w+?)(?:V\d+)?$", r"\1", op)
    return next((deed for deed, ops in _DEEDS.items() if name in ops.split()), None)


# -- The bundle's source, imported under its own names, for this model only ------------------------


class _Source(importlib.abc.Loader):
    """Imports the modules of one bundle; no other code in this process gets them.

    Python's own imports are not asked: they would give a thread the modules of another one. The
    bundle's code has its own ``__import__``, and its own ``importlib.import_module``, also in a
    function that runs much later.
    There ``tf.keras`` is tf_keras, also where it is Keras 3 in the rest of the process.
    """

    def __init__(
        self, folder: Path, files: Mapping[str, str], objects: Sequence[CustomObject]
    ) -> None:
        self._objects = objects
        sources = {
            folder.parent / name: sha256 for name, sha256 in files.items() if _is_source(name)
        }
        self._sha256 = {str(file): sha256 for file, sha256 in sources.items()}
        self._files = {_module_name(file.relative_to(folder)): file for file in sources}
        self._names = {name: _Name(name) for name in self._files}
        self._roots = {name.partition(".")[0] for name in self._files}
        for name in sorted(self._roots & _NEEDED):
            raise ReloadError(f"{name}: a module of the bundle has the name of one that it needs")
        self._modules: dict[str, types.ModuleType] = {}
        self._lock, self._is_in_place = threading.RLock(), False
        self._builtins = {**vars(builtins), "__import__": self._import}
        self._tensorflow = _TensorFlow()
        self._importlib = _Importlib(self._import)

    @contextmanager
    def registered(self) -> Iterator[None]:
        """Has the objects in Keras's registry; what other threads register meanwhile stays there.

        A custom object scope is no alternative: registered objects win over it.
        """
        registry: dict[str, Any] = _tf_keras().utils.get_custom_objects()
        with _process_lock(), self._in_place():
            before, objects = dict(registry), dict[str, Any]()
            try:
                objects |= {**unlisted_optimizers(), **self.objects()}
                registry.update(objects)
                yield
            finally:
                for name, target in dict(registry).items():
                    if not (self._has_made(target) or target is objects.get(name)):
                        continue
                    if name in before:
                        registry[name] = before[name]
                    else:
                        del registry[name]

    def objects(self) -> dict[str, Any]:
        """Every class and function that the model uses, by its registered name."""
        import_module = self._importlib.import_module
        objects = {
            entry["name"]: getattr(import_module(entry["module"]), entry["class"])
            for entry in self._objects
        }
        # A lazy package has to import its modules now: they register objects.
        for name, file in self._files.items():
            package = self._module(name) if file.name == "__init__.py" else None
            for lazy in getattr(package, "__all__", []):
                with suppress(ImportError):  # no object needs that module, and it is not here
                    if not hasattr(package, lazy):
                        self._import(name, fromlist=[lazy])
        return objects

    def _has_made(self, target: Any) -> bool:
        """Whether a class or function is of the bundle's code, and not of another with its name."""
        module = getattr(target, "__module__", None)
        return module is not None and self._names.get(str(module)) is module

    @contextmanager
    def _in_place(self) -> Iterator[None]:
        """Lets Python find the modules by the ``__module__`` of their classes and functions."""
        with self._lock:
            if self._is_in_place:
                yield
                return
            self._is_in_place = True
            sys.modules.update({self._names[name]: each for name, each in self._modules.items()})
            try:
                yield
            finally:
                self._is_in_place = False
                for name in self._names.values():
                    sys.modules.pop(name, None)

    def _import(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> types.ModuleType:
        package = globals.get("__package__") if globals else None
        absolute = str(importlib.util.resolve_name("." * level + name, package))
        root = absolute.partition(".")[0]
        if root in self._roots:
            module = self._module(absolute)
            for each in self._submodules(module, fromlist or ()):
                self._module(f"{absolute}.{each}")
            return module if fromlist else self._module(root)
        if root == "tensorflow":
            return self._tensorflow.imported(name, fromlist or ())
        if root == "importlib":
            return self._importlib.imported(name, fromlist or ())
        return builtins.__import__(name, globals, locals, fromlist or (), level)

    def _submodules(self, module: types.ModuleType, fromlist: Sequence[str]) -> list[str]:
        """The names of a ``from`` import that are modules, which are not imported yet."""
        names = getattr(module, "__all__", ()) if "*" in fromlist else fromlist
        inside = (each for each in names if f"{module.__name__}.{each}" in self._files)
        return [each for each in inside if not hasattr(module, each)]

    def _module(self, name: str) -> types.ModuleType:
        """A module, imported if it is not yet, after the packages that it is in."""
        with self._lock:
            package, _, own = name.rpartition(".")
            around = self._module(package) if package else None
            if name not in self._modules:
                self._run(name, around, own)
            return self._modules[name]

    def _run(self, name: str, package: types.ModuleType | None, own: str) -> None:
        if name not in self._files:
            raise ModuleNotFoundError(f"No module named {name!r} in the bundle", name=name)
        module = self._new(name)
        with self._in_place():
            self._modules[name] = sys.modules[self._names[name]] = module
            if package is not None:
                setattr(package, own, module)  # before it runs: modules may import each other
            try:
                self.exec_module(module)
            except BaseException:
                del self._modules[name], sys.modules[self._names[name]]
                if package is not None:
                    vars(package).pop(own, None)
                raise

    def _new(self, name: str) -> types.ModuleType:
        file = self._files[name]
        is_package = file.name == "__init__.py"
        spec = ModuleSpec(self._names[name], self, origin=str(file), is_package=is_package)
        spec.has_location = True
        if is_package:
            spec.submodule_search_locations = [str(file.parent)]
        return importlib.util.module_from_spec(spec)

    def exec_module(self, module: types.ModuleType) -> None:
        """Runs the module's source, whose hash is checked again; bytecode is never used."""
        file = str(module.__file__)
        source = Path(file).read_bytes()
        if hashlib.sha256(source).hexdigest() != self._sha256[file]:
            raise ReloadError(f"{file}: changed while it was read")
        # AutoGraph reads the source from this cache at the first call; the folder may be gone then.
        text = importlib.util.decode_source(source)
        linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
        vars(module)["__builtins__"] = self._builtins
        exec(compile(source, file, "exec", dont_inherit=True), vars(module))  # noqa: S102


class _TensorFlow(types.ModuleType):
    """TensorFlow, with tf_keras as its ``keras``."""

    def __init__(self) -> None:
        super().__init__("tensorflow")
        self.keras = _tf_keras()

    def __getattr__(self, name: str) -> Any:
        import tensorflow as tf

        value = getattr(tf, name)
        setattr(self, name, value)
        return value

    def imported(self, name: str, fromlist: Sequence[str]) -> types.ModuleType:
        """As ``__import__``: the innermost module with a fromlist, else the outermost."""
        if f"{name}.".startswith("tensorflow.keras."):
            name = name.replace("tensorflow.keras", "tf_keras", 1)
        module = builtins.__import__(name, fromlist=fromlist)
        return module if fromlist and name != "tensorflow" else self


class _Importlib(types.ModuleType):
    """importlib, with an ``import_module`` that gets the bundle's modules."""

    def __init__(self, import_: Callable[..., types.ModuleType]) -> None:
        super().__init__("importlib")
        import tensorflow as tf

        @tf.autograph.experimental.do_not_convert
        def import_module(name: str, package: str | None = None) -> types.ModuleType:
            absolute = importlib.util.resolve_name(name, package)
            return import_(absolute, fromlist=["__name__"])  # with a fromlist, the innermost module

        self.import_module = import_module

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib, name)

    def imported(self, name: str, fromlist: Sequence[str]) -> types.ModuleType:
        """As ``__import__``: the innermost module with a fromlist, else the outermost."""
        module = builtins.__import__(name, fromlist=fromlist)
        return module if fromlist and name != "importlib" else self


_NEEDED = {*sys.stdlib_module_names, "keras", "numpy", "tensorflow", "tf_keras"}


def _is_source(name: str) -> bool:
    return name.startswith(f"{EXTRA}/") and name.endswith(".py") and name != LOADER


def _module_name(file: Path) -> str:
    """The name by which the module in a file is imported."""
    parts = file.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


class _Name(str):
    """A module's name that equals its text, but is another key in a dictionary.

    In ``sys.modules``, what looks for the module of a class or function finds the bundle's by it,
    and all other code in the process finds its own by the text.
    """

    def __hash__(self) -> int:
        return id(self)


# -- golden.npz: arrays by name; text as its bytes and its lengths, as NumPy has no other form ----


def flat(name: str, nested: Nested) -> dict[str, np.ndarray]:
    """The arrays of a structure by their names below this one: ``inputs/miles``, ``inputs/[0]``."""
    import numpy as np

    if nested is None:
        return {}
    if isinstance(nested, Mapping):
        children = {escaped(key): child for key, child in nested.items()}
    elif isinstance(nested, list | tuple):
        children = {f"[{place}]": child for place, child in enumerate(nested)}
    else:
        array = np.asarray(nested)
        # bfloat16, which NumPy writes but cannot read; as float32 it is the same number
        return {name: array.astype(np.float32) if array.dtype.kind == "V" else array}
    parts = (flat(f"{name}/{key}", child) for key, child in children.items())
    return {key: array for part in parts for key, array in part.items()}


def escaped(name: str) -> str:
    """A name as a part of a longer one; ``urllib.parse.unquote`` gives it back."""
    return name.translate({ord(each): f"%{ord(each):02X}" for each in "%/:[]\0"})


def nested(name: str, arrays: Mapping[str, np.ndarray]) -> Nested:
    """The structure that ``flat`` took apart; None where no array has the name."""
    if name in arrays:
        return arrays[name]
    inside = [each[len(name) + 1 :] for each in arrays if each.startswith(f"{name}/")]
    keys = list(dict.fromkeys(each.partition("/")[0] for each in inside))
    if not keys:
        return None
    if keys[0].startswith("["):
        return [nested(f"{name}/[{place}]", arrays) for place in range(len(keys))]
    return {unquote(key): nested(f"{name}/{key}", arrays) for key in keys}


def read_golden(root: Path) -> Golden:
    """The golden values, of a bundle that is verified."""
    arrays = read_arrays(root / GOLDEN_VALUES)
    requests: dict[str, dict[str, np.ndarray]] = {}
    values = {}
    for name, array in arrays.items():
        kind, *parts = name.split("/")
        if kind == "requests":
            requests.setdefault(unquote(parts[0]), {})[unquote(parts[1])] = array
        elif kind not in _ROWS:
            values[name] = array
    inputs, labels, sample_weight = (nested(part, arrays) for part in _ROWS)
    return Golden(inputs, labels, sample_weight, requests, values)


_ROWS = ("inputs", "labels", "sample_weight")


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an .npz file by name; text as ``bytes`` in an array of objects."""
    import numpy as np

    with np.load(path, allow_pickle=False) as file:
        stored = {name: file[name] for name in file.files}
    arrays = {name: array for name, array in stored.items() if ":" not in name}
    for name, lengths in stored.items():
        if name.endswith(":lengths"):
            text = name.removesuffix(":lengths")
            arrays[text] = _texts(stored[f"{text}:bytes"], lengths)
    return arrays


def _texts(content: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    import numpy as np

    joined, ends = content.tobytes(), np.cumsum(lengths)
    texts = np.empty(lengths.size, object)
    for place, (end, length) in enumerate(zip(ends, lengths.ravel(), strict=True)):
        texts[place] = joined[end - length : end]
    return texts.reshape(lengths.shape)


# -- The optimizer's state, and the order of sums --------------------------------------------------


def is_compiled(model: tf_keras.Model) -> bool:
    """Whether the model has an optimizer, and so can be trained and evaluated."""
    return getattr(model, "optimizer", None) is not None


def optimizer_variables(model: tf_keras.Model) -> list[tf.Variable]:
    """The optimizer's state, in a fixed order; none of a model that is not compiled."""
    if not is_compiled(model):
        return []
    optimizer = model.optimizer
    if isinstance(optimizer, _tf_keras().optimizers.legacy.Optimizer):
        optimizer._create_all_weights(model.trainable_variables)
    else:
        optimizer.build(model.trainable_variables)
    variables = optimizer.variables
    listed = list(variables() if callable(variables) else variables)
    # An optimizer does not list all: Nadam's product, a loss scale, a learning rate, a user's own.
    seen = {id(each) for each in (*listed, *model.variables)}
    return [*listed, *_variables_in(optimizer, seen)]


def _variables_in(node: Any, seen: set[int]) -> Iterator[tf.Variable]:
    """The variables that an optimizer holds, in itself, in lists and in what else it holds."""
    import tensorflow as tf

    if id(node) in seen:
        return
    seen.add(id(node))
    schedule = _tf_keras().optimizers.schedules.LearningRateSchedule
    children: Sequence[Any] = ()
    if isinstance(node, tf.Variable):
        yield node
    elif isinstance(node, Mapping):
        children = [*node.values()]
    elif isinstance(node, list | tuple):
        children = node
    elif isinstance(node, schedule | tf.__internal__.tracking.Trackable):
        children = [each for name, each in sorted(vars(node).items()) if name not in _COPIES]
    for child in children:
        yield from _variables_in(child, seen)


_COPIES = ("_coalesced_children", "_self_unconditional_checkpoint_dependencies")
"""Attributes that have what others have, in some processes only."""


def inner_optimizer(model: tf_keras.Model) -> Any:
    """The model's optimizer; of one that scales the loss, the one inside it."""
    return getattr(model.optimizer, "inner_optimizer", model.optimizer)


def optimizer_state(model: tf_keras.Model) -> dict[str, np.ndarray]:
    """The arrays of ``optimizer.npz``; none of a model that is not compiled."""
    import numpy as np

    variables = optimizer_variables(model)
    state = {str(place): variable.numpy() for place, variable in enumerate(variables)}
    decays = getattr(inner_optimizer(model), "_use_weight_decay", None) if variables else None
    if decays is not None:
        state[_UNDECAYED] = np.array([not decays(each) for each in model.trainable_variables], bool)
    return state


_UNDECAYED = "without_weight_decay"
"""Which trainable variables ``exclude_from_weight_decay`` named: the config has no word of it."""


def restore_optimizer(model: tf_keras.Model, state: Mapping[str, np.ndarray]) -> None:
    """Gives the optimizer the state that ``optimizer_state`` gave.

    Raises:
      ReloadError: it is the state of another optimizer.
    """
    variables, optimizer = optimizer_variables(model), inner_optimizer(model)
    count = len(state.keys() - {_UNDECAYED})
    if count != len(variables):
        raise ReloadError(
            f"{Path(OPTIMIZER).name}: expected {len(variables)} arrays for {type(optimizer)}, "
            f"received {count}; use the reload.py of the bundle itself"
        )
    for position, variable in enumerate(variables):
        variable.assign(state[str(position)].astype(variable.dtype.as_numpy_dtype))
    if _UNDECAYED in state:
        pairs = zip(model.trainable_variables, state[_UNDECAYED], strict=True)
        optimizer._exclude_from_weight_decay = [optimizer._var_key(v) for v, out in pairs if out]


def unlisted_optimizers() -> dict[str, Any]:
    """tf_keras's own optimizers that it does not find by their names in a SavedModel."""
    return {name: getattr(_tf_keras().optimizers, name) for name in ("Adafactor", "Lion")}


@contextmanager
def deterministic_sums() -> Iterator[None]:
    """Makes TensorFlow add the terms of a sum in the order of the code.

    It otherwise orders them by the names of their ops, and a reload renames some: a loss with its
    penalties would differ in the last bit.
    """
    import tensorflow as tf

    optimizer, option = tf.config.optimizer, "arithmetic_optimization"
    with tf.experimental.function_executor_type(""):  # at its end, this thread has its own options
        with _process_lock():
            before = optimizer.get_experimental_options().get(option, True)
            optimizer.set_experimental_options({option: False})
            with tf.experimental.function_executor_type(""):  # keeps them for this thread ...
                optimizer.set_experimental_options({option: before})  # ... and no other one
        yield


# -- Random numbers and states: the same in every process ------------------------------------------

_SEED = 1


@contextmanager
def seeded(model: tf_keras.Model) -> Iterator[None]:
    """Makes a model draw the same random numbers in this block, in every process.

    What it runs is traced anew, as a graph, where each op has its seed by its place; and every
    generator starts from one state. After the block, the model has the functions that it had, which
    go on with the numbers that they would have drawn; so do all generators.
    """
    import tensorflow as tf
    from tensorflow.python.eager.polymorphic_function import function_context
    from tensorflow.python.framework import random_seed
    from tensorflow.python.ops import stateful_random_ops

    own = _own_generator()
    one_at_a_time = _process_lock("_reload_seeds_lock")
    with one_at_a_time, generators_unchanged(model), ExitStack() as block:
        for owner, name, value in (
            (random_seed, "get_seed", _seeds_by_place(random_seed.get_seed)),
            (function_context, _CONTEXT, _context_of_block(function_context, own)),
            (stateful_random_ops, "global_generator", own),
            *((model, function, None) for function in _FUNCTIONS),
        ):
            block.callback(setattr, owner, name, getattr(owner, name))
            setattr(owner, name, value)
        tf.get_logger().addFilter(_is_no_advice)
        block.callback(tf.get_logger().removeFilter, _is_no_advice)
        block.callback(tf.config.run_functions_eagerly, tf.config.functions_run_eagerly())
        tf.config.run_functions_eagerly(False)
        for generator in (own, *_generators(model)):
            _restart(generator)
        yield


_CONTEXT = "make_function_context"
"""TensorFlow's function that tells when a ``tf.function`` is to be traced anew."""
_FUNCTIONS = ("train_function", "train_tf_function", "test_function", "predict_function")
"""Keras traces them anew where they are None."""


def _is_no_advice(record: logging.LogRecord) -> bool:
    """Not TensorFlow's advice to trace less often, which no user of a bundle can follow."""
    return "triggered tf.function retracing" not in record.getMessage()


def _seeds_by_place(get_seed: _Function) -> _Function:
    """In place of TensorFlow's ``get_seed``: a graph's first op has the seeds 1 and 1, and so on.

    Whatever seeds a layer or the process has: with each trace, Keras gives a layer another one.
    """
    import tensorflow as tf

    places: dict[tf.Graph, int] = {}

    def seeds(op_seed: int | None) -> tuple[int, int]:
        graph = tf.compat.v1.get_default_graph()
        places[graph] = places.get(graph, 0) + 1
        return _SEED, places[graph]

    return _in_this_thread(seeds, get_seed)


def _context_of_block(function_context: types.ModuleType, mark: object) -> _Function:
    """In place of TensorFlow's: functions inside a model are traced anew as well."""
    make: _Function = getattr(function_context, _CONTEXT)

    def marked(*args: Any) -> Any:
        found = make(*args)
        return found._replace(context=(found.context, mark))

    return _in_this_thread(marked, make)


def _in_this_thread(function: _Function, elsewhere: _Function) -> _Function:
    """One function in the thread that asks for it, and another one in all others."""
    thread = threading.get_ident()

    def chosen(*args: Any) -> Any:
        return (function if threading.get_ident() == thread else elsewhere)(*args)

    return chosen


@functools.cache
def _own_generator() -> tf.random.Generator:
    """In place of the global generator, which the process may not have made yet."""
    import tensorflow as tf

    return tf.random.Generator.from_seed(_SEED)


def _generators(root: Any) -> Iterator[Any]:
    """The random generators below an object: TensorFlow's, and Keras's, ready for use."""
    import tensorflow as tf

    for each in tf.train.TrackableView(root).descendants():
        found: Any
        for found in (each, getattr(each, "_random_generator", None)):
            if hasattr(found, "make_legacy_seed"):  # Keras's has no public name.
                found._maybe_init()
                yield found
            elif isinstance(found, tf.random.Generator):
                yield found


def _restart(generator: Any) -> None:
    of_tensorflow = getattr(generator, "_generator", generator)
    if of_tensorflow is None:
        generator._seed = _SEED
    else:
        of_tensorflow.reset_from_seed(_SEED)


@contextmanager
def generators_unchanged(root: Any) -> Iterator[None]:
    """Restores the seeds and states of the generators below an object after the block."""
    generators = list(_generators(root))
    seeds = [(each, each._seed) for each in generators if hasattr(each, "_seed")]
    of_tensorflow = (getattr(each, "_generator", each) for each in generators)
    states = [(each.state, each.state.numpy()) for each in of_tensorflow if each is not None]
    try:
        yield
    finally:
        for generator, seed in seeds:
            generator._seed = seed
        for state, value in states:
            state.assign(value)


@contextmanager
def unchanged(root: Any, *more: tf.Variable) -> Iterator[None]:
    """Restores the state of a model, or of a loaded SavedModel, after the block.

    That is all its variables and ``more``, the states of its layers, and its random generators.
    """
    import tensorflow as tf

    found = (*tf.train.TrackableView(root).descendants(), *_states(root), *more)
    # The vocabulary of a lookup layer, which no training changes, is in a table.
    variables = {id(each): each for each in found if isinstance(each, tf.Variable)}.values()
    before = [variable.numpy() for variable in variables]
    with generators_unchanged(root):
        try:
            yield
        finally:
            for variable, value in zip(variables, before, strict=True):
                variable.assign(value)


def _states(root: Any) -> list[tf.Variable]:
    """What recurrent layers with ``stateful=True`` keep from one batch to the next."""
    import tensorflow as tf

    below = tf.train.TrackableView(root).descendants()
    layers = [each for each in below if isinstance(each, _tf_keras().layers.RNN) and each.stateful]
    states = (state for layer in layers for state in tf.nest.flatten(layer.states))
    return [state for state in states if isinstance(state, tf.Variable)]


def _reset_states(model: tf_keras.Model) -> None:
    for state in _states(model):
        state.assign(state * 0)


# -- What a model computes: measured when it is exported, and again when it is checked -------------


def model_values(
    model: tf_keras.Model, inputs: Nested, labels: Nested = None, sample_weight: Nested = None
) -> dict[str, np.ndarray]:
    """The model's values for these rows, as one batch.

    Arrays by name: ``model/prediction``, with several outputs one below it for each;
    ``model/loss_per_example`` of a single loss; and ``model/<name>`` for the loss and each metric.
    Without labels, or where the model is not compiled, the predictions alone.
    """
    import numpy as np

    _reset_states(model)
    prediction = model.predict_on_batch(inputs)
    values = flat("model/prediction", prediction)
    if not has_loss(model, labels):
        return values
    values |= loss_per_example(model, labels, prediction)
    model.reset_metrics()
    _reset_states(model)
    measured = model.test_on_batch(inputs, labels, sample_weight, return_dict=True)
    return values | {f"model/{escaped(name)}": np.asarray(each) for name, each in measured.items()}


def has_loss(model: tf_keras.Model, labels: Nested) -> bool:
    """Whether a model that was called can be evaluated: a loss that it adds may need no labels."""
    if not is_compiled(model):
        return False
    adds_all = model.loss is None or (not model.loss and model.losses)
    return bool(labels is not None or adds_all)


def loss_per_example(
    model: tf_keras.Model, labels: Nested, prediction: Nested
) -> dict[str, np.ndarray]:
    """``model/loss_per_example``; empty where there is not a single loss with a value per row."""
    import numpy as np
    import tensorflow as tf

    parts = [tf.nest.flatten(part) for part in (model.loss, labels, prediction)]
    if any(len(part) != 1 or part[0] is None for part in parts):
        return {}
    (loss,), (label,), (predicted,) = parts
    if np.ndim(label) == 1 and np.ndim(predicted) == 2:  # as in Keras's training
        label = np.reshape(label, (-1, 1))
    if label.dtype.kind == predicted.dtype.kind == "f":
        label = label.astype(predicted.dtype)
    loss = _tf_keras().losses.get(loss)
    losses = np.asarray(getattr(loss, "call", loss)(tf.constant(label), tf.constant(predicted)))
    return {"model/loss_per_example": losses} if len(label) in losses.shape[:1] else {}


def step_losses(
    model: tf_keras.Model, inputs: Nested, labels: Nested = None, sample_weight: Nested = None
) -> np.ndarray:
    """The losses of two training steps on these rows; the second depends on the first step.

    Of a model whose ``train_step`` gives no loss, all that it gives.
    """
    import numpy as np

    _reset_states(model)
    steps = [
        model.train_on_batch(inputs, labels, sample_weight, return_dict=True) for _ in range(2)
    ]
    return np.asarray([step.get("loss", [*step.values()]) for step in steps])


def signature_of(
    loaded: Any, name: str, inputs: Mapping[str, Tensor]
) -> Callable[..., dict[str, tf.Tensor]]:
    """A signature of what ``tf.saved_model.load`` gave, as a function of arrays, by name.

    The loaded function itself does not know its inputs' names where they were changed in the file.
    """
    import tensorflow as tf

    def ask(**arguments: Any) -> dict[str, tf.Tensor]:
        if unknown := arguments.keys() - inputs.keys():
            expected, received = ", ".join(inputs), ", ".join(unknown)
            raise ReloadError(f"{name}: expected the arguments {expected}, received {received}")
        for argument, values in arguments.items():
            _refuse_inexact(argument, values, inputs[argument]["dtype"])
        tensors = {n: tf.constant(each, inputs[n]["dtype"]) for n, each in arguments.items()}
        # Through `loaded`: a signature alone does not keep its variables alive.
        return loaded.signatures[name](**tensors)

    return ask


def _refuse_inexact(name: str, values: Any, dtype: str) -> None:
    """Refuses what TensorFlow would change in silence: 1.7 to 1, and NaN to any whole number."""
    import numpy as np
    import tensorflow as tf

    wanted = tf.as_dtype(dtype)
    if not (wanted.is_integer or wanted.is_bool):
        return
    given = np.asarray(values)
    try:
        with np.errstate(invalid="ignore"):
            exact = given.dtype.kind in "biufO" and np.array_equal(
                given.astype(wanted.as_numpy_dtype), given
            )
    except (TypeError, ValueError, OverflowError):  # of None, text, NaN among objects
        exact = False
    if not exact:
        kind = "True or False" if wanted.is_bool else "whole numbers"
        raise ReloadError(f"{name}: expected {kind} ({dtype}), received {given.tolist()!s:.80}")


def answer_values(name: str, answers: Mapping[str, tf.Tensor]) -> dict[str, np.ndarray]:
    """The outputs of a signature as arrays: ``answers/<name>/<output>``."""
    import numpy as np
    import tensorflow as tf

    # Text as objects: TensorFlow gives a plain bytes for a scalar, where NumPy drops a last 0.
    arrays = {
        output: np.asarray(tensor.numpy(), object if tensor.dtype == tf.string else None)
        for output, tensor in answers.items()
    }
    return flat(f"answers/{escaped(name)}", arrays)


def device_of(model: tf_keras.Model, inputs: Nested) -> str:
    """The device that the model's ops run on: ``CPU:0``, ``GPU:1``."""
    import tensorflow as tf

    # All rows: a model may take a fixed number of them.
    return device_of_tensors(tf.nest.flatten(model(tensors(inputs), training=False)))


def tensors(nested: Nested) -> Any:
    """The tensors that Keras makes of arrays."""
    import tensorflow as tf

    def tensor(array: np.ndarray) -> tf.Tensor:
        is_float = array.dtype.kind == "f"
        return tf.constant(array, _tf_keras().backend.floatx() if is_float else None)

    return tf.nest.map_structure(lambda array: None if array is None else tensor(array), nested)


def device_of_tensors(tensors: Sequence[tf.Tensor]) -> str:
    """The device of the first tensor of numbers; without any, where TensorFlow puts ops."""
    import tensorflow as tf

    device = next((each.device for each in tensors if each.dtype != tf.string), "")
    spec = tf.DeviceSpec.from_string(device or tf.zeros([1]).device)
    return f"{spec.device_type}:{spec.device_index}"


def machine(device: str) -> Machine:
    """This machine, with one of its devices, and the settings that decide which kernels run."""
    import tensorflow as tf

    if hasattr(os, "sched_getaffinity"):
        threads = len(os.sched_getaffinity(0))
    else:
        threads = os.cpu_count() or 1
    kind, _, index = device.partition(":")
    gpus = tf.config.list_physical_devices("GPU") if kind == "GPU" else []
    details = tf.config.experimental.get_device_details(gpus[int(index)]) if gpus else {}
    return {
        "processor": _processor(),
        "threads": threads,
        "device": details.get("device_name", kind),
        **versions(),
        **_kernels(),
        **(_gpu_software() if gpus else {}),
    }


def machine_differences(there: Machine, here: Machine) -> list[str]:
    """What differs between two machines, in words: ``onednn: on there, off here``."""
    return [
        f"{name}: {there.get(name, 'none')} there, {here.get(name, 'none')} here"
        for name in {**there, **here}
        if there.get(name) != here.get(name)
    ]


def _kernels() -> Machine:
    """The settings of this process; what is not set is TensorFlow's default for the processor."""
    import tensorflow as tf
    from tensorflow.python.util import _pywrap_determinism, _pywrap_util_port

    intra = tf.config.threading.get_intra_op_parallelism_threads()
    inter = tf.config.threading.get_inter_op_parallelism_threads()
    return {
        "onednn": _on(_pywrap_util_port.IsMklEnabled()),
        # Eigen's products are oneDNN's kernels too, also where oneDNN is off.
        "onednn_isa": _variable("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"),
        "onednn_math": _variable(
            "TF_SET_ONEDNN_FPMATH_MODE", "ONEDNN_DEFAULT_FPMATH_MODE", "DNNL_DEFAULT_FPMATH_MODE"
        ),
        "intra_op_threads": str(intra or _variable("TF_NUM_INTRAOP_THREADS")),
        "inter_op_threads": str(inter or _variable("TF_NUM_INTEROP_THREADS")),
        "xla": _xla(),
        "deterministic_ops": _on(_pywrap_determinism.is_enabled()),
    }


def _xla() -> str:
    """Where XLA compiles, and how; a flag with a path, such as one for dumps, decides no bits."""
    import tensorflow as tf

    flags = f"{os.environ.get('TF_XLA_FLAGS', '')} {os.environ.get('XLA_FLAGS', '')}".split()
    chosen = [tf.config.optimizer.get_jit(), *sorted({each for each in flags if "/" not in each})]
    return " ".join(filter(None, chosen)) or "default"


def _gpu_software() -> Machine:
    """What computes on a GPU of NVIDIA's: TensorFlow has loaded these libraries."""
    import ctypes

    import tensorflow as tf

    build, cuda, cudnn = tf.sysconfig.get_build_info(), ctypes.c_int(), 0
    with suppress(OSError, AttributeError):
        runtime = ctypes.CDLL(f"libcudart.so.{build['cuda_version'].partition('.')[0]}")
        runtime.cudaRuntimeGetVersion(ctypes.byref(cuda))
    with suppress(OSError, AttributeError):
        library = f"libcudnn.so.{build['cudnn_version'].partition('.')[0]}"
        cudnn = ctypes.CDLL(library).cudnnGetVersion()
    about = Path("/proc/driver/nvidia/version")
    driver = re.search(r"\d+(\.\d+)+", about.read_text()) if about.exists() else None
    tf32 = tf.config.experimental.tensor_float_32_execution_enabled()
    return {
        "tf32": _on(tf32 and os.environ.get("NVIDIA_TF32_OVERRIDE") != "0"),
        "cuda": str(cuda.value or "unknown"),
        "cudnn": str(cudnn or "unknown"),
        "driver": driver[0] if driver else "unknown",
    }


def _on(enabled: bool) -> str:
    return "on" if enabled else "off"


def _variable(*names: str) -> str:
    """The first of these environment variables that is set."""
    return next((os.environ[name].upper() for name in names if os.environ.get(name)), "default")


def _processor() -> str:
    """The processor's name and a digest of its instruction set, which may differ under one name."""
    about = Path("/proc/cpuinfo")
    lines = about.read_text().splitlines() if about.exists() else []
    facts = dict(
        reversed([re.split(r"\s*:\s*", line, maxsplit=1) for line in lines if ":" in line])
    )
    name = facts.get("model name") or platform.processor() or platform.machine()
    flags = facts.get("flags") or facts.get("Features") or ""
    return f"{name} ({hashlib.sha256(flags.encode()).hexdigest()[:8]})" if flags else name


# -- The check -------------------------------------------------------------------------------------


def check(
    path: str | os.PathLike[str], device: str | None = None, *, allow_ops: Collection[str] = ()
) -> CheckReport:
    """Compares what the model computes here with the golden values that the bundle has.

    Args:
      path: the SavedModel's folder.
      device: "cpu" or "gpu", where all ops must run; None for TensorFlow's choice.
      allow_ops: ops that may do more than compute, such as ``["PyFunc"]``.

    Returns:
      ``ok``; the ``device`` that the ops ran on; ``precision``, which names the tolerances in use;
      ``differences`` of this machine and process from those of the golden values, in words;
      ``seconds`` for ``load``, and of a signature ``first_prediction`` and ``warm_prediction``;
      ``values``, for each name the largest ``absolute`` difference, the same ``relative`` to the
      largest golden value, what is ``allowed`` (absolute), and ``ok``; ``statement``, what this
      proves and what not; ``signature``, whether the bundle is signed.

    Raises:
      ReloadError: see ``verify`` and ``refuse_unsafe_ops``; or ops did not run on ``device``.

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
        >>> report = huberflow.check(path)
        >>> report["ok"], report["precision"]
        (True, 'same_machine')
        >>> report["statement"]
        'Proves: predictions, loss, metrics, two training steps and the answers of \
serving_default, as in the training process.'
    """
    _refuse_fork()
    import tensorflow as tf  # takes seconds, in which a file could change

    root, certificate = Path(path).resolve(), verify(path)
    refuse_unsafe_ops(root, allow_ops)
    if device == "gpu" and not tf.config.list_logical_devices("GPU"):
        raise ReloadError(
            "device: expected a GPU, received none that TensorFlow can use; use --device cpu"
        )
    expected = read_golden(root)
    with tf.device(f"/{device.upper()}:0") if device else nullcontext(), deterministic_sums():
        measured = _measure(root, certificate, expected)
    used = measured.device or device_of_tensors([])
    if device and not used.startswith(device.upper()):
        raise ReloadError(f"device: expected {device}, but the model's ops ran on {used}")
    there, here = certificate["machine"], machine(used)
    precision = _precision(measured.model, there, here)
    compared = {
        name: _difference(measured.values.get(name), value, _allowed(certificate, precision, name))
        for name, value in expected.values.items()
    }
    return {
        "ok": all(difference["ok"] for difference in compared.values()),
        "path": str(root),
        "device": used,
        "precision": precision,
        "differences": machine_differences(there, here),
        "seconds": measured.seconds,
        "values": compared,
        "statement": certificate["proof"]["statement"],
        "signature": signer(root),
    }


def _measure(root: Path, certificate: Certificate, rows: Golden) -> _Measured:
    measured = _Measured()
    if certificate["keras_generation"] is not None:
        measured.load(root, certificate)
    measured.ask_signatures(root, rows.requests, certificate["signatures"])
    if rows.inputs is not None:
        measured.ask_model(rows)
    return measured


class _Measured:
    """What a bundle's model computes here, under the names of its golden values."""

    def __init__(self) -> None:
        self.model: tf_keras.Model | None = None
        self.values: dict[str, np.ndarray] = {}
        self.seconds: dict[str, float] = {}
        self.device: str | None = None

    def load(self, root: Path, certificate: Certificate) -> None:
        """Loads the Keras model."""
        self.seconds["load"], self.model = _timed(_loaded, root, certificate, True)

    def ask_signatures(
        self,
        root: Path,
        requests: Mapping[str, Mapping[str, np.ndarray]],
        signatures: Mapping[str, Signature],
    ) -> None:
        """Asks each signature that has requests; the times are those of ``serving_default``."""
        import tensorflow as tf

        loaded = tf.saved_model.load(str(root)) if requests else None
        for name in sorted(requests, key=lambda name: name != "serving_default"):
            arguments = requests[name]
            ask = signature_of(loaded, name, signatures[name]["inputs"])
            with unchanged(loaded):
                seconds, answers = _timed(ask, **arguments)
                if "first_prediction" not in self.seconds:
                    self.seconds["first_prediction"] = seconds
                    self.seconds["warm_prediction"], _ = _timed(ask, **arguments)
            self.device = self.device or device_of_tensors([*answers.values()])
            self.values |= answer_values(name, answers)

    def ask_model(self, rows: Golden) -> None:
        """Asks the Keras model."""
        given = rows.inputs, rows.labels, rows.sample_weight
        with seeded(self.model):
            self.values |= model_values(self.model, *given)
            if "steps" in rows.values:
                self.values["steps"] = step_losses(self.model, *given)
            self.device = device_of(self.model, rows.inputs)


def _allowed(certificate: Certificate, precision: str, name: str) -> float:
    tolerances: Mapping[str, Any] = certificate["tolerances"]
    return 0.0 if precision == "same_machine" else float(tolerances[precision][name])


def _timed(call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> tuple[float, Any]:
    start = time.perf_counter()
    result = call(*args, **kwargs)
    return time.perf_counter() - start, result


def _precision(model: tf_keras.Model | None, there: Machine, here: Machine) -> str:
    """The name of the certificate's tolerances for a model, from its machine to this one."""
    if there == here:
        return "same_machine"
    dtypes = {each.compute_dtype for each in model._flatten_layers()} if model is not None else ()
    for dtype in ("bfloat16", "float16"):
        if dtype in dtypes:
            return f"mixed_{dtype}"
    return "tf32" if "on" in (there.get("tf32"), here.get("tf32")) else "float32"


def _difference(received: np.ndarray | None, expected: np.ndarray, allowed: float) -> Difference:
    import numpy as np

    if received is None or received.shape != expected.shape:
        shape = "none" if received is None else list(received.shape)
        return {
            "absolute": float("inf"),
            "relative": float("inf"),
            "allowed": allowed,
            "ok": False,
            "reason": f"shape: expected {list(expected.shape)}, received {shape}",
        }
    if expected.dtype.kind == "f":
        absolute, largest = _distance(received, expected), np.max(np.abs(expected), initial=0.0)
    else:  # text and whole numbers: the share that differs
        absolute, largest = float(np.mean(received != expected)) if expected.size else 0.0, 1.0
    return {
        "absolute": absolute,
        "relative": absolute / float(largest) if largest else absolute,
        "allowed": allowed,
        "ok": absolute <= allowed,
    }


def _distance(received: np.ndarray, expected: np.ndarray) -> float:
    """The largest absolute difference; a NaN equals a NaN alone."""
    import numpy as np

    received, expected = np.asarray(received, np.float64), np.asarray(expected, np.float64)
    same = (received == expected) | (np.isnan(received) & np.isnan(expected))
    distance = np.nan_to_num(np.abs(received - expected), nan=np.inf)
    return float(np.max(np.where(same, 0.0, distance), initial=0.0))


def in_words(name: str, difference: Difference) -> str:
    """One value of a report."""
    if "reason" in difference:
        return f"{name}: {difference['reason']}"
    return (
        f"{name} is off by {difference['absolute']:.3g}, "
        f"{difference['relative']:.3g} of the largest value; allowed {difference['allowed']:.3g}"
    )


def on_another_machine(differences: Sequence[str]) -> str:
    """Why a report's values need not be equal bit for bit."""
    return f"not the machine and settings of the golden values: {'; '.join(differences)}"


def _main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Checks an exported model on this machine.")
    bundle = Path(__file__).resolve().parent.parent
    parser.add_argument("path", nargs="?", default=bundle, help="model folder; default: this one")
    parser.add_argument("--check", action="store_true", help="also compare its values")
    parser.add_argument("--device", choices=["cpu", "gpu"], help="where all ops must run")
    parser.add_argument("--public-key", metavar="FILE", help="also check its signature, first")
    parser.add_argument(
        "--allow-op",
        action="append",
        default=[],
        metavar="OP",
        help="an op that may do more than compute, such as PyFunc; may be repeated",
    )
    parser.add_argument("--json", action="store_true", help="the report as JSON")
    options = parser.parse_args(arguments)
    report: Mapping[str, Any]
    try:
        signature = signer(options.path, options.public_key)
        if options.check:
            report = check(options.path, options.device, allow_ops=options.allow_op)
            report = {**report, "signature": signature}
        else:
            files = len(verify(options.path)["files"])
            report = {"ok": True, "files": files, "signature": signature}
    except ReloadError as error:
        report = {"ok": False, "error": str(error)}
    except Exception as error:
        report = {"ok": False, "error": f"{type(error).__name__}: {_in_a_line(error)}"}
    print(json.dumps(report) if options.json else _text(report))
    return 0 if report["ok"] else 1


def _in_a_line(error: Exception) -> str:
    """The message; of one that Keras put a traceback before, the last line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    line = next(iter(lines[-1:] if "in user code:" in lines[:1] else lines), "")
    return line.removeprefix(f"{type(error).__name__}: ")


def _text(report: Mapping[str, Any]) -> str:
    if "error" in report:
        return f"refused: {report['error']}"
    if "files" in report:
        return f"{report['files']} files are as they were exported; {report['signature']}"
    lines = [
        f"{in_words(name, each)}: {'ok' if each['ok'] else 'FAILED'}"
        for name, each in report["values"].items()
    ]
    seconds = ", ".join(f"{name} {value:.3f} s" for name, value in report["seconds"].items())
    lines.append(f"on {report['device']}, tolerances of {report['precision']}; {seconds}")
    if report["differences"]:
        lines.append(on_another_machine(report["differences"]))
    lines += [report["statement"], report["signature"]]
    return "\n".join([*lines, "ok" if report["ok"] else "FAILED"])


if __name__ == "__main__":
    sys.exit(_main())
