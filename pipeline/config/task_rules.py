"""What a task decides of a config: its defaults, and what fits together."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from huberflow.components.contracts.target import Target, of_label
from huberflow.custom_objects.catalogue import Catalogue, ObjectKind, Task
from huberflow.custom_objects.input_error import InputError

if TYPE_CHECKING:
    from huberflow.pipeline.config import Config

DEFAULTS: Mapping[Task, Mapping[str, Mapping[str, Any]]] = {
    "regression": {"model": {"label_scale": "standard"}},
    "binary": {
        "training": {
            "loss": {"name": "BinaryCrossentropy", "config": {}},
            "metrics": [{"name": "BinaryAccuracy", "config": {}}],
        },
        "evaluation": {
            "metrics": [
                {"name": "BinaryCrossentropy", "config": {}, "key": "log_loss"},
                {"name": "BinaryAccuracy", "config": {}, "key": "accuracy"},
                {"name": "AUC", "config": {}, "key": "auc"},
            ],
        },
    },
    "multiclass": {
        "training": {
            "loss": {"name": "SparseCategoricalCrossentropy", "config": {}},
            "metrics": [{"name": "SparseCategoricalAccuracy", "config": {}}],
        },
        "evaluation": {
            "metrics": [
                {"name": "SparseCategoricalCrossentropy", "config": {}, "key": "log_loss"},
                {"name": "SparseCategoricalAccuracy", "config": {}, "key": "accuracy"},
            ],
        },
    },
}
"""On data of the user's own, on top of the config's own defaults."""

_USUAL: Mapping[Task, Mapping[str, str]] = {
    "regression": {"loss": "HuberLoss", "metric": "HuberMetric"},
    "binary": {"loss": "BinaryCrossentropy", "metric": "BinaryAccuracy"},
    "multiclass": {"loss": "SparseCategoricalCrossentropy", "metric": "SparseCategoricalAccuracy"},
}


def check(config: "Config", catalogue: Catalogue) -> None:
    """Refuses what does not fit the config's task.

    Raises:
      ValueError: names the key, and the line to write.
    """
    task = config.model.task
    if task != "regression" and len(config.data.labels) > 1:
        raise ValueError(
            f"data.label: expected one column for model.task={task}, received "
            f"{', '.join(config.data.labels)}; write: --label {config.data.labels[0]}"
        )
    _check_classes(config.data.classes, task)
    if task != "regression" and config.model.label_scale != "none":
        raise ValueError(
            f"model.label_scale: expected none for classes, received "
            f"{config.model.label_scale!r}; write: --set model.label_scale=none"
        )
    _check_object(catalogue, "training.loss", "loss", config.training.loss.name, task)
    for section in ("training", "evaluation"):
        for place, metric in enumerate(getattr(config, section).metrics):
            _check_object(catalogue, f"{section}.metrics.{place}", "metric", metric.name, task)
    _check_gate(config)


def _check_gate(config: "Config") -> None:
    target = Target(config.data.labels, config.data.classes)
    keys = [metric.key for metric in config.evaluation.metrics]
    known = [*keys, *target.always]
    known += [of_label(key, label) for label in target.parts for key in keys]
    if len(set(known)) < len(known):
        raise ValueError(
            f"evaluation.metrics: expected keys that with the labels give each name once, received "
            f"{', '.join(sorted(known))}; write another key"
        )
    for bound in config.evaluation.gate:
        if bound.metric not in known:
            raise ValueError(
                f"evaluation.gate: expected the key of a metric ({', '.join(known)}), received "
                f"{bound.metric!r}"
            )


def _check_classes(classes: tuple[str, ...], task: Task) -> None:
    if len(set(classes)) < len(classes):
        raise ValueError(f"data.classes: expected each once, received {', '.join(classes)}")
    expected, fits, example = {
        "regression": ("none", not classes, "[]"),
        "binary": ("two", len(classes) == 2, "[bad, good]"),
        "multiclass": ("three or more", len(classes) > 2, "[low, middle, high]"),
    }[task]
    if not fits:
        meant = "binary" if len(classes) == 2 else "multiclass"
        write = f"model.task={meant}" if len(classes) > 1 else f"'data.classes={example}'"
        raise ValueError(
            f"data.classes: expected {expected} for model.task={task}, received "
            f"{', '.join(classes) or 'none'}; write: --set {write}"
        )


def _check_object(catalogue: Catalogue, key: str, kind: ObjectKind, name: str, task: Task) -> None:
    try:
        catalogue.check_task(kind, name, task)
    except InputError as error:
        raise InputError(
            f"{key}.name",
            expected=error.expected,
            received=error.received,
            write=f"--set {key}.name={_USUAL[task][kind]}",
        ) from None
