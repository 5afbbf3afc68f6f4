"""Reloads an exported model with the custom objects it was trained with, and proves it.

This file is in every bundle, in ``assets.extra/``; it needs only tensorflow and tf_keras::

    python reload.py --check                       # this bundle, on this machine
    python reload.py MODEL --check --device gpu --json

``load`` returns the compiled Keras model, ``predictor`` the serving signature without custom code,
``check`` compares both with the golden values of the trained model. Each refuses a bundle with a
changed, missing or additional file, and runs code of the bundle only after that.
"""

from __future__ import annotations

import sys

if __name__ == "__main__" and not sys.flags.safe_path:
    del sys.path[0]  # A file json.py beside this script would run in place of Python's own.

import argparse
import builtins
import hashlib
import importlib
import importlib.abc
import importlib.util
import json
import linecache
import os
import platform
import re
import threading
import time
import types
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from importlib.machinery import ModuleSpec
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    import numpy as np
    import tensorflow as tf
    import tf_keras

SCHEMA_VERSION = 1
KERAS_GENERATION = "tf_keras 2"

EXTRA = "assets.extra"
CERTIFICATE = f"{EXTRA}/certificate.json"
GOLDEN_EXAMPLES = f"{EXTRA}/golden.tfrecord"
GOLDEN_VALUES = f"{EXTRA}/golden.npz"
OPTIMIZER = f"{EXTRA}/optimizer.npz"
LOADER = f"{EXTRA}/reload.py"

CustomObject = TypedDict(
    "CustomObject",
    {"name": str, "module": str, "class": str, "config": Any, "file": str, "sha256": str},
)
"""A custom object of the model: its registered name, and the place of its source."""


class Tensor(TypedDict):
    """An input or output of a signature; None in ``shape`` stands for any length."""

    dtype: str
    shape: list[int | None]


class Signature(TypedDict):
    """A signature of the SavedModel."""

    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]


Machine = dict[str, str | int]
"""All that decides whether two machines compute the same bits."""


class Tolerances(TypedDict):
    """The largest allowed absolute difference of each golden value, for each precision."""

    chosen: str
    same_machine: int
    float32: dict[str, float]
    tf32: dict[str, float]
    mixed_float16: dict[str, float]


class GoldenFile(TypedDict):
    """The number of golden rows, and the SHA-256 of their values' file."""

    rows: int
    sha256: str


class Certificate(TypedDict):
    """``certificate.json``; ``certificate.schema.json`` describes its fields."""

    schema_version: int
    keras_generation: str
    versions: dict[str, str]
    machine: Machine
    objects: list[CustomObject]
    signatures: dict[str, Signature]
    training: Any
    lineage: Any
    tolerances: Tolerances
    golden: GoldenFile
    files: dict[str, str]
    sha256: str


class Difference(TypedDict):
    """How far a value is off."""

    absolute: float
    relative: float
    allowed: float
    ok: bool


class CheckReport(TypedDict):
    """The result of ``check``."""

    ok: bool
    path: str
    device: str
    precision: str
    seconds: dict[str, float]
    values: dict[str, Difference]


class ReloadError(Exception):
    """The bundle is not as it was written, or this machine cannot run it."""


def load(path: str | os.PathLike[str], *, trainable: bool = True) -> tf_keras.Model:
    """The compiled tf_keras model, as it was when training ended.

    Loss, metrics, regularizers and layers are those of the bundle's own source, also where other
    objects are imported or registered under their names: several bundles work side by side.

    Args:
      path: the SavedModel's folder.
      trainable: whether to restore the optimizer's state, so that training goes on where it ended;
        else every weight is frozen.

    Raises:
      ReloadError: see ``verify``.
    """
    root, certificate = Path(path).resolve(), verify(path)
    tf_keras = _tf_keras()
    _warn_of_other_versions(certificate)
    source = _Source(root / EXTRA, certificate["files"], certificate["objects"])
    with source.in_place(), _restored(tf_keras.utils.get_custom_objects()) as registry:
        registry.update(source.objects())
        model = tf_keras.models.load_model(root)
        if not trainable:
            model.trainable = False
            model.compile_from_config(model.get_compile_config())  # makes `trainable` take effect
    if trainable:
        _restore(model, root / OPTIMIZER)
    return model


def predictor(
    path: str | os.PathLike[str], signature: str = "serving_default"
) -> Callable[..., dict[str, np.ndarray]]:
    """A signature of the SavedModel as a function of arrays, by name; runs no custom code.

    ``predictor(path)(examples=[…])`` takes serialized ``tf.Example``s.

    Raises:
      ReloadError: see ``verify``; or the model has no such signature.
    """
    import tensorflow as tf

    certificate = verify(path)
    if signature not in certificate["signatures"]:
        expected = ", ".join(certificate["signatures"])
        raise ReloadError(f"signature: expected one of {expected}, received {signature!r}")
    loaded = tf.saved_model.load(str(path))
    dtypes = {
        name: spec["dtype"] for name, spec in certificate["signatures"][signature]["inputs"].items()
    }

    def predict(**inputs: Any) -> dict[str, np.ndarray]:
        # Through `loaded`: a signature alone does not keep its variables alive.
        tensors = {name: tf.constant(value, dtypes[name]) for name, value in inputs.items()}
        outputs = loaded.signatures[signature](**tensors)
        return {name: tensor.numpy() for name, tensor in outputs.items()}

    return predict


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
    for name in sorted(present - {CERTIFICATE}):
        if name not in expected:
            raise ReloadError(f"{name}: not part of the bundle; remove it, or export again")
        if digest(root / name) != expected[name]:
            raise ReloadError(f"{name}: changed after the export; copy the model again")
    return certificate


def seal(certificate: Mapping[str, object]) -> str:
    """The certificate's text, with its own SHA-256; there is one valid text, so a change shows."""
    body = {key: value for key, value in certificate.items() if key != "sha256"}
    sha256 = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    return json.dumps({**body, "sha256": sha256}, indent=1, sort_keys=True) + "\n"


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
    except ValueError as error:
        raise ReloadError(f"{CERTIFICATE}: changed after the export: {error}") from error
    certificate: Certificate = parsed
    if not isinstance(parsed, dict) or seal(certificate) != text:
        raise ReloadError(f"{CERTIFICATE}: changed after the export; copy the model again")
    if certificate.get("schema_version", 0) > SCHEMA_VERSION:
        raise ReloadError(
            f"{CERTIFICATE}: schema_version: expected at most {SCHEMA_VERSION}, received "
            f"{certificate['schema_version']}; use the reload.py of the bundle itself"
        )
    if missing := [name for name in Certificate.__annotations__ if name not in certificate]:
        raise ReloadError(f"{CERTIFICATE}: lacks {', '.join(missing)}; export the model again")
    if certificate["keras_generation"] != KERAS_GENERATION:
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
            if path.is_file() and not relative.startswith(f"{EXTRA}/__pycache__/reload."):
                present.add(relative)
    return present


def _warn_of_other_versions(certificate: Certificate) -> None:
    current = versions()
    differences = [
        f"{name} {version}, now {current[name]}"
        for name, version in certificate["versions"].items()
        if current[name] != version
    ]
    if differences:
        warnings.warn(f"exported with other versions: {'; '.join(differences)}", stacklevel=3)


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


# -- The bundle's source, imported under its own names, for this model only ------------------------


class _Source(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports the modules of one bundle; no other code in this process gets them.

    Modules with the same names leave ``sys.modules`` meanwhile. An import inside a function, which
    runs much later, still gets the bundle's modules: the bundle's code has its own ``__import__``.
    """

    _lock = threading.RLock()

    def __init__(
        self, folder: Path, files: Mapping[str, str], objects: Sequence[CustomObject]
    ) -> None:
        self._folder, self._objects = folder, objects
        sources = {name: sha256 for name, sha256 in files.items() if _is_source(name)}
        self._sha256 = {str(folder.parent / name): sha256 for name, sha256 in sources.items()}
        self._roots = {name.split("/")[1].removesuffix(".py") for name in sources}
        packages = [PurePosixPath(name).parent for name in sources if name.endswith("/__init__.py")]
        self._packages = [".".join(package.parts[1:]) for package in packages]
        self._modules: dict[str, types.ModuleType] = {}
        self._builtins = {**vars(builtins), "__import__": self._import}

    def objects(self) -> dict[str, Any]:
        """Every class and function that the model uses, by its registered name."""
        objects = {
            entry["name"]: getattr(importlib.import_module(entry["module"]), entry["class"])
            for entry in self._objects
        }
        # A lazy package has to import its modules now: later, its name is another package's.
        for name in self._packages:
            package = importlib.import_module(name)
            for lazy in getattr(package, "__all__", []):
                setattr(package, lazy, getattr(package, lazy))
        return objects

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Puts the bundle's modules into ``sys.modules``, and restores it afterwards."""
        with self._lock:
            if self in sys.meta_path:
                yield
                return
            others = self._taken_out()
            sys.modules.update(self._modules)
            sys.meta_path.insert(0, self)
            try:
                yield
            finally:
                sys.meta_path.remove(self)
                self._modules = self._taken_out()
                sys.modules.update(others)

    def _taken_out(self) -> dict[str, types.ModuleType]:
        names = [name for name in sys.modules if name.partition(".")[0] in self._roots]
        return {name: sys.modules.pop(name) for name in names}

    def _import(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] = (),
        level: int = 0,
    ) -> types.ModuleType:
        bundled = level > 0 or name.partition(".")[0] in self._roots
        with self.in_place() if bundled else nullcontext():
            return builtins.__import__(name, globals, locals, fromlist, level)

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: types.ModuleType | None = None,
    ) -> ModuleSpec | None:
        """The spec of a module in the bundle; None for any other."""
        base = self._folder.joinpath(*fullname.split("."))
        for file, folders in ((base / "__init__.py", [str(base)]), (Path(f"{base}.py"), None)):
            if str(file) in self._sha256:
                return importlib.util.spec_from_file_location(
                    fullname, file, loader=self, submodule_search_locations=folders
                )
        return None

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


def _is_source(name: str) -> bool:
    return name.startswith(f"{EXTRA}/") and name.endswith(".py") and name != LOADER


@contextmanager
def _restored(registry: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Restores Keras's registry after the block.

    A custom object scope is no alternative: registered objects win over it.
    """
    before = dict(registry)
    try:
        yield registry
    finally:
        registry.clear()
        registry.update(before)


# -- What a model computes: measured when it is exported, and again when it is checked -------------


def optimizer_variables(model: tf_keras.Model) -> list[tf.Variable]:
    """The optimizer's state, in a fixed order."""
    optimizer = model.optimizer
    optimizer.build(model.trainable_variables)
    variables = list(optimizer.variables)
    if getattr(optimizer, "dynamic", False):  # The loss scale of mixed precision.
        scale = optimizer._loss_scale
        variables += [scale.current_loss_scale, scale.counter]
    return variables


def _restore(model: tf_keras.Model, path: Path) -> None:
    import numpy as np

    variables = optimizer_variables(model)
    with np.load(path, allow_pickle=False) as state:
        if len(state) != len(variables):
            raise ReloadError(
                f"{path.name}: expected {len(variables)} arrays for {type(model.optimizer)}, "
                f"received {len(state)}"
            )
        for position, variable in enumerate(variables):
            variable.assign(state[str(position)])


@contextmanager
def deterministic_sums() -> Iterator[None]:
    """Makes TensorFlow add the terms of a sum in the order of the code.

    It otherwise orders them by the names of their ops, and a reload renames some: a loss with its
    penalties would differ in the last bit.
    """
    import tensorflow as tf

    option = "arithmetic_optimization"
    before = tf.config.optimizer.get_experimental_options().get(option, True)
    tf.config.optimizer.set_experimental_options({option: False})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({option: before})


def model_values(
    model: tf_keras.Model, inputs: Mapping[str, np.ndarray], label: np.ndarray
) -> dict[str, np.ndarray]:
    """The model's values for these rows, as one batch.

    Arrays by name: ``model/prediction``, ``model/loss_per_example``, and ``model/<name>`` for the
    loss and each metric.
    """
    import numpy as np

    prediction = model.predict_on_batch(inputs)
    loss = _tf_keras().losses.get(model.loss)
    losses = getattr(loss, "call", loss)(np.reshape(label, (len(label), -1)), prediction)
    model.reset_metrics()
    values = model.test_on_batch(inputs, label, return_dict=True)
    return {
        "model/prediction": prediction,
        "model/loss_per_example": np.asarray(losses),
        **{f"model/{name}": np.asarray(value) for name, value in values.items()},
    }


def step_losses(
    model: tf_keras.Model, inputs: Mapping[str, np.ndarray], label: np.ndarray
) -> np.ndarray:
    """The losses of two training steps on these rows; the second depends on the first step."""
    import numpy as np

    return np.asarray(
        [model.train_on_batch(inputs, label, return_dict=True)["loss"] for _ in range(2)]
    )


def device_of(model: tf_keras.Model, inputs: Mapping[str, np.ndarray]) -> str:
    """The device that the model's ops run on: ``CPU:0``, ``GPU:1``."""
    import tensorflow as tf

    one = {name: tf.constant(value[:1]) for name, value in inputs.items()}
    spec = tf.DeviceSpec.from_string(model(one, training=False).device)
    return f"{spec.device_type}:{spec.device_index}"


def machine(device: str) -> Machine:
    """This machine, with one of its devices."""
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
    }


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


def check(path: str | os.PathLike[str], device: str | None = None) -> CheckReport:
    """Compares predictions, losses, metrics and two training steps with the golden values.

    Args:
      path: the SavedModel's folder.
      device: "cpu" or "gpu", where all ops must run; None for TensorFlow's choice.

    Returns:
      ``ok``; the ``device`` that the ops ran on; ``precision``, which names the tolerances in use;
      ``seconds`` for ``load``, ``first_prediction`` and ``warm_prediction`` (of all golden rows);
      ``values``, for each name the largest ``absolute`` difference, the same ``relative`` to the
      largest golden value, what is ``allowed`` (absolute), and ``ok``.

    Raises:
      ReloadError: see ``verify``; or ops did not run on ``device``.
    """
    root, certificate = Path(path).resolve(), verify(path)
    import numpy as np
    import tensorflow as tf

    if device == "gpu" and not tf.config.list_logical_devices("GPU"):
        raise ReloadError(
            "device: expected a GPU, received none that TensorFlow can use; use --device cpu"
        )
    with tf.device(f"/{device.upper()}:0") if device else nullcontext(), deterministic_sums():
        seconds, model = _timed(lambda: load(root))
        with np.load(root / GOLDEN_VALUES, allow_pickle=False) as file:
            golden = {name: file[name] for name in file}
        label, inputs = golden.pop("label"), _pop_all(golden, "inputs/")
        used = device_of(model, inputs)
        if device and not used.startswith(device.upper()):
            raise ReloadError(f"device: expected {device}, but the model's ops ran on {used}")
        records = list(tf.data.TFRecordDataset(str(root / GOLDEN_EXAMPLES)).as_numpy_iterator())
        predict = predictor(root)
        first, served = _timed(lambda: predict(examples=records))
        warm, _ = _timed(lambda: predict(examples=records))
        values = {f"serving/{name}": array for name, array in served.items()}
        values |= model_values(model, inputs, label)
        values["steps"] = step_losses(model, inputs, label)
    precision = _precision(model, used, certificate)
    compared = {
        name: _difference(values[name], expected, _allowed(certificate, precision, name))
        for name, expected in golden.items()
    }
    return {
        "ok": all(difference["ok"] for difference in compared.values()),
        "path": str(root),
        "device": used,
        "precision": precision,
        "seconds": {"load": seconds, "first_prediction": first, "warm_prediction": warm},
        "values": compared,
    }


def _allowed(certificate: Certificate, precision: str, name: str) -> float:
    tolerances: Mapping[str, Any] = certificate["tolerances"]
    return 0.0 if precision == "same_machine" else float(tolerances[precision][name])


def _timed(call: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def _pop_all(arrays: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    names = [name for name in arrays if name.startswith(prefix)]
    return {name.removeprefix(prefix): arrays.pop(name) for name in names}


def _precision(model: tf_keras.Model, device: str, certificate: Certificate) -> str:
    """The name of the certificate's tolerances for this machine and model."""
    import tensorflow as tf

    if machine(device) == certificate["machine"]:
        return "same_machine"
    if any(layer.compute_dtype == "float16" for layer in model.layers):
        return "mixed_float16"
    tf32 = tf.config.experimental.tensor_float_32_execution_enabled()
    return "tf32" if device.startswith("GPU") and tf32 else "float32"


def _difference(received: np.ndarray, expected: np.ndarray, allowed: float) -> Difference:
    import numpy as np

    received, expected = np.asarray(received, np.float64), np.asarray(expected, np.float64)
    same = (received == expected) | (np.isnan(received) & np.isnan(expected))
    distance = np.nan_to_num(np.abs(received - expected), nan=np.inf)
    absolute = float(np.max(np.where(same, 0.0, distance), initial=0.0))
    largest = float(np.max(np.abs(expected), initial=0.0))
    relative = absolute / largest if largest else absolute
    return {
        "absolute": absolute,
        "relative": relative,
        "allowed": allowed,
        "ok": absolute <= allowed,
    }


def _main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Checks an exported model on this machine.")
    bundle = Path(__file__).resolve().parent.parent
    parser.add_argument("path", nargs="?", default=bundle, help="model folder; default: this one")
    parser.add_argument("--check", action="store_true", help="also compare its values")
    parser.add_argument("--device", choices=["cpu", "gpu"], help="where all ops must run")
    parser.add_argument("--json", action="store_true", help="the report as JSON")
    options = parser.parse_args(arguments)
    report: Mapping[str, Any]
    try:
        if options.check:
            report = check(options.path, options.device)
        else:
            report = {"ok": True, "files": len(verify(options.path)["files"])}
    except ReloadError as error:
        report = {"ok": False, "error": str(error)}
    print(json.dumps(report) if options.json else _text(report))
    return 0 if report["ok"] else 1


def _text(report: Mapping[str, Any]) -> str:
    if "error" in report:
        return f"refused: {report['error']}"
    if "files" in report:
        return f"{report['files']} files are as they were exported"
    lines = [
        f"{name:28} off by {each['absolute']:.3g} ({each['relative']:.3g} of the largest value), "
        f"allowed {each['allowed']:.3g}: {'ok' if each['ok'] else 'FAILED'}"
        for name, each in report["values"].items()
    ]
    seconds = ", ".join(f"{name} {value:.3f} s" for name, value in report["seconds"].items())
    lines.append(f"on {report['device']}, tolerances of {report['precision']}; {seconds}")
    return "\n".join([*lines, "ok" if report["ok"] else "FAILED"])


if __name__ == "__main__":
    sys.exit(_main())
