"""The trials of a sweep: every combination of the values that some keys are given."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import yaml

from huberflow.pipeline.config import Config
from huberflow.pipeline.config.reading import ConfigError
from huberflow.pipeline.resolve.data_rows import DataSets
from huberflow.pipeline.resolve.resolved_run import ResolvedConfig, resolve_config

MOST_TRIALS = 1000
"""More in one sweep is a typing mistake."""


@dataclass(frozen=True)
class Trial:
    """One run of a sweep."""

    settings: tuple[str, ...]
    """``KEY=VALUE`` each, over what all trials share."""
    name: str
    """For people, such as ``threshold=0.5 HuberLoss``."""
    resolved: ResolvedConfig

    @property
    def config(self) -> Config:
        """The trial's config."""
        return self.resolved.config


@dataclass(frozen=True)
class Grid:
    """A sweep's trials, each with a config of its own."""

    trials: tuple[Trial, ...]
    dropped: tuple[tuple[Trial, Trial], ...]
    """Trials that would repeat another, each with that other."""


def resolve(path: Path | None, fixed: Sequence[str], settings: Sequence[str]) -> Grid:
    """The config of every trial.

    Args:
      path: see ``resolve_config``, as for ``fixed``.
      fixed: settings that all trials share; those of the trial come after them.
      settings: see ``trials``.

    Raises:
      ConfigError: some trials are wrong; says which and why, each mistake once.
    """
    data_sets = DataSets()
    found, mistakes = [], dict[str, list[str]]()
    for trial in trials(settings):
        try:
            resolved = resolve_config(path, (*fixed, *trial), data_sets)
        except ConfigError as error:
            for line in str(error).splitlines():
                mistakes.setdefault(line, []).append(" ".join(trial))
        else:
            found.append(Trial(trial, _name(trial, resolved.config), resolved))
    if len({trial.config.workspace for trial in found}) > 1:
        mistakes["workspace: expected one for all trials, for what they share is run once"] = [
            "sweep"
        ]
    if mistakes:
        raise ConfigError("\n".join(_explained(mistakes)))
    return _distinct(found)


def trials(settings: Sequence[str]) -> list[tuple[str, ...]]:
    """Every combination of values, as settings of one value; the last key varies fastest.

    Args:
      settings: ``a.b=value,value`` each; the values are YAML, so that the commas in ``[64, 32]``
        and in ``"a, b"`` part nothing.

    Raises:
      ConfigError: a setting is wrong, or there are more than ``MOST_TRIALS``.
    """
    axes = [_axis(setting) for setting in settings]
    count = math.prod(map(len, axes))
    if count > MOST_TRIALS:
        sizes = " x ".join(str(len(axis)) for axis in axes)
        raise ConfigError(
            f"expected at most {MOST_TRIALS:,} trials, received {count:,} ({sizes}); "
            "write fewer values, or several sweeps"
        )
    return list(product(*axes))


def _axis(setting: str) -> list[str]:
    key, _, text = setting.partition("=")
    values = _values(key, text)
    if not key.strip() or not values:
        raise ConfigError(
            f"expected key=value,value, received {setting!r}; "
            "write: training.loss.config.threshold=0.5,1,2"
        )
    return [f"{key.strip()}={value}" for value in values]


def _values(key: str, text: str) -> list[str]:
    """The items of a YAML list without its brackets, as they are written."""
    listed = f"[{text}]"
    try:
        node = yaml.compose(listed, Loader=yaml.SafeLoader)
        if not isinstance(node, yaml.SequenceNode) or node.end_mark.index < len(listed):
            raise yaml.YAMLError("it closes a bracket that it does not open")
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{key}: {text!r} is not values in YAML: {reason}") from error
    return [listed[item.start_mark.index : item.end_mark.index] for item in node.value]


def _explained(mistakes: Mapping[str, Sequence[str]]) -> Iterable[str]:
    for mistake, (first, *others) in mistakes.items():
        also = f" (and {len(others)} more)" if others else ""
        yield f"{first}{also}: {mistake}"


def _distinct(found: Iterable[Trial]) -> Grid:
    first: dict[Any, Trial] = {}
    dropped = []
    for trial in found:
        same = first.setdefault(_hashable(trial.config.plain()), trial)
        if same is not trial:
            dropped.append((trial, same))
    return Grid(tuple(first.values()), tuple(dropped))


def _hashable(value: Any) -> Any:
    """Equal exactly where the JSON values are, so that 1 is 1.0."""
    if isinstance(value, Mapping):
        return frozenset((key, _hashable(item)) for key, item in value.items())
    return tuple(map(_hashable, value)) if isinstance(value, list) else value


def _name(trial: Sequence[str], config: Config) -> str:
    settings = dict(setting.split("=", 1) for setting in trial)
    values = config.plain()
    labels = {key: short.removesuffix(".name") for key, short in short_names(settings).items()}
    return " ".join(
        value if labels[key] == "name" else f"{labels[key]}={value}"
        for key, value in settings.items()
        if _has(values, key.split("."))  # another object's name dropped the arguments before it
    )


def _has(values: Any, path: Sequence[str]) -> bool:
    if not path:
        return True
    if isinstance(values, list):
        values = {str(place): item for place, item in enumerate(values)}
    return isinstance(values, Mapping) and path[0] in values and _has(values[path[0]], path[1:])


def short_names(keys: Collection[str]) -> dict[str, str]:
    """For each dotted key as much of its end as no other key has, and no place in a list alone."""
    ends: dict[str, set[str]] = {}
    for key in keys:
        for end in _ends(key):
            ends.setdefault(end, set()).add(key)
    return {
        key: next((end for end in _ends(key) if len(ends[end]) == 1 and not end[0].isdigit()), key)
        for key in keys
    }


def _ends(key: str) -> list[str]:
    parts = key.split(".")
    return [".".join(parts[place:]) for place in reversed(range(len(parts)))]
