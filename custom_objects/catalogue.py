"""What may be named in a config: every object, its kind, and the check of each argument.

The names stand here, beside the code and apart from it, so that a config is checked in
milliseconds, before TensorFlow is imported. A test holds this table against the classes. A user's
own objects join it with ``add``.
"""

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from .arguments import finite, non_negative, one_of, open_fraction, optional_seed, positive

Kind = Literal[
    "loss",
    "metric",
    "layer",
    "regularizer",
    "activation",
    "initializer",
    "constraint",
    "optimizer",
]

Task = Literal["regression", "binary", "multiclass"]
"""What is predicted: numbers, the probability of the second of two classes, or those of several."""

ALL: tuple[Task, ...] = get_args(Task)
_NUMBERS: tuple[Task, ...] = ("regression", "binary")  # a probability is held against 0 or 1
_TWO: tuple[Task, ...] = ("binary",)
_SEVERAL: tuple[Task, ...] = ("multiclass",)

Arguments = Mapping[str, Callable[[str, Any], Any]]


@dataclass(frozen=True)
class Entry:
    """One nameable object: its kind, the module that holds it, its arguments and their checks."""

    kind: Kind
    module: str
    arguments: Arguments = field(default_factory=dict)
    tasks: tuple[Task, ...] = ALL
    """That a loss or a metric fits."""


def _module(name: str) -> str:
    """The module of this package, wherever the package stands."""
    return f"{__package__}.{name}"


OURS: Mapping[str, Entry] = {
    "huber_fn": Entry("loss", _module("losses"), {}, _NUMBERS),
    "HuberLoss": Entry("loss", _module("losses"), {"threshold": positive}, _NUMBERS),
    "CustomMSE": Entry(
        "loss", _module("losses"), {"regularization_factor": non_negative}, _NUMBERS
    ),
    "HuberMetric": Entry("metric", _module("metrics"), {"threshold": positive}, _NUMBERS),
    "AbsoluteErrorQuantile": Entry(
        "metric", _module("metrics"), {"quantile": open_fraction}, _NUMBERS
    ),
    "L1Regularizer": Entry("regularizer", _module("regularizers"), {"factor": non_negative}),
    "ActivityRegularizationLayer": Entry("layer", _module("layers"), {"rate": finite}),
    "MetricLoggingLayer": Entry("layer", _module("layers")),
    "softplus": Entry("activation", _module("activations")),
    "GlorotNormalInitializer": Entry(
        "initializer", _module("initializers"), {"seed": optional_seed}
    ),
    "PositiveWeights": Entry("constraint", _module("constraints")),
}

# tf_keras's own objects that a config may name beside ours.
_STOCK: Mapping[Kind, tuple[str, Mapping[str, Arguments]]] = {
    "loss": (
        "tf_keras.losses",
        {
            "Huber": {"delta": positive},
            "LogCosh": {},
            "MeanAbsoluteError": {},
            "MeanSquaredError": {},
            "BinaryCrossentropy": {},
            "BinaryFocalCrossentropy": {"gamma": non_negative},
            "SparseCategoricalCrossentropy": {},
        },
    ),
    "metric": (
        "tf_keras.metrics",
        {
            "MeanAbsoluteError": {},
            "MeanSquaredError": {},
            "RootMeanSquaredError": {},
            "AUC": {"curve": one_of("ROC", "PR")},
            "BinaryAccuracy": {},
            "BinaryCrossentropy": {},
            "Precision": {},
            "Recall": {},
            "SparseCategoricalAccuracy": {},
            "SparseCategoricalCrossentropy": {},
        },
    ),
    "regularizer": (
        "tf_keras.regularizers",
        {"L1": {"l1": non_negative}, "L2": {"l2": non_negative}},
    ),
    "activation": (
        "tf_keras.activations",
        {name: {} for name in ("elu", "gelu", "linear", "relu", "selu", "tanh")},
    ),
    "initializer": (
        "tf_keras.initializers",
        {"GlorotUniform": {"seed": optional_seed}, "HeNormal": {"seed": optional_seed}},
    ),
    "constraint": (
        "tf_keras.constraints",
        {"NonNeg": {}, "MaxNorm": {"max_value": positive}},
    ),
    "optimizer": (
        "tf_keras.optimizers",
        {
            "Adam": {"learning_rate": positive, "clipnorm": positive},
            "AdamW": {
                "learning_rate": positive,
                "weight_decay": non_negative,
                "clipnorm": positive,
            },
            "RMSprop": {"learning_rate": positive, "clipnorm": positive},
            "SGD": {"learning_rate": positive, "momentum": non_negative, "clipnorm": positive},
        },
    ),
}

_TASKS: Mapping[str, tuple[Task, ...]] = {
    "Huber": _NUMBERS,
    "LogCosh": _NUMBERS,
    "MeanAbsoluteError": _NUMBERS,
    "MeanSquaredError": _NUMBERS,
    "RootMeanSquaredError": _NUMBERS,
    "AUC": _TWO,
    "BinaryAccuracy": _TWO,
    "BinaryCrossentropy": _TWO,
    "BinaryFocalCrossentropy": _TWO,
    "Precision": _TWO,
    "Recall": _TWO,
    "SparseCategoricalAccuracy": _SEVERAL,
    "SparseCategoricalCrossentropy": _SEVERAL,
}
"""That tf_keras's losses and metrics fit; a loss and a metric of one name fit the same."""

_own: dict[str, Entry] = {}


def named(kind: Kind) -> dict[str, Entry]:
    """Every object of one kind by name: ours, then the user's, then tf_keras's own."""
    known = {name: entry for name, entry in {**OURS, **_own}.items() if entry.kind == kind}
    module, stock = _STOCK.get(kind, ("", {}))
    return known | {
        name: Entry(kind, module, arguments, _TASKS.get(name, ALL))
        for name, arguments in stock.items()
    }


def owner(name: str) -> str | None:
    """The module of ours, or of tf_keras, that an object of this name comes from; else None."""
    if name in OURS:
        return OURS[name].module
    return next((module for module, stock in _STOCK.values() if name in stock), None)


def add(entries: Mapping[str, Entry]) -> None:
    """Makes a user's objects known, beside ours; those of the same module are replaced.

    Raises:
      ValueError: a name is taken, by one of ours, of tf_keras's, or of another module.
    """
    for name, entry in entries.items():
        taken = owner(name) or _own.get(name, entry).module
        if taken != entry.module:
            raise ValueError(
                f"{name}: expected a name of its own, received one that {taken} has; "
                f"rename it in {entry.module}"
            )
    _own.update(entries)


def remove(names: Iterable[str]) -> None:
    """Forgets a user's objects; a name that is unknown is no matter."""
    for name in names:
        _own.pop(name, None)


@contextmanager
def added(entries: Mapping[str, Entry]) -> Iterator[None]:
    """``add`` inside the block; afterwards the user's objects are those of before."""
    before = dict(_own)
    add(entries)
    try:
        yield
    finally:
        _own.clear()
        _own.update(before)


def check(kind: Kind, name: str, config: Mapping[str, Any]) -> None:
    """Refuses a name or an argument that would fail later, without importing TensorFlow.

    Raises:
      LookupError: no object of this kind has this name.
      ValueError: an argument is unknown, or its value is out of range.
    """
    known = named(kind)
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        article = "an" if kind[0] in "aio" else "a"
        hint = f" (did you mean {close[0]}?)" if close else ""
        raise LookupError(f"expected {article} {kind}: {', '.join(known)}; received {name!r}{hint}")
    arguments = known[name].arguments
    for argument, value in config.items():
        if argument not in arguments:
            accepted = ", ".join(arguments) or "no arguments"
            raise ValueError(f"{argument}: {name} expected {accepted}, received {argument!r}")
        arguments[argument](argument, value)


def check_task(kind: Kind, name: str, task: Task) -> None:
    """Refuses a loss or a metric that a task cannot use.

    Raises:
      ValueError: names those that it can.
    """
    known = named(kind)
    if task not in known[name].tasks:
        fitting = [other for other, entry in known.items() if task in entry.tasks]
        raise ValueError(f"expected a {kind} for {task} ({', '.join(fitting)}), received {name!r}")
