"""The objects that a config may name: their kinds, and the check of each argument.

The names stand beside the code and apart from it, so that a config is checked in milliseconds,
before TensorFlow is imported; a test compares this table with the classes. ``BUILT_IN`` has
huberflow's objects and those of tf_keras; ``UserObjects.catalogue`` adds user-defined ones.
"""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from . import keras_optimizers
from .arguments import (
    boolean,
    finite,
    fraction,
    non_negative,
    one_of,
    open_fraction,
    optional_seed,
    positive,
    whole,
)
from .input_error import InputError

ObjectKind = Literal[
    "loss",
    "metric",
    "layer",
    "regularizer",
    "activation",
    "initializer",
    "constraint",
    "optimizer",
    "schedule",
]

Task = Literal["regression", "binary", "multiclass"]
"""The prediction: numbers, the probability of the second of two classes, or those of several."""

ALL: tuple[Task, ...] = get_args(Task)
_NUMBERS: tuple[Task, ...] = ("regression", "binary")  # a probability is compared with 0 or 1
_REGRESSION: tuple[Task, ...] = ("regression",)
_CLASSES: tuple[Task, ...] = ("binary", "multiclass")
_TWO: tuple[Task, ...] = ("binary",)
_SEVERAL: tuple[Task, ...] = ("multiclass",)

Arguments = Mapping[str, Callable[[str, object], object]]


@dataclass(frozen=True)
class Entry:
    """An object that a config may name.

    Attributes:
      kind: the place in a config where it may stand.
      module: the module that defines it.
      arguments: a check for each constructor argument; it returns the value or raises InputError.
      tasks: those that a loss or a metric fits.
      is_function: a function that is a loss is a metric too: its mean over all rows.
    """

    kind: ObjectKind
    module: str
    arguments: Arguments = field(default_factory=dict)
    tasks: tuple[Task, ...] = ALL
    is_function: bool = False

    def fits(self, kind: ObjectKind) -> bool:
        """Whether it may stand where a config names an object of this kind."""
        return self.kind == kind or (kind == "metric" and self.kind == "loss" and self.is_function)


def _module(name: str) -> str:
    """The full name of a module of this package, which bundles import by another name."""
    return f"{__package__}.{name}"


HUBERFLOW: Mapping[str, Entry] = {
    "huber_fn": Entry("loss", _module("losses"), {}, _NUMBERS, is_function=True),
    "HuberLoss": Entry("loss", _module("losses"), {"threshold": positive}, _NUMBERS),
    "CustomMSE": Entry(
        "loss", _module("losses"), {"regularization_factor": non_negative}, _NUMBERS
    ),
    "HuberMetric": Entry("metric", _module("metrics"), {"threshold": positive}, _NUMBERS),
    "AbsoluteErrorQuantile": Entry(
        "metric", _module("metrics"), {"quantile": open_fraction}, _NUMBERS
    ),
    "AUC": Entry("metric", _module("classification_metrics"), {"curve": one_of("ROC", "PR")}, _TWO),
    "BalancedAccuracy": Entry(
        "metric", _module("confusion_metrics"), {"threshold": open_fraction}, _CLASSES
    ),
    "F1Score": Entry(
        "metric",
        _module("confusion_metrics"),
        {"average": one_of("macro", "weighted"), "threshold": open_fraction},
        _CLASSES,
    ),
    "R2Score": Entry("metric", _module("metrics"), {}, _REGRESSION),
    "L1Regularizer": Entry("regularizer", _module("regularizers"), {"factor": non_negative}),
    "ActivityRegularizationLayer": Entry("layer", _module("layers"), {"rate": finite}),
    "MetricLoggingLayer": Entry("layer", _module("layers")),
    "softplus": Entry("activation", _module("activations")),
    "GlorotNormalInitializer": Entry(
        "initializer", _module("initializers"), {"seed": optional_seed}
    ),
    "PositiveWeights": Entry("constraint", _module("constraints")),
}

_KERAS: Mapping[ObjectKind, tuple[str, Mapping[str, Arguments]]] = {
    "loss": (
        "tf_keras.losses",
        {
            "Huber": {"delta": positive},
            "LogCosh": {},
            "MeanAbsoluteError": {},
            "MeanSquaredError": {},
            "BinaryCrossentropy": {"label_smoothing": fraction},
            "BinaryFocalCrossentropy": {
                "gamma": non_negative,
                "alpha": open_fraction,
                "apply_class_balancing": boolean,
                "label_smoothing": fraction,
            },
            "SparseCategoricalCrossentropy": {},
        },
    ),
    "metric": (
        "tf_keras.metrics",
        {
            "MeanAbsoluteError": {},
            "MeanAbsolutePercentageError": {},
            "MeanSquaredError": {},
            "RootMeanSquaredError": {},
            "BinaryAccuracy": {"threshold": open_fraction},
            "BinaryCrossentropy": {"label_smoothing": fraction},
            "Precision": {"thresholds": open_fraction},
            "Recall": {"thresholds": open_fraction},
            "SparseCategoricalAccuracy": {},
            "SparseCategoricalCrossentropy": {},
            "SparseTopKCategoricalAccuracy": {"k": whole(1)},
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
    "optimizer": ("tf_keras.optimizers", keras_optimizers.OPTIMIZERS),
    "schedule": ("tf_keras.optimizers.schedules", keras_optimizers.SCHEDULES),
}

_ELSEWHERE = {"LossScaleOptimizer": "tf_keras.mixed_precision"}
"""The modules of objects of tf_keras that are not in the module of their kind."""

_KERAS_TASKS: Mapping[str, tuple[Task, ...]] = {
    "Huber": _NUMBERS,
    "LogCosh": _NUMBERS,
    "MeanAbsoluteError": _NUMBERS,
    "MeanAbsolutePercentageError": _REGRESSION,
    "MeanSquaredError": _NUMBERS,
    "RootMeanSquaredError": _NUMBERS,
    "BinaryAccuracy": _TWO,
    "BinaryCrossentropy": _TWO,
    "BinaryFocalCrossentropy": _TWO,
    "Precision": _TWO,
    "Recall": _TWO,
    "SparseCategoricalAccuracy": _SEVERAL,
    "SparseCategoricalCrossentropy": _SEVERAL,
    "SparseTopKCategoricalAccuracy": _SEVERAL,
}
"""The tasks that losses and metrics of tf_keras fit; both kinds may share a name, and its tasks."""


_HELD: Mapping[str, ObjectKind] = {"learning_rate": "schedule", "inner_optimizer": "optimizer"}
"""The kinds of objects that arguments of optimizers may be."""


@dataclass(frozen=True)
class Catalogue:
    """The objects that a config may name.

    Attributes:
      entries: huberflow's and user-defined objects by name; those of tf_keras are always there.
    """

    entries: Mapping[str, Entry]

    def of_kind(self, kind: ObjectKind) -> dict[str, Entry]:
        """Every object of one kind by name: huberflow's, the user-defined, then tf_keras's."""
        entries = {name: entry for name, entry in self.entries.items() if entry.fits(kind)}
        module, keras = _KERAS.get(kind, ("", {}))
        return entries | {
            name: Entry(kind, _ELSEWHERE.get(name, module), arguments, _KERAS_TASKS.get(name, ALL))
            for name, arguments in keras.items()
        }

    def owner(self, name: str) -> str | None:
        """The module that defines an object of this name; None where the name is free."""
        if name in self.entries:
            return self.entries[name].module
        home = next((module for module, keras in _KERAS.values() if name in keras), None)
        return _ELSEWHERE.get(name, home)

    def held(self, kind: ObjectKind, argument: str, value: object) -> ObjectKind | None:
        """The kind of the object that an argument is written as; None for a plain value.

        An optimizer may hold a schedule or another optimizer, a schedule another one: each is
        written as the one that holds it, ``{name: CosineDecay, config: {…}}``.
        """
        holds = kind in ("optimizer", "schedule")
        if not holds or not isinstance(value, Mapping) or "name" not in value:
            return None
        kinds: tuple[ObjectKind, ...] = ("schedule", "optimizer")
        kinds = (_HELD[argument],) if argument in _HELD else kinds
        return next((each for each in kinds if value["name"] in self.of_kind(each)), kinds[0])

    def check(self, kind: ObjectKind, name: str, config: Mapping[str, object]) -> dict[str, object]:
        """Refuses a wrong name or argument, without importing TensorFlow.

        Returns:
          The arguments as the constructor takes them, such as 1.0 for 1; objects as they are
          written.

        Raises:
          InputError: its key is ``name`` where no object of this kind has this name, or, such as
            ``config.threshold``, that of an argument that is unknown or out of range.
        """
        entries = self.of_kind(kind)
        if name not in entries:
            raise InputError(
                "name",
                expected=f"{'an' if kind[0] in 'aio' else 'a'} {kind}: {', '.join(entries)}",
                received=repr(name),
                hint=self._hint(kind, name),
            )
        entry, checked = entries[name], {}
        for argument in keras_optimizers.REQUIRED.get(name, ()):
            if argument not in config:
                raise InputError(
                    f"config.{argument}", expected=f"this argument of {name}", received="none"
                )
        try:
            for argument, value in config.items():
                checked[argument] = self._checked(name, entry, argument, value)
            if entry.module.startswith("tf_keras."):
                keras_optimizers.check_together(name, checked)
        except InputError as error:
            raise error.below("config") from None
        return checked

    def _hint(self, kind: ObjectKind, name: str) -> str | None:
        other = self.entries.get(name)
        if kind == "loss" and other and other.is_function and other.kind == "metric":
            return (
                f"{name} has no finite gradient by y_pred, and so it is a metric only: use "
                "operations that have one, not comparisons, and add a small number below roots and "
                "divisions"
            )
        close = difflib.get_close_matches(name, self.of_kind(kind), n=1, cutoff=0.5)
        return f"did you mean {close[0]}?" if close else None

    def _checked(self, name: str, entry: Entry, argument: str, value: object) -> object:
        if argument not in entry.arguments:
            close = difflib.get_close_matches(argument, entry.arguments, n=1, cutoff=0.85)
            raise InputError(
                argument,
                expected=f"an argument of {name}: {', '.join(entry.arguments) or 'none'}",
                received=repr(argument),
                hint=f"did you mean {close[0]}?" if close else None,
            )
        if held := self.held(entry.kind, argument, value):
            self._check_held(held, argument, value)  # type: ignore[arg-type]
            return value
        return entry.arguments[argument](argument, value)

    def _check_held(self, kind: ObjectKind, argument: str, value: Mapping[str, object]) -> None:
        if others := value.keys() - {"name", "config"}:
            received = ", ".join(map(str, others))
            raise InputError(argument, expected="the keys name and config", received=received)
        config = value.get("config") or {}
        if not isinstance(config, Mapping):
            raise InputError(
                f"{argument}.config", expected="its arguments by name", received=repr(config)
            )
        try:
            self.check(kind, str(value["name"]), config)
        except InputError as error:
            raise error.below(argument) from None

    def check_task(self, kind: ObjectKind, name: str, task: Task) -> None:
        """Refuses a loss or a metric that a task cannot use.

        Raises:
          InputError: its key is ``name``; ``expected`` lists the names that fit.
        """
        entries = self.of_kind(kind)
        if task not in entries[name].tasks:
            fitting = [other for other, entry in entries.items() if task in entry.tasks]
            raise InputError(
                "name",
                expected=f"a {kind} for {task} ({', '.join(fitting)})",
                received=repr(name),
            )


BUILT_IN = Catalogue(HUBERFLOW)
"""The objects of huberflow and tf_keras."""
