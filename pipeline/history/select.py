"""Which runs a person means."""

import re
from collections.abc import Sequence
from difflib import get_close_matches
from itertools import islice

from huberflow.pipeline.history.run_history import Run

LATEST = 10
"""Runs that are compared where none is named."""


class CompareError(Exception):
    """The runs to compare cannot be told; the message says what to write instead."""


def choose(runs: Sequence[Run], names: Sequence[str]) -> list[Run]:
    """The runs that are meant, each once.

    Args:
      runs: all there are, oldest first.
      names: each the id of a run or sweep, the unique start of one, a name, ``latest``, or
        ``latest~2`` for the second before it; none: the latest that have a result.

    Raises:
      CompareError: there is none of this name, or there are several.
    """
    if names:
        found = [run for name in names for run in _named(runs, name)]
    else:
        evaluated = (run for run in reversed(runs) if run.kind == "run" and run.report())
        found = [*islice(evaluated, LATEST)][::-1]
    if not found:
        raise CompareError("expected runs with a result, found none; write: huberflow run")
    return list({run.id: run for run in found}.values())


def _named(runs: Sequence[Run], name: str) -> list[Run]:
    if latest := re.fullmatch(r"latest(?:~(\d+))?", name):
        return [_latest(runs, int(latest[1] or 0))]
    found = (
        [run for run in runs if run.id == name]
        or [run for run in runs if run.name == name]
        or [run for run in runs if run.id.startswith(name)]
    )
    ids = {run.id for run in found}
    found = [run for run in found if run.sweep not in ids]  # they are meant by their sweep
    if not found:
        raise CompareError(_unknown(runs, name))
    if len(found) > 1:
        listed = ", ".join(run.id for run in found[-5:])
        raise CompareError(
            f"expected one run, received {name!r}, which {len(found)} are called; "
            f"write the whole id, such as: {listed}"
        )
    (only,) = found
    trials = [run for run in runs if run.sweep == only.id]
    # Side by side, the second may start before the first.
    return [only] if only.kind == "run" else sorted(trials, key=_number)


def _number(trial: Run) -> int:
    return trial.metadata.sweep_trial


def _latest(runs: Sequence[Run], back: int) -> Run:
    found = [run for run in runs if run.kind == "run"]
    if back >= len(found):
        raise CompareError(
            f"expected one of the {len(found)} runs there are, received latest~{back}; "
            + (f"write: latest~{len(found) - 1}" if found else "write: huberflow run")
        )
    return found[-1 - back]


def _unknown(runs: Sequence[Run], name: str) -> str:
    known = list(dict.fromkeys(text for run in reversed(runs) for text in (run.id, run.name)))
    close = get_close_matches(name, known, n=3) or known[:1]
    hint = f"write: {' or '.join(close)}" if close else "there is none yet; write: huberflow run"
    return f"expected the id or name of a run, received {name!r}; {hint}"
