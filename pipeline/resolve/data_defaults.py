"""Defaults of a config that are inferred from its data, before a model is trained on them."""

import json
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

from pydantic import ValidationError

from huberflow.components.contracts.evaluation_config import TFMA_ROWS
from huberflow.components.contracts.target import Target
from huberflow.custom_objects.catalogue import Task
from huberflow.custom_objects.input_error import InputError
from huberflow.custom_objects.json_record import JSON
from huberflow.pipeline.config import Config, Splits, task_rules
from huberflow.pipeline.config.yaml_text import flow
from huberflow.pipeline.data import checks, classes, infer, remarks
from huberflow.pipeline.data import splits as row_splits
from huberflow.pipeline.data.labelled import Tally, count_classes
from huberflow.pipeline.data.profile import ColumnProfile, DataProfile
from huberflow.pipeline.resolve import training_defaults
from huberflow.pipeline.resolve.data_rows import DataRows

MOST_SLICES = 2
"""Columns to evaluate by slice, unless the config names some."""

MOST_VALUES = 20
"""Values of a column to evaluate by slice; each is a row in the report."""

_KINDS = ("numeric", "categorical", "cyclic", "dates", "amounts", "boolean")


@dataclass(frozen=True)
class DataDefaults:
    """The values of a config as the data decide them, before what else the user sets."""

    _values: Mapping[str, Any]
    _uses: infer.InferredUses

    def values(self, features: object = None) -> dict[str, JSON]:
        """All values of a config.

        Args:
          features: section that the user sets; a column in it is used as the user says. It may be
            wrong: the config refuses it later, by its key.
        """
        section = {**self._values["features"], **_uses(self._uses, features)}
        named = _named(features)
        left_out = self._uses.left_out.items()
        data = {"left_out": {name: reason for name, reason in left_out if name not in named}}
        return {**self._values, "features": section, "data": {**self._values["data"], **data}}


def infer_defaults(asked: Mapping[str, JSON], rows: DataRows) -> DataDefaults:
    """Decides what the columns are for, the task, and what follows from them.

    Args:
      asked: what the user sets, ``data.path`` or ``data.splits.files`` at least.
      rows: the data that it names.

    Raises:
      InputError: the data, the label or the weights cannot be used.
    """
    data, table = cast(Mapping[str, Any], asked["data"]), rows.profile
    labels = [checks.check_label(table, label) for label in _labels(data, table)]
    inferred_task = _infer_task(data, labels)
    task = _asked_task(asked) or inferred_task
    weights = [] if data.get("weight") is None else [str(data["weight"])]
    amounts = rows.read_amounts([*(label.name for label in labels), *weights])
    target = Target(tuple(label.name for label in labels), _classes(data, labels, task))
    weight, splits = _weight(data, rows, target), _asked_splits(data)
    column = table.columns.get(splits.column or "")
    uses = infer.infer_uses(
        table,
        target.labels,
        weight=weight,
        split=column.name if column and column.kind != "date" else None,
        group=splits.group if splits.group in table.columns else None,
        exclude=_names(data, "exclude"),
        keep=_names(data, "keep"),
    )
    unlabelled = rows.count_unlabelled(target)
    values = _values_for(
        task, labels, training_defaults.train_rows(table.rows - unlabelled, splits)
    )
    values["name"] = _model_name(rows.paths)
    # The task as inferred: what is set instead is a change, as for any key.
    values["model"]["task"] = inferred_task
    values["data"] |= {
        "classes": [*classes.class_names(labels[0])] if target.classes else [],
        "amounts": amounts,
        "left_out": dict(uses.left_out),
        "rows_without_label": unlabelled,
    }
    if column and row_splits.can_split(column):
        counted = rows.tally(column, target)
        values["data"]["splits"] |= row_splits.infer_splits(counted, column, splits)
    values["evaluation"] |= {
        "slices": _slices(table, [*uses.categorical, *uses.boolean]),
        **_judged_by(task, asked, values["evaluation"]),
    }
    return DataDefaults(values, uses)


def _judged_by(
    task: Task, asked: Mapping[str, Any], evaluation: Mapping[str, Any]
) -> dict[str, Any]:
    """The metrics and the gate. No error is known to be good yet: the first model is to beat.

    Class weights change the probabilities, and make them worse in ``log_loss``: the gate then
    judges by a metric that counts classes the same.
    """
    metrics, gate = list(evaluation["metrics"]), {**evaluation["gate"][0], "upper_bound": None}
    training = asked.get("training")
    weighted = isinstance(training, Mapping) and training.get("class_weight") is not None
    if task == "regression" or not weighted:
        return {"gate": [{**gate, "metric": metrics[0]["key"]}]}
    if task == "multiclass":
        metrics.append({"name": "BalancedAccuracy", "config": {}, "key": "balanced_accuracy"})
    metric = "auc" if task == "binary" else "balanced_accuracy"
    bounds = {"max_increase": None, "max_decrease": gate["max_increase"]}
    return {"metrics": metrics, "gate": [{**gate, **bounds, "metric": metric}]}


def _values_for(task: Task, labels: Sequence[ColumnProfile], train_rows: int) -> dict[str, Any]:
    """The values of a config that follow from the task, the labels and the number of rows."""
    values: dict[str, Any] = Config().plain()
    for sections in (
        task_rules.DEFAULTS[task],
        training_defaults.training_defaults(task, train_rows, labels),
    ):
        for section, defaults in sections.items():
            values[section] |= defaults
    if task == "regression":
        threshold = training_defaults.huber_threshold(labels)
        metrics = values["training"]["metrics"] + values["evaluation"]["metrics"]
        for choice in (values["training"]["loss"], *metrics):
            if "threshold" in choice["config"]:
                choice["config"] = {"threshold": threshold}
    return values


def check_data(config: Config, rows: DataRows) -> Config:
    """Refuses a config that does not fit its data; fills in how a column splits them.

    Returns:
      The config, with ``data.splits.values`` or ``days`` as inferred where it leaves them open.

    Raises:
      InputError: rows go to no split, a split has no row, or the data lack a column.
    """
    data, splits = config.data, config.data.splits
    checks.check_uses(rows.profile, config)
    target = Target(data.labels, data.classes)
    if splits.files.train is not None:
        row_splits.check_split_files(rows.files, target)
        if data.classes:
            counts = count_classes(rows.files["data.splits.files.train"], target)
            classes.check_trained_classes(
                data.classes, counts, target.name, "data.splits.files.eval"
            )
    if splits.group is not None:
        row_splits.check_groups(
            checks.column_with_values("data.splits.group", rows.profile, splits.group)
        )
    if splits.column is None:
        if splits.group is None and splits.files.train is None:
            row_splits.check_different_rows(rows.source)
        return config
    column = checks.column_with_values("data.splits.column", rows.profile, splits.column)
    counted = rows.tally(column, target) if row_splits.can_split(column) else Tally()
    if not splits.values and splits.days is None and row_splits.can_split(column):
        inferred = row_splits.infer_splits(counted, column, splits)
        splits = Splits.model_validate_json(json.dumps(splits.model_dump(mode="json") | inferred))
    row_splits.check_split_column(counted, column, splits, target)
    if data.classes and splits.values:
        words = [word for word, split in splits.values.items() if split == "train"]
        counts = count_classes(rows.source, target, column, words)
        classes.check_trained_classes(data.classes, counts, target.name, "data.splits.column")
    return config.model_copy(update={"data": data.model_copy(update={"splits": splits})})


def _asked_splits(data: Mapping[str, Any]) -> Splits:
    """Shares, column and group; defaults where they are wrong, which the config refuses later."""
    asked = data.get("splits")
    if not isinstance(asked, Mapping):
        return Splits()
    keys = ("train", "validation", "eval", "column", "group")
    values = {key: asked[key] for key in keys if key in asked}
    try:
        return Splits.model_validate_json(json.dumps(values, default=str))
    except ValidationError:
        return Splits()


def data_warnings(config: Config, rows: DataRows) -> list[str]:
    """What a user should know about the data before a model is trained on them, a line each."""
    data, table = config.data, rows.profile
    target, splits = Target(data.labels, data.classes), data.splits
    lines = [f"left out: {name}: {reason}" for name, reason in data.left_out.items()]
    lines += remarks.describe_skipped(rows.paths.values())
    lines += remarks.describe_formats(table, config)
    lines += remarks.describe_marks(table)
    if data.rows_without_label:
        labels = " or ".join(data.labels)
        lines.append(f"dropped: {data.rows_without_label:,} rows without {labels}")
    if splits.days and splits.column:
        undated = rows.tally(table.columns[splits.column], target).without_value
        lines += [f"dropped: {undated:,} rows without {splits.column}"] if undated else []
    if splits.group:
        ungrouped = table.columns[splits.group].missing
        lines += [f"dropped: {ungrouped:,} rows without {splits.group}"] if ungrouped else []
    if len(data.labels) == 1:
        column = table.columns[data.labels[0]]
        lines += filter(None, [classes.remark_on_label(column, config.model.task)])
    for label in data.labels:
        lines += checks.describe_leaks(rows.source, table, label, config.features.columns())
    return lines


def _labels(data: Mapping[str, Any], table: DataProfile) -> tuple[str, ...]:
    label = data.get("label")
    if label is None:
        raise InputError(
            "data.label",
            expected="the column to predict",
            received="none",
            write=f"--label NAME, one of {', '.join(table.columns)}",
        )
    return tuple(map(str, label)) if isinstance(label, list) else (str(label),)


def _weight(data: Mapping[str, Any], rows: DataRows, target: Target) -> str | None:
    if data.get("weight") is None:
        return None
    weight = str(data["weight"])
    rows.check_weight(weight, target)
    return weight


def _asked_task(asked: Mapping[str, Any]) -> Task | None:
    """The task that the user sets; a word that is no task is left for the config to refuse."""
    model = asked.get("model")
    task = model.get("task") if isinstance(model, Mapping) else None
    return cast(Task, task) if task in get_args(Task) else None


def _infer_task(data: Mapping[str, Any], columns: Sequence[ColumnProfile]) -> Task:
    """The task that fits the classes that the user sets, or else the label."""
    if len(columns) > 1:
        return "regression"
    chosen = len(_names(data, "classes"))
    if chosen > 1:
        return "binary" if chosen == 2 else "multiclass"
    return classes.infer_task(columns[0])


def _classes(
    data: Mapping[str, Any], columns: Sequence[ColumnProfile], task: Task
) -> tuple[str, ...]:
    """The classes that the user sets, else the values of the label; none for several labels."""
    if task == "regression":
        for column in columns:
            checks.check_numeric_label(column)
    if task == "regression" or len(columns) > 1:
        return ()
    chosen = _names(data, "classes") or classes.class_names(columns[0])
    classes.check_chosen_classes(columns[0], chosen)
    return chosen


def _names(data: Mapping[str, Any], key: str) -> tuple[str, ...]:
    names = data.get(key) or ()
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise InputError(
            f"data.{key}",
            expected="a list of columns",
            received=repr(names),
            write=shlex.join(["--set", f"data.{key}={flow([names])}"]),
        )
    return tuple(map(str, names))


def _model_name(paths: Mapping[str, str]) -> str:
    """The name of the file or folder, without the name of a split."""
    key, path = next(iter(paths.items()))
    words = re.findall(r"[A-Za-z0-9]+", Path(path).name.partition(".")[0])
    if key != "data.path":
        words = [word for word in words if word.lower() not in ("train", "training")]
        words = words or re.findall(r"[A-Za-z0-9]+", Path(path).absolute().parent.name)
    name = "-".join(words or ["model"])
    return name if name[0].isalpha() else f"data-{name}"


def _uses(inferred: infer.InferredUses, features: object) -> dict[str, Any]:
    """The inferred use of each column that the user does not name in ``features``."""
    named = _named(features)
    uses: dict[str, Any] = {}
    for kind in _KINDS:
        columns = getattr(inferred, kind)
        if isinstance(columns, Mapping):
            uses[kind] = {name: value for name, value in columns.items() if name not in named}
        else:
            uses[kind] = [name for name in columns if name not in named]
    return uses


def _named(features: object) -> set[str]:
    """The columns whose use the user says."""
    section = features if isinstance(features, Mapping) else {}
    given = [section.get(kind) for kind in _KINDS]
    return {str(column) for each in given if isinstance(each, list | dict) for column in each}


def _slices(table: DataProfile, embedded: Iterable[str]) -> list[list[str]]:
    few = [name for name in embedded if table.columns[name].distinct <= MOST_VALUES]
    few = [name for name in few if name != TFMA_ROWS]
    return [[name] for name in few[:MOST_SLICES]]
