"""Selects runs by the names that a person types."""

import re
import shlex
from collections.abc import Sequence
from difflib import get_close_matches
from itertools import islice

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.history.run_history import Run

LATEST = 10
"""How many runs are selected if the user names none."""

_START = "huberflow run"


def select_runs(runs: Sequence[Run], names: Sequence[str]) -> list[Run]:
    """The runs that the user named, without duplicates.

    Args:
      runs: all runs of the workspace, oldest first.
      names: for each run or sweep, its id, the unique start of its id, or its name; or ``latest``,
        or ``latest~2`` for the second run before the latest. If empty, the latest runs that have a
        result are selected.

    Raises:
      InputError: no run has one of the names, or several runs have it.
    """
    if names:
        chosen = [run for name in names for run in _named(runs, name)]
    else:
        evaluated = (run for run in reversed(runs) if run.kind == "run" and run.report())
        chosen = [*islice(evaluated, LATEST)][::-1]
    if not chosen:
        raise InputError("RUNS", expected="runs with a result", received="none", write=_START)
    return list({run.id: run for run in chosen}.values())


def _named(runs: Sequence[Run], name: str) -> list[Run]:
    if latest := re.fullmatch(r"latest(?:~(\d+))?", name):
        return [_latest(runs, int(latest[1] or 0))]
    matches = (
        [run for run in runs if run.id == name]
        or [run for run in runs if run.name == name]
        or [run for run in runs if run.id.startswith(name)]
    )
    found = {run.id for run in matches}
    matches = [run for run in matches if run.sweep not in found]  # its sweep includes them
    if not matches:
        raise _unknown(runs, name)
    if len(matches) > 1:
        ids = [run.id for run in matches[-5:]]
        raise InputError(
            name,
            expected="the name of one run",
            received=f"one that fits {len(matches)} runs",
            hint="write the whole id, such as: " + ", ".join(map(shlex.quote, ids)),
        )
    (only,) = matches
    if only.kind == "run":
        return [only]
    # Trials run at the same time: the second may start before the first.
    trials = (run for run in runs if run.sweep == only.id)
    return sorted(trials, key=lambda trial: trial.metadata.sweep_trial)


def _latest(runs: Sequence[Run], back: int) -> Run:
    latest = [run for run in runs if run.kind == "run"]
    if back >= len(latest):
        raise InputError(
            f"latest~{back}",
            expected=f"one of the {len(latest)} runs of the workspace",
            received=f"number {back} before the latest",
            write=f"latest~{len(latest) - 1}" if latest else _START,
        )
    return latest[-1 - back]


def _unknown(runs: Sequence[Run], name: str) -> InputError:
    names = list(dict.fromkeys(text for run in reversed(runs) for text in (run.id, run.name)))
    close = get_close_matches(name, names, n=3) or names[:1]
    return InputError(
        name,
        expected="the id or name of a run",
        received="a name that no run has" if names else "a name, but there are no runs yet",
        write=" or ".join(map(shlex.quote, close)) or _START,
    )
