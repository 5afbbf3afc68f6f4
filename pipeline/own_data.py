"""What the user's own data decide of a config, before anything is trained on them."""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pipeline import logs
from pipeline.config import Config
from pipeline.data import checks, infer, profile, source
from pipeline.data.profile import Table
from pipeline.data.source import DataError

MOST_SLICES = 2
"""Columns that models are judged by apart, unless the config says which."""

MOST_VALUES = 20
"""Of such a column: each value is a row in the report."""

_KINDS = ("numeric", "categorical", "cyclic", "dates")


def defaults(asked: Mapping[str, Any]) -> dict[str, Any]:
    """All values of a config, for the data that it names; every row is looked at once.

    Args:
      asked: what the user has set, ``data.path`` at least.

    Raises:
      DataError: the data, the label or the weights cannot be used.
    """
    data = asked["data"]
    table = look(str(data["path"]))
    label = _label(data, table)
    without = checks.check_label(table, label)
    weight = _weight(data, label)
    found = infer.infer(
        table,
        label,
        weight=weight,
        exclude=_names(data, "exclude"),
        keep=_names(data, "keep"),
    )
    values = Config().plain()
    values["name"] = _name(Path(data["path"]))
    values["data"] |= {"left_out": dict(found.left_out), "rows_without_label": without}
    values["features"] |= _uses(found, asked.get("features"))
    values["model"]["label_scale"] = "standard"
    values["evaluation"] |= {
        "slices": _slices(table, found.categorical),
        # Nothing is known of a good error yet; the first model is the one to beat.
        "gate": [{**values["evaluation"]["gate"][0], "upper_bound": None}],
    }
    return values


@cache
def look(path: str) -> Table:
    """What the rows below a path say; asked again, it is not read again.

    Raises:
      DataError: TFX could not read them, or would read them wrongly.
    """
    with logs.quiet():  # TensorFlow reads TFRecords
        return profile.profile(source.find(path))


def remarks(config: Config) -> list[str]:
    """What a user should know of the data before they are trained on, a line each."""
    data = config.data
    said = [f"left out: {name}: {reason}" for name, reason in data.left_out.items()]
    if data.rows_without_label:
        said.append(f"set aside: {data.rows_without_label:,} rows without {data.label}")
    if data.path is not None:
        found = source.find(data.path)
        table, used = look(str(data.path)), config.features.columns()
        said += checks.leaks(found, table, data.label, used)
    return said


def _label(data: Mapping[str, Any], table: Table) -> str:
    label = data.get("label")
    if label is None:
        raise DataError(
            "data.label: expected the column to predict, received none; "
            f"write: --label NAME, one of {', '.join(table.columns)}"
        )
    return str(label)


def _weight(data: Mapping[str, Any], label: str) -> str | None:
    if data.get("weight") is None:
        return None
    weight = str(data["weight"])
    _weigh(str(data["path"]), weight, label)
    return weight


@cache
def _weigh(path: str, weight: str, label: str) -> None:
    """Refuses weights that cannot be used; asked again, they are not read again."""
    checks.check_weight(source.find(path), look(path), weight, label)


def _names(data: Mapping[str, Any], key: str) -> tuple[str, ...]:
    names = data.get(key) or ()
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise DataError(
            f"data.{key}: expected a list of columns, received {names!r}; "
            f"write: --set data.{key}=[{names}]"
        )
    return tuple(map(str, names))


def _name(path: Path) -> str:
    """Of the model: as the file or folder is called."""
    words = re.findall(r"[A-Za-z0-9]+", path.name.partition(".")[0]) or ["model"]
    name = "-".join(words)
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
