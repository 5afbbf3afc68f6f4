"""The trials of a sweep: every combination of the values that some keys are given."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import yaml

from huberflow.custom_objects.input_error import InputError, InputErrors
from huberflow.pipeline.config import Config
from huberflow.pipeline.config.dotted_keys import short_names
from huberflow.pipeline.resolve.resolved_run import DataSets, ResolvedConfig, resolve_config

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
      InputError: some trials are wrong; says which and why, each mistake once.
    """
    data_sets: DataSets = {}
    found: list[Trial] = []
    mistakes: dict[str, list[tuple[str, InputError]]] = {}
    for trial in trials(settings):
        try:
            resolved = resolve_config(path, (*fixed, *trial), data_sets)
        except InputError as error:
            for each in error.errors if isinstance(error, InputErrors) else [error]:
                mistakes.setdefault(str(each), []).append((" ".join(trial), each))
        else:
            found.append(Trial(trial, _name(trial, resolved.config), resolved))
    if mistakes:
        raise InputErrors([_in_trials(*each) for each in mistakes.values()])
    workspaces = {str(trial.config.workspace) for trial in found}
    if len(workspaces) > 1:
        expected = "one for all trials, which share results"
        received = ", ".join(sorted(workspaces))
        raise InputError("workspace", expected=expected, received=received)
    return _distinct(found)


def trials(settings: Sequence[str]) -> list[tuple[str, ...]]:
    """Every combination of values, as settings of one value; the last key varies fastest.

    Args:
      settings: ``a.b=value,value`` each; the values are YAML, so that the commas in ``[64, 32]``
        and in ``"a, b"`` part nothing.

    Raises:
      InputError: a setting is wrong, or there are more than ``MOST_TRIALS``.
    """
    axes = [_axis(setting) for setting in settings]
    count = math.prod(map(len, axes))
    if count > MOST_TRIALS:
        sizes = " x ".join(str(len(axis)) for axis in axes)
        expected, hint = f"at most {MOST_TRIALS:,} trials", "write fewer values, or several sweeps"
        raise InputError("--set", expected=expected, received=f"{count:,} ({sizes})", hint=hint)
    return list(product(*axes))


def _axis(setting: str) -> list[str]:
    key, _, text = setting.partition("=")
    values = _values(key, text)
    if not key.strip() or not values:
        raise InputError(
            "--set",
            expected="key=value,value",
            received=repr(setting),
            write="--set training.loss.config.threshold=0.5,1,2",
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
        hint = " ".join(str(error).split())
        raise InputError(key, expected="values in YAML", received=repr(text), hint=hint) from error
    return [listed[item.start_mark.index : item.end_mark.index] for item in node.value]


def _in_trials(first: tuple[str, InputError], *others: tuple[str, InputError]) -> InputError:
    """A mistake of several trials, its key below the settings of the first."""
    trial, error = first
    also = f" (and {len(others)} more)" if others else ""
    return InputError(
        f"{trial}{also}: {error.key}",
        expected=error.expected,
        received=error.received,
        write=error.write,
        hint=error.hint,
    )


def _distinct(found: Sequence[Trial]) -> Grid:
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
