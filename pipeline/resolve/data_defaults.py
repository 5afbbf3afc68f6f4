"""What the user's own data decide of a config, before anything is trained on them."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, cast, get_args

from pydantic import ValidationError

from huberflow.components.contracts.target import Target
from huberflow.components.data.files import DataError, Source
from huberflow.custom_objects.catalogue import Task
from huberflow.pipeline.config import Config, Splits, paths_of, task_rules
from huberflow.pipeline.data import checks, classes, infer, profile, reading, source
from huberflow.pipeline.data import splits as row_splits
from huberflow.pipeline.data.labelled import labelled
from huberflow.pipeline.data.profile import Column, Table
from huberflow.pipeline.data.tally import tally
from huberflow.pipeline.system import logs

MOST_SLICES = 2
"""Columns that models are judged by apart, unless the config says which."""

MOST_VALUES = 20
"""Of such a column: each value is a row in the report."""

_KINDS = ("numeric", "categorical", "cyclic", "dates")


def defaults(asked: Mapping[str, Any]) -> dict[str, Any]:
    """All values of a config, for the data that it names; every row is looked at once.

    Args:
      asked: what the user has set, ``data.path`` or ``data.splits.files`` at least.

    Raises:
      DataError: the data, the label or the weights cannot be used.
    """
    data = asked["data"]
    paths = paths_of(data)
    rows = rows_of(paths)
    table = look(rows)
    labels = [checks.check_label(table, label) for label in _labels(data, table)]
    task = _task(asked, labels)
    target = Target(tuple(label.name for label in labels), _classes(data, labels, task))
    weight, splits = _weight(data, rows, target), _asked_splits(data)
    column = table.columns.get(splits.column or "")
    found = infer.infer(
        table,
        target.labels,
        weight=weight,
        split=column.name if column and column.kind != "date" else None,
        exclude=_names(data, "exclude"),
        keep=_names(data, "keep"),
    )
    values = Config().plain()
    values["name"] = _name(paths)
    for section, usual in task_rules.DEFAULTS[task].items():
        values[section] |= usual
    # As they are found: what is set instead is a change, as anywhere.
    values["model"]["task"] = _task({}, labels)
    values["data"] |= {
        "classes": [*classes.names(labels[0])] if target.classes else [],
        "left_out": dict(found.left_out),
        "rows_without_label": _without(rows, target),
    }
    if column:
        values["data"]["splits"] |= row_splits.found(rows, column, splits, target)
    values["features"] |= _uses(found, asked.get("features"))
    first = values["evaluation"]["metrics"][0]["key"]
    values["evaluation"] |= {
        "slices": _slices(table, found.categorical),
        # Nothing is known of a good error yet; the first model is the one to beat.
        "gate": [{**values["evaluation"]["gate"][0], "metric": first, "upper_bound": None}],
    }
    return values


@cache
def look(rows: Source) -> Table:
    """What the rows of files say; asked again, they are not read again.

    Raises:
      DataError: TFX could not read them, or would read them wrongly.
    """
    with logs.quiet():  # TensorFlow reads TFRecords
        return profile.profile(rows)


def rows_of(paths: Mapping[str, str]) -> Source:
    """The files of several paths, by the config's keys, as one data set.

    Raises:
      DataError: they cannot be used, or do not go together.
    """
    return source.together(source.each(paths))


def with_splits(config: Config) -> Config:
    """The config with ``data.splits.values`` or ``days`` as found, where it leaves them open.

    Raises:
      DataError: rows go to no split, or a split has no row; or the data have no column of a name.
    """
    data, splits, paths = config.data, config.data.splits, config.data.paths()
    checks.check_uses(look(rows_of(paths)), config)
    target = Target(data.labels, data.classes)
    if splits.files.train is not None:
        row_splits.check_files(source.each(paths), target)
    if splits.column is None:
        return config
    rows = rows_of(paths)
    column = checks.of_values("data.splits.column", look(rows), splits.column)
    if not splits.values and splits.days is None:
        found = row_splits.found(rows, column, splits, target)
        splits = Splits.model_validate_json(json.dumps(splits.model_dump(mode="json") | found))
    row_splits.check_column(rows, column, splits, target)
    return config.model_copy(update={"data": data.model_copy(update={"splits": splits})})


def _asked_splits(data: Mapping[str, Any]) -> Splits:
    """Shares and column; the default where they are wrong: the config refuses them by their key."""
    asked = data.get("splits")
    if not isinstance(asked, Mapping):
        return Splits()
    values = {key: asked[key] for key in ("train", "validation", "eval", "column") if key in asked}
    try:
        return Splits.model_validate_json(json.dumps(values, default=str))
    except ValidationError:
        return Splits()


def remarks(config: Config) -> list[str]:
    """What a user should know of the data before they are trained on, a line each."""
    data, splits = config.data, config.data.splits
    said = [f"left out: {name}: {reason}" for name, reason in data.left_out.items()]
    if data.rows_without_label:
        without = " or ".join(data.labels)
        said.append(f"set aside: {data.rows_without_label:,} rows without {without}")
    if paths := data.paths():
        rows = rows_of(paths)
        table, target = look(rows), Target(data.labels, data.classes)
        if splits.days and splits.column:
            silent = tally(rows, table.columns[splits.column], target).silent
            said += [f"set aside: {silent:,} rows without {splits.column}"] if silent else []
        for label in data.labels:
            said += filter(None, [classes.remark(table.columns[label], config.model.task)])
            said += checks.leaks(rows, table, label, config.features.columns())
    return said


def _labels(data: Mapping[str, Any], table: Table) -> tuple[str, ...]:
    label = data.get("label")
    if label is None:
        raise DataError(
            "data.label: expected the column to predict, received none; "
            f"write: --label NAME, one of {', '.join(table.columns)}"
        )
    return tuple(map(str, label)) if isinstance(label, list) else (str(label),)


def _weight(data: Mapping[str, Any], rows: Source, target: Target) -> str | None:
    if data.get("weight") is None:
        return None
    weight = str(data["weight"])
    _weigh(rows, weight, target)
    return weight


@cache
def _weigh(rows: Source, weight: str, target: Target) -> None:
    """Refuses weights that cannot be used; asked again, they are not read again."""
    checks.check_weight(rows, look(rows), weight, target)


def _task(asked: Mapping[str, Any], columns: Sequence[Column]) -> Task:
    """As the user says; a word that is no task, the config refuses later."""
    model = asked.get("model")
    said = model.get("task") if isinstance(model, Mapping) else None
    if said in get_args(Task):
        return cast(Task, said)
    return classes.task(columns[0]) if len(columns) == 1 else "regression"


def _classes(data: Mapping[str, Any], columns: Sequence[Column], task: Task) -> tuple[str, ...]:
    """The user's, else those found; of several columns, which are refused later, none."""
    if task == "regression":
        for column in columns:
            checks.check_number(column)
    if task == "regression" or len(columns) > 1:
        return ()
    found = classes.names(columns[0])
    asked = _names(data, "classes") or found
    classes.check_chosen(columns[0], asked)
    return asked


@cache
def _without(rows: Source, target: Target) -> int:
    """How many rows are set aside; asked again, they are not read again."""
    if target.classes or target.parts:
        return sum(int((~labelled(batch, target)).sum()) for batch in reading.batches(rows))
    return look(rows).columns[target.name].missing


def _names(data: Mapping[str, Any], key: str) -> tuple[str, ...]:
    names = data.get(key) or ()
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise DataError(
            f"data.{key}: expected a list of columns, received {names!r}; "
            f"write: --set data.{key}=[{names}]"
        )
    return tuple(map(str, names))


def _name(paths: Mapping[str, str]) -> str:
    """Of the model: as the file or folder is called; not as its split is."""
    key, path = next(iter(paths.items()))
    words = re.findall(r"[A-Za-z0-9]+", Path(path).name.partition(".")[0])
    if key != "data.path":
        words = [word for word in words if word.lower() not in ("train", "training")]
        words = words or re.findall(r"[A-Za-z0-9]+", Path(path).absolute().parent.name)
    name = "-".join(words or ["model"])
    return name if name[0].isalpha() else f"data-{name}"


def _uses(found: infer.Inferred, asked: Any) -> dict[str, Any]:
    """What was found, but for columns that the user names; those are used as the user says.

    What is asked may be anything: the config refuses it later, by its key.
    """
    asked = asked if isinstance(asked, Mapping) else {}
    given = [asked.get(kind) for kind in _KINDS]
    named = {str(column) for each in given if isinstance(each, list | dict) for column in each}
    uses: dict[str, Any] = {}
    for kind in _KINDS:
        columns = getattr(found, kind)
        if isinstance(columns, Mapping):
            uses[kind] = {name: value for name, value in columns.items() if name not in named}
        else:
            uses[kind] = [name for name in columns if name not in named]
    return uses


def _slices(table: Table, categorical: Iterable[str]) -> list[list[str]]:
    few = [name for name in categorical if table.columns[name].distinct <= MOST_VALUES]
    return [[name] for name in few[:MOST_SLICES]]
