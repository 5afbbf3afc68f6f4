"""What a kind of model is, and the rows that most of them take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tf_keras

BATCH = 8
ROWS = 16


def floats(*shape: int) -> np.ndarray:
    """Random numbers, which are the same for the same shape."""
    return np.random.default_rng(shape).normal(size=(ROWS, *shape)).astype(np.float32)


NUMBERS = floats(4)
SERIES = floats(5, 3)
IMAGES = floats(6, 6, 2)
TOKENS = np.where(
    np.arange(6) < 2 + np.arange(ROWS)[:, np.newaxis] % 4,
    1 + np.arange(96).reshape(ROWS, 6) * 5 % 8,
    0,
)
WORDS = np.array([["red"], ["green"], ["blue"], ["grün"]] * (ROWS // 4), object)
TARGET = NUMBERS.sum(axis=1, keepdims=True)
CLASSES = np.arange(ROWS) % 3
YES_OR_NO = (TARGET > 0).astype(np.float32)
WEIGHTS = np.linspace(0, 2, ROWS).astype(np.float32)


@dataclass(frozen=True)
class Case:
    """A compiled model, and what ``fit`` takes."""

    model: tf_keras.Model
    inputs: Any
    labels: Any = None
    sample_weight: Any = None
    class_weight: dict[int, float] | None = None


KINDS: dict[str, dict[str, Callable[[], Case]]] = {}
"""A function that makes a model of each kind, by the kind's name in the guide, in groups."""


def kind(group: str, name: str) -> Callable[[Callable[[], Case]], Callable[[], Case]]:
    """Adds the function to ``KINDS``."""

    def added(make: Callable[[], Case]) -> Callable[[], Case]:
        KINDS.setdefault(group, {})[name] = make
        return make

    return added


@dataclass(frozen=True)
class Refused:
    """A function that makes a case, and parts of the error that a bundle of it is."""

    make: Callable[[], Case]
    key: str
    expected: str


REFUSED: dict[str, Refused] = {}
"""What a bundle refuses, by its name in the guide."""


def refused(name: str, **error: str) -> Callable[[Callable[[], Case]], Callable[[], Case]]:
    """Adds the function to ``REFUSED``."""

    def added(make: Callable[[], Case]) -> Callable[[], Case]:
        REFUSED[name] = Refused(make, **error)
        return make

    return added


def case(
    inputs: Any, outputs: Any, rows: Any, labels: Any, *, loss: Any = "mse", **compiled: Any
) -> Case:
    """A functional model."""
    return compiled_case(tf_keras.Model(inputs, outputs), rows, labels, loss=loss, **compiled)


def compiled_case(
    model: tf_keras.Model, rows: Any, labels: Any, *, loss: Any = "mse", **compiled: Any
) -> Case:
    """A model that is compiled with an optimizer that has a state."""
    optimizer = compiled.pop("optimizer", None) or tf_keras.optimizers.SGD(0.05, momentum=0.9)
    fit = {name: compiled.pop(name, None) for name in ("sample_weight", "class_weight")}
    model.compile(optimizer, loss, **compiled)
    return Case(model, rows, labels, **fit)


def stack(
    *layers: tf_keras.layers.Layer,
    rows: np.ndarray = NUMBERS,
    labels: Any = TARGET,
    head: tf_keras.layers.Layer | None = None,
    **compiled: Any,
) -> Case:
    """A model of layers in a row, and a last one that makes the labels of their output."""
    inputs = outputs = input_of(rows)
    for layer in (*layers, head or tf_keras.layers.Dense(1)):
        outputs = layer(outputs)
    return case(inputs, outputs, rows, labels, **compiled)


def input_of(rows: np.ndarray, **options: Any) -> Any:
    """A model's input that takes these rows."""
    dtype = "string" if rows.dtype.kind == "O" else rows.dtype.name
    return tf_keras.Input(rows.shape[1:], **{"dtype": dtype, **options})
