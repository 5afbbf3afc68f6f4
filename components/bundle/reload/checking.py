"""Compares what a model computes here with its golden values."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from .asking import answer_values, device_of, device_of_tensors, signature_of
from .comparing import Difference, allowed_difference, difference_of, precision_between
from .errors import ReloadError
from .golden_record import Golden, read_golden
from .graph_ops import refuse_unsafe_ops
from .integrity import verified
from .layout import CERTIFICATE, Certificate, Signature
from .loading import loaded_model
from .machines import machine, machine_differences
from .measuring import model_values, step_losses
from .model_state import unchanged
from .origin import signer
from .process import refuse_fork, refuse_graphs
from .seeding import seeded
from .sums import deterministic_sums

if TYPE_CHECKING:
    import numpy as np
    import tf_keras


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
    refuse_fork()
    import tensorflow as tf  # noqa: F401 (takes seconds, in which a file could change)

    # In a thread of its own: a strategy's scope, a graph or a device of the caller is not there.
    with ThreadPoolExecutor(1) as thread, verified(path) as (root, certificate):
        return thread.submit(_checked, root, certificate, device, allow_ops).result()


def _checked(
    root: Path, certificate: Certificate, device: str | None, allow_ops: Collection[str]
) -> CheckReport:
    import tensorflow as tf

    refuse_graphs()
    refuse_unsafe_ops(root, allow_ops)
    if device == "gpu" and not tf.config.list_logical_devices("GPU"):
        raise ReloadError(
            "device: expected a GPU, received none that TensorFlow can use; use --device cpu"
        )
    expected = read_golden(root)
    with tf.device(f"/{device.upper()}:0") if device else nullcontext():
        measured = _measure(root, certificate, expected)
    used = measured.device or device_of_tensors([])
    if device and not used.startswith(device.upper()):
        raise ReloadError(f"device: expected {device}, but the model's ops ran on {used}")
    there, here = certificate["machine"], machine(used)
    precision = precision_between(measured.model, there, here)
    compared = {
        name: difference_of(
            measured.values.get(name), value, allowed_difference(certificate, precision, name)
        )
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
    with deterministic_sums(fused=True):
        measured.ask_signatures(root, rows.requests, certificate["signatures"])
    if rows.inputs is not None:
        with deterministic_sums():
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
        self.seconds["load"], self.model = _timed(loaded_model, root, certificate, True)

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
            if name not in signatures:
                raise ReloadError(f"{CERTIFICATE}: has no signature {name}, which is to be asked")
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


def _timed(call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> tuple[float, Any]:
    start = time.perf_counter()
    result = call(*args, **kwargs)
    return time.perf_counter() - start, result
