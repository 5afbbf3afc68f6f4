"""The defaults of each task, and which settings a task allows."""

import shlex
from collections.abc import Mapping
from typing import Any

from huberflow.components.contracts.target import Target
from huberflow.custom_objects.catalogue import Catalogue, ObjectKind, Task
from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.config.base import refuse_if
from huberflow.pipeline.config.data import Data
from huberflow.pipeline.config.evaluation import Evaluation
from huberflow.pipeline.config.model import Model
from huberflow.pipeline.config.training import Training
from huberflow.pipeline.config.yaml_text import flow

DEFAULTS: Mapping[Task, Mapping[str, Mapping[str, Any]]] = {
    "regression": {},
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
                {"name": "AUC", "config": {"curve": "PR"}, "key": "pr_auc"},
            ]
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
            ]
        },
    },
}
"""Defaults for a user's own data; they replace those of the config."""

_USUAL: Mapping[Task, Mapping[str, str]] = {
    "regression": {"loss": "HuberLoss", "metric": "HuberMetric"},
    "binary": {"loss": "BinaryCrossentropy", "metric": "BinaryAccuracy"},
    "multiclass": {"loss": "SparseCategoricalCrossentropy", "metric": "SparseCategoricalAccuracy"},
}


def check_task_rules(
    data: Data, model: Model, training: Training, evaluation: Evaluation, catalogue: Catalogue
) -> None:
    """Refuses sections that do not fit the task of the model.

    Raises:
      InputError: a setting is not possible for the task.
    """
    task, labels, scale = model.task, data.labels, model.label_scale
    several = task != "regression" and len(labels) > 1
    write = shlex.join(["--label", labels[0]]) if several else None
    expected = f"one column for model.task={task}"
    refuse_if(several, "data.label", expected, ", ".join(labels), write)
    _check_classes(data.classes, task)
    _check_threshold(model)
    key, scaled = "model.label_scale", task != "regression" and scale != "none"
    refuse_if(scaled, key, "none for classes", repr(scale), f"--set {key}=none")
    _check_class_weight(data.classes, training)
    _check_object(catalogue, "training.loss", "loss", training.loss.name, task)
    for section, metrics in (("training", training.metrics), ("evaluation", evaluation.metrics)):
        for place, metric in enumerate(metrics):
            _check_object(catalogue, f"{section}.metrics.{place}", "metric", metric.name, task)
    _check_gate(data, evaluation)


def _check_gate(data: Data, evaluation: Evaluation) -> None:
    target = Target(data.labels, data.classes)
    keys = [metric.key for metric in evaluation.metrics]
    names = target.metric_names(keys)
    if len(set(names)) < len(names):
        raise InputError(
            "evaluation.metrics",
            expected="keys that, with the labels, give different names",
            received=", ".join(sorted(names)),
            hint="write another key",
        )
    for bound in evaluation.gate:
        expected = f"the key of a metric ({', '.join(names)})"
        refuse_if(bound.metric not in names, "evaluation.gate", expected, repr(bound.metric))


def _check_classes(classes: tuple[str, ...], task: Task) -> None:
    received = ", ".join(classes) or "none"
    refuse_if(len(set(classes)) < len(classes), "data.classes", "each once", received)
    expected, fits, example = {
        "regression": ("none", not classes, "[]"),
        "binary": ("two", len(classes) == 2, "[bad, good]"),
        "multiclass": ("three or more", len(classes) > 2, "[low, middle, high]"),
    }[task]
    meant = "binary" if len(classes) == 2 else "multiclass"
    write = f"model.task={meant}" if len(classes) > 1 else f"'data.classes={example}'"
    expected = f"{expected} for model.task={task}"
    refuse_if(not fits, "data.classes", expected, received, f"--set {write}")


def _check_threshold(model: Model) -> None:
    asked, key = model.threshold, "model.threshold"
    if asked is not None and model.task != "binary":
        expected = f"null for model.task={model.task}"
        raise InputError(
            key, expected=expected, received=flow(asked.plain()), write=f"--set {key}=null"
        )


def _check_class_weight(classes: tuple[str, ...], training: Training) -> None:
    key, asked = "training.class_weight", training.class_weight
    none = f"--set {key}=null"
    refuse_if(
        asked is not None and not classes,
        key,
        "null for numbers, which have no classes",
        flow(asked),
        none,
    )
    unknown = [name for name in asked if name not in classes] if isinstance(asked, dict) else []
    refuse_if(unknown, key, f"classes of the label ({', '.join(classes)})", ", ".join(unknown))


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
