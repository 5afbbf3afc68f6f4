"""Reloads an exported model with the custom objects it was trained with, and proves it.

This file travels in every bundle, in ``assets.extra/``; it needs tensorflow and tf_keras alone::

    python reload.py --check                       # this bundle, on this machine
    python reload.py MODEL --check --device gpu --json

``load`` gives the compiled Keras model, ``predictor`` the serving signature without custom code,
``check`` holds both against the golden values of the trained model. Each refuses a bundle with a
changed, missing or additional file, and runs code of the bundle only after that.
"""

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
from pathlib import Path, PurePosixPath
from typing import Any

SCHEMA_VERSION = 1
KERAS_GENERATION = "tf_keras 2"
FIELDS = (
    "schema_version",
    "keras_generation",
    "versions",
    "machine",
    "objects",
    "signatures",
    "training",
    "lineage",
    "tolerances",
    "golden",
    "files",
    "sha256",
)

EXTRA = "assets.extra"
CERTIFICATE = f"{EXTRA}/certificate.json"
GOLDEN_EXAMPLES = f"{EXTRA}/golden.tfrecord"
GOLDEN_VALUES = f"{EXTRA}/golden.npz"
OPTIMIZER = f"{EXTRA}/optimizer.npz"
LOADER = f"{EXTRA}/reload.py"


class ReloadError(Exception):
    """The bundle is not as it was written, or this machine cannot run it; the message says why."""


def load(path: str | os.PathLike[str], *, trainable: bool = True) -> Any:
    """The compiled tf_keras model, as it was when training ended.

    Loss, metrics, regularizers and layers are those of the bundle's own source, whatever else is
    imported or registered under their names, and remain so: two bundles work side by side.

    Args:
      path: the SavedModel's folder.
      trainable: with the optimizer's state, so that training goes on where it ended; else every
        weight is frozen.

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
            model.compile_from_config(model.get_compile_config())  # Only this makes it count.
    if trainable:
        _restore(model, root / OPTIMIZER)
    return model


def predictor(
    path: str | os.PathLike[str], signature: str = "serving_default"
) -> Callable[..., dict[str, Any]]:
    """A signature of the SavedModel as a function of arrays, by name; runs no custom code.

    ``predictor(path)(examples=[…])`` takes serialized ``tf.Example``s.

    Raises:
      ReloadError: see ``verify``; or there is no such signature.
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

    def predict(**inputs: Any) -> dict[str, Any]:
        # By way of `loaded`: a signature alone does not keep its variables alive.
        tensors = {name: tf.constant(value, dtypes[name]) for name, value in inputs.items()}
        outputs = loaded.signatures[signature](**tensors)
        return {name: tensor.numpy() for name, tensor in outputs.items()}

    return predict


# -- The certificate: nothing below runs code of the bundle ----------------------------------------


def verify(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The certificate, once every file is found to be what it says.

    Raises:
      ReloadError: a file was changed, is missing, was added, or is a link; or the bundle is for
        another Keras generation or a newer loader, or its certificate lacks a field.
    """
    root = Path(path).resolve()
    certificate = _read_certificate(root)
    expected, found = certificate["files"], _files(root)
    for name in expected:
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise ReloadError(f"{name}: the certificate names a file outside of the bundle")
        if name not in found:
            raise ReloadError(f"{name}: missing from the bundle")
    for name in sorted(found - {CERTIFICATE}):
        if name not in expected:
            raise ReloadError(f"{name}: not part of the bundle; remove it, or export anew")
        if digest(root / name) != expected[name]:
            raise ReloadError(f"{name}: changed after the export; copy the model anew")
    return certificate


def seal(certificate: Mapping[str, Any]) -> str:
    """The certificate's text, its own SHA-256 in it: one form only, so that any change shows."""
    body = {key: value for key, value in certificate.items() if key != "sha256"}
    sha256 = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    return json.dumps({**body, "sha256": sha256}, indent=1, sort_keys=True) + "\n"


def digest(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_certificate(root: Path) -> dict[str, Any]:
    try:
        text = (root / CERTIFICATE).read_bytes().decode()
        certificate = json.loads(text)
    except FileNotFoundError as error:
        raise ReloadError(f"{root}: no {CERTIFICATE}; expected an exported model") from error
    except ValueError as error:
        raise ReloadError(f"{CERTIFICATE}: changed after the export: {error}") from error
    if not isinstance(certificate, dict) or seal(certificate) != text:
        raise ReloadError(f"{CERTIFICATE}: changed after the export; copy the model anew")
    if certificate.get("schema_version", 0) > SCHEMA_VERSION:
        raise ReloadError(
            f"{CERTIFICATE}: schema_version: expected at most {SCHEMA_VERSION}, received "
            f"{certificate['schema_version']}; use the reload.py of the bundle itself"
        )
    if missing := [name for name in FIELDS if name not in certificate]:
        raise ReloadError(f"{CERTIFICATE}: lacks {', '.join(missing)}; export the model anew")
    if certificate["keras_generation"] != KERAS_GENERATION:
        raise ReloadError(
            f"{CERTIFICATE}: keras_generation: expected {KERAS_GENERATION!r}, received "
            f"{certificate['keras_generation']!r}"
        )
    return certificate


def _files(root: Path) -> set[str]:
    """Every file below ``root``, but for the bytecode of this very script."""
    found = set()
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(folder, name)
            relative = path.relative_to(root).as_posix()
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                raise ReloadError(f"{relative}: a link or no plain file; a bundle holds no such")
            if path.is_file() and not relative.startswith(f"{EXTRA}/__pycache__/reload."):
                found.add(relative)
    return found


def _warn_of_other_versions(certificate: Mapping[str, Any]) -> None:
    here = versions()
    differences = [
        f"{name} {version} there, {here[name]} here"
        for name, version in certificate["versions"].items()
        if here[name] != version
    ]
    if differences:
        warnings.warn(f"exported with other versions: {'; '.join(differences)}", stacklevel=3)


def versions() -> dict[str, str]:
    """What a model's numbers may depend on."""
    import tensorflow as tf

    return {
        "python": ".".join(platform.python_version_tuple()[:2]),
        "tensorflow": tf.__version__,
        "tf_keras": _tf_keras().__version__,
    }


def _tf_keras() -> Any:
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


# -- The bundle's source, imported under its own names, for itself alone ---------------------------


class _Source(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports the modules of one bundle, which nobody else then sees.

    Modules that are imported under the same names are set aside meanwhile. An import inside a
    function, which runs long afterwards, still finds the bundle's modules: its code has an
    ``__import__`` of its own.
    """

    _turn = threading.RLock()

    def __init__(
        self, folder: Path, files: Mapping[str, str], objects: Sequence[Mapping[str, Any]]
    ) -> None:
        self._folder, self._named = folder, objects
        sources = {name: sha256 for name, sha256 in files.items() if _is_source(name)}
        self._sha256 = {str(folder.parent / name): sha256 for name, sha256 in sources.items()}
        self._roots = {name.split("/")[1].removesuffix(".py") for name in sources}
        packages = [PurePosixPath(name).parent for name in sources if name.endswith("/__init__.py")]
        self._packages = [".".join(package.parts[1:]) for package in packages]
        self._modules: dict[str, types.ModuleType] = {}
        self._builtins = {**vars(builtins), "__import__": self._import}

    def objects(self) -> dict[str, Any]:
        """Every class and function that the model uses, by its registered name."""
        found = {
            entry["name"]: getattr(importlib.import_module(entry["module"]), entry["class"])
            for entry in self._named
        }
        # A lazy package resolves its names now: later, it would find another package.
        for name in self._packages:
            package = importlib.import_module(name)
            for lazy in getattr(package, "__all__", []):
                setattr(package, lazy, getattr(package, lazy))
        return found

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The bundle's modules stand in ``sys.modules``; afterwards, what stood there before."""
        with self._turn:
            if self in sys.meta_path:
                yield
                return
            aside = self._taken_out()
            sys.modules.update(self._modules)
            sys.meta_path.insert(0, self)
            try:
                yield
            finally:
                sys.meta_path.remove(self)
                self._modules = self._taken_out()
                sys.modules.update(aside)

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

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        """Of a module that the bundle holds; None for any other."""
        base = self._folder.joinpath(*fullname.split("."))
        for file, folders in ((base / "__init__.py", [str(base)]), (Path(f"{base}.py"), None)):
            if str(file) in self._sha256:
                return importlib.util.spec_from_file_location(
                    fullname, file, loader=self, submodule_search_locations=folders
                )
        return None

    def exec_module(self, module: types.ModuleType) -> None:
        """Runs the module's code: the source, hashed again as it is read, and no bytecode."""
        file = str(module.__file__)
        source = Path(file).read_bytes()
        if hashlib.sha256(source).hexdigest() != self._sha256[file]:
            raise ReloadError(f"{file}: changed while it was read")
        # AutoGraph reads source from here, at the first call: when the folder may be gone.
        text = importlib.util.decode_source(source)
        linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
        vars(module)["__builtins__"] = self._builtins
        exec(compile(source, file, "exec", dont_inherit=True), vars(module))  # noqa: S102


def _is_source(name: str) -> bool:
    return name.startswith(f"{EXTRA}/") and name.endswith(".py") and name != LOADER


@contextmanager
def _restored(registry: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Keras's registry, free to change inside the block.

    A scope of custom objects would not do: what is registered wins over it.
    """
    before = dict(registry)
    try:
        yield registry
    finally:
        registry.clear()
        registry.update(before)


# -- What a model does: measured when it is written, and again when it is checked ------------------


def optimizer_variables(model: Any) -> list[Any]:
    """The state that decides the next step, in a fixed order."""
    optimizer = model.optimizer
    optimizer.build(model.trainable_variables)
    variables = list(optimizer.variables)
    if getattr(optimizer, "dynamic", False):  # The loss scale of mixed precision.
        scale = optimizer._loss_scale
        variables += [scale.current_loss_scale, scale.counter]
    return variables


def _restore(model: Any, path: Path) -> None:
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
def sums_as_written() -> Iterator[None]:
    """TensorFlow adds up in the order of the code.

    It otherwise orders the terms of a sum by the names of their ops, and a reload names some anew:
    a loss with its penalties would differ in the last bit.
    """
    import tensorflow as tf

    option = "arithmetic_optimization"
    before = tf.config.optimizer.get_experimental_options().get(option, True)
    tf.config.optimizer.set_experimental_options({option: False})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({option: before})


def measured(model: Any, inputs: Mapping[str, Any], label: Any) -> dict[str, Any]:
    """What the model says of these rows, as one batch.

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


def steps(model: Any, inputs: Mapping[str, Any], label: Any) -> Any:
    """The losses of two training steps on these rows; the second shows what the first one did."""
    import numpy as np

    return np.asarray(
        [model.train_on_batch(inputs, label, return_dict=True)["loss"] for _ in range(2)]
    )


def device_of(model: Any, inputs: Mapping[str, Any]) -> str:
    """Where the model's ops really run: ``CPU:0``, ``GPU:1``."""
    import tensorflow as tf

    one = {name: tf.constant(value[:1]) for name, value in inputs.items()}
    spec = tf.DeviceSpec.from_string(model(one, training=False).device)
    return f"{spec.device_type}:{spec.device_index}"


def machine(device: str) -> dict[str, Any]:
    """All that decides whether two machines compute the same bits."""
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
    """Its name, and a digest of its instructions, which virtual machines hide under one name."""
    about = Path("/proc/cpuinfo")
    lines = about.read_text().splitlines() if about.exists() else []
    facts = dict(
        reversed([re.split(r"\s*:\s*", line, maxsplit=1) for line in lines if ":" in line])
    )
    name = facts.get("model name") or platform.processor() or platform.machine()
    flags = facts.get("flags") or facts.get("Features") or ""
    return f"{name} ({hashlib.sha256(flags.encode()).hexdigest()[:8]})" if flags else name


# -- The check -------------------------------------------------------------------------------------


def check(path: str | os.PathLike[str], device: str | None = None) -> dict[str, Any]:
    """Holds predictions, losses, metrics and two training steps against the golden values.

    Args:
      path: the SavedModel's folder.
      device: "cpu" or "gpu", where all must run; None for TensorFlow's choice.

    Returns:
      ``ok``; ``device`` that the ops ran on; ``precision``, which names the tolerances in use;
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
        raise ReloadError("device: expected a GPU, but TensorFlow finds none; use --device cpu")
    with tf.device(f"/{device.upper()}:0") if device else nullcontext(), sums_as_written():
        seconds, model = _timed(lambda: load(root))
        with np.load(root / GOLDEN_VALUES, allow_pickle=False) as file:
            golden = {name: file[name] for name in file}
        label, inputs = golden.pop("label"), _taken(golden, "inputs/")
        used = device_of(model, inputs)
        if device and not used.startswith(device.upper()):
            raise ReloadError(f"device: expected {device}, but the model's ops ran on {used}")
        records = list(tf.data.TFRecordDataset(str(root / GOLDEN_EXAMPLES)).as_numpy_iterator())
        predict = predictor(root)
        first, served = _timed(lambda: predict(examples=records))
        warm, _ = _timed(lambda: predict(examples=records))
        values = {f"serving/{name}": array for name, array in served.items()}
        values |= measured(model, inputs, label)
        values["steps"] = steps(model, inputs, label)
    precision = _precision(model, used, certificate)
    allowed = certificate["tolerances"][precision]
    compared = {
        name: _compared(values[name], wanted, 0.0 if allowed == 0 else allowed[name])
        for name, wanted in golden.items()
    }
    return {
        "ok": all(difference["ok"] for difference in compared.values()),
        "path": str(root),
        "device": used,
        "precision": precision,
        "seconds": {"load": seconds, "first_prediction": first, "warm_prediction": warm},
        "values": compared,
    }


def _timed(call: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def _taken(arrays: dict[str, Any], prefix: str) -> dict[str, Any]:
    names = [name for name in arrays if name.startswith(prefix)]
    return {name.removeprefix(prefix): arrays.pop(name) for name in names}


def _precision(model: Any, device: str, certificate: Mapping[str, Any]) -> str:
    """Which of the certificate's tolerances holds here."""
    import tensorflow as tf

    if machine(device) == certificate["machine"]:
        return "same_machine"
    if any(layer.compute_dtype == "float16" for layer in model.layers):
        return "mixed_float16"
    tf32 = tf.config.experimental.tensor_float_32_execution_enabled()
    return "tf32" if device.startswith("GPU") and tf32 else "float32"


def _compared(got: Any, wanted: Any, allowed: float) -> dict[str, Any]:
    import numpy as np

    got, wanted = np.asarray(got, np.float64), np.asarray(wanted, np.float64)
    same = (got == wanted) | (np.isnan(got) & np.isnan(wanted))
    distance = np.nan_to_num(np.abs(got - wanted), nan=np.inf)
    absolute = float(np.max(np.where(same, 0.0, distance), initial=0.0))
    largest = float(np.max(np.abs(wanted), initial=0.0))
    relative = absolute / largest if largest else absolute
    return {
        "absolute": absolute,
        "relative": relative,
        "allowed": allowed,
        "ok": absolute <= allowed,
    }


def _main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Checks an exported model on this machine.")
    here = Path(__file__).resolve().parent.parent
    parser.add_argument("path", nargs="?", default=here, help="the model's folder; default: mine")
    parser.add_argument("--check", action="store_true", help="run it too, against golden values")
    parser.add_argument("--device", choices=["cpu", "gpu"], help="where all of it must run")
    parser.add_argument("--json", action="store_true", help="the report as JSON")
    options = parser.parse_args(arguments)
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
    lines.append(f"on {report['device']}, held to {report['precision']}; {seconds}")
    return "\n".join([*lines, "ok" if report["ok"] else "FAILED"])


if __name__ == "__main__":
    sys.exit(_main())
