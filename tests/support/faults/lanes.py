"""Runs a lane: faults one after the other in one workspace, and then a run that none disturbs."""

from __future__ import annotations

import itertools
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import psutil

from faults import promise
from faults.draw import Changes, Point, read_changes
from faults.injector import Kind, Plan, Role
from faults.place import Place
from faults.surroundings import beside
from faults.warmed import Ended, Warmed

LONGEST = 600.0
"""Seconds of a run; one that takes longer hangs."""

HOUR = 3600

LATER = "not delivered yet; later: "
"""What a run says whose tracker does not answer."""


@dataclass
class Result:
    """What a fault did to a run, and what of the promise was broken."""

    point: Point
    change: str
    """The call and the path that it struck; "" where the run ended before."""
    ended: Ended
    seconds: float
    broken: list[str] = field(default_factory=list)

    @property
    def struck(self) -> bool:
        return bool(self.change) or not self.point.fault.by_change


@dataclass(frozen=True)
class Undisturbed:
    """A run that no fault disturbs, for comparison."""

    changes: Changes
    results: dict[str, str]
    files: set[str]
    notes: set[str]
    """The lines that it prints beside its results."""
    is_on_disk: bool
    """Whether the place is a disk of its own, which takes root."""


class Lanes:
    """Runs lanes in a folder.

    Args:
      folder: for the place, and for places that are kept because a promise was broken.
      warmed: runs ``huberflow``.
    """

    def __init__(self, folder: Path, warmed: Warmed) -> None:
        self._folder, self._warmed = folder, warmed
        self._runs = itertools.count(1)

    def undisturbed(self) -> Undisturbed:
        """Runs twice; the second time all is cached."""
        trace = self._folder / "trace"
        with self._placed() as place:
            plan = Plan(self._folder / "plan", place.root, trace)
            notes: set[str] = set()
            for _ in range(2):
                ended = self._run(place, plan)
                if ended.code:
                    raise RuntimeError(f"the undisturbed run failed:\n{ended.output}{ended.errors}")
                notes.update(ended.errors.splitlines())
                plan = Plan(self._folder / "plan", place.root)
            (journal, _) = sorted(place.workspace.journals.glob("*.jsonl"))
            return Undisturbed(
                read_changes(trace, journal),
                promise.results(place.workspace),
                promise.files(place.workspace.root),
                notes,
                place.is_disk,
            )

    def run(self, lane: Sequence[Point], expected: Undisturbed, name: str) -> Iterator[Result]:
        """Strikes at each point of a lane; each result comes once its promise has been checked.

        The last one tells, too, what is wrong in the end.
        """
        with self._placed() as place:
            for number, point in enumerate(lane, start=1):
                result = self._strike(place, point, expected.notes)
                if result.ended.code == 0:
                    result.broken += promise.unlike(place.workspace, expected.results)
                result.broken += promise.half_visible(place.workspace)
                if number == len(lane):
                    result.broken += self._in_the_end(place, expected)
                if result.broken:
                    place.keep(self._folder / "broken" / name)
                yield result

    def _strike(self, place: Place, point: Point, notes: set[str]) -> Result:
        fault = point.fault
        plan = Plan(self._folder / "plan", place.root)
        plan.strike(
            fault.kind,
            point.at,
            fault.role,
            since=point.since,
            error=fault.error,
            seconds=-int(HOUR * (1 + 48 * point.amount)) if fault.kind is Kind.CLOCK else 0,
        )
        began = time.monotonic()
        with beside(point, place) as found:
            settings = found.settings if point.is_tracked else ["tracking.enabled=false"]
            given = [f"--set={setting}" for setting in settings]
            if fault.role is not Role.RUN:
                given.append("--no-cache")  # else there may be nothing to deliver or to check
            watch = partial(_watch, plan, fault.kind is Kind.PAUSE, found.at_pause)
            ended = self._run(place, plan, *given, meanwhile=watch, network=found.network)
        seconds = time.monotonic() - began
        result = Result(point, plan.change if plan.struck else "", ended, seconds)
        if seconds >= LONGEST:
            result.broken.append("hangs")
        if result.struck or ended.code:
            result.broken += promise.unclear(ended, fault, notes)
        if ended.code == 0 and found.is_undelivered and LATER not in ended.output:
            result.broken.append("does not say that the run was not delivered")
        return result

    def _in_the_end(self, place: Place, expected: Undisturbed) -> Iterator[str]:
        """What is wrong although the same run was repeated without a fault."""
        self._end_others(place, patience=60)
        plan = Plan(self._folder / "plan", place.root)
        again = self._run(place, plan)
        if lines := promise.besides(again, expected.notes) or again.code:
            yield f"the run without a fault ends with {again.code}: {lines}"
            return
        yield from promise.unlike(place.workspace, expected.results)
        yield from promise.half_visible(place.workspace)
        if others := self._end_others(place, patience=60):
            yield f"still running: {others}"
        yield from promise.untracked(place.workspace)
        compared = self._huberflow(place, plan, "compare")
        yield from promise.not_compared(place.workspace, compared)
        yield from promise.left_over(place.workspace, expected.files)

    def _run(self, place: Place, plan: Plan, *given: str, **how) -> Ended:
        # Else a run in which nothing has changed would write nothing.
        name = f"--set=tracking.run_name=run {next(self._runs)}"
        return self._huberflow(place, plan, "run", "--config", "config.yaml", name, *given, **how)

    def _huberflow(self, place: Place, plan: Plan, verb: str, *arguments: str, **how) -> Ended:
        return self._warmed.run(
            *(verb, "--workspace", "workspace", *arguments),
            folder=place.root,
            variables={**plan.variables, "TMPDIR": str(place.temporary)},
            **how,
        )

    def _end_others(self, place: Place, patience: float) -> list[str]:
        """Waits for processes that a run left, and ends those that stay; their commands."""
        _, alive = psutil.wait_procs(list(_processes(place)), patience)
        commands = [" ".join(each.cmdline()) for each in alive]
        for each in alive:
            each.kill()
        return commands

    @contextmanager
    def _placed(self) -> Iterator[Place]:
        place = Place(self._folder / "place")
        try:
            yield place
        finally:
            for process in _processes(place):
                process.kill()
            place.remove()


def _watch(plan: Plan, pauses: bool, at_pause: Callable[[int, Plan], None], process: int) -> None:
    """Waits for the end of a run; acts where it pauses, and ends one that hangs."""
    deadline = time.monotonic() + LONGEST
    while psutil.pid_exists(process) and time.monotonic() < deadline:
        if pauses and plan.struck:
            pauses = False
            at_pause(process, plan)
        time.sleep(0.02)
    if psutil.pid_exists(process):
        os.kill(process, signal.SIGKILL)


def _processes(place: Place) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        try:
            if process.environ().get("TMPDIR") == str(place.temporary):
                yield process
        except psutil.Error:
            continue
