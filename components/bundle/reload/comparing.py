"""How far values are off, and how far they may be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

from .layout import Certificate, Machine

if TYPE_CHECKING:
    import numpy as np
    import tf_keras


class Difference(TypedDict):
    """How far a value is off; ``reason`` says why where no number can."""

    absolute: float
    relative: float
    allowed: float
    ok: bool
    reason: NotRequired[str]


def allowed_difference(certificate: Certificate, precision: str, name: str) -> float:
    """How far a golden value may be off; without a tolerance, not at all."""
    tolerances: Mapping[str, Any] = certificate["tolerances"]
    return 0.0 if precision == "same_machine" else float(tolerances[precision].get(name, 0.0))


def precision_between(model: tf_keras.Model | None, there: Machine, here: Machine) -> str:
    """The name of the certificate's tolerances for a model, from its machine to this one."""
    if there == here:
        return "same_machine"
    dtypes = {each.compute_dtype for each in model._flatten_layers()} if model is not None else ()
    for dtype in ("bfloat16", "float16"):
        if dtype in dtypes:
            return f"mixed_{dtype}"
    return "tf32" if "on" in (there.get("tf32"), here.get("tf32")) else "float32"


def difference_of(received: np.ndarray | None, expected: np.ndarray, allowed: float) -> Difference:
    """How far a value is off, by its array and the golden one."""
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
