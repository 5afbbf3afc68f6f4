"""Draws where faults strike: lanes of runs in one workspace, from a seed."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from random import Random

from taxi_workspace import NODES

from faults.catalogue import FATAL, LAST, Fault
from faults.injector import Role

SECTIONS = ("before", *NODES, "after")
"""Of a run: before its first node, each node, and after its last."""

TRACKED = 0.4
"""The share of faults that strike runs which are tracked."""

PER_SECTION = 2
"""How often each section of a lane is struck."""

AT_THE_END = 4
"""How many faults that a run survives come at the end; of a check of the export first."""

Changes = Mapping[tuple[Role, str], Sequence[str]]
"""The changes of an undisturbed run, by process and, for the run itself, by section."""


def read_changes(trace: Path, journal: Path) -> Changes:
    """The changes of a run, from the trace that the injector left and from the run's journal."""
    changes = defaultdict(list)
    events = map(json.loads, journal.read_text().splitlines())
    section = "before"
    for line in trace.read_text().splitlines():
        role, _, call, path = line.split(" ", 3)
        process = Role(int(role))
        changes[process, section if process is Role.RUN else ""].append(f"{call} {path}")
        if process is Role.RUN and call == "write" and path == str(journal):
            event = next(events)
            if event["event"] in ("node_started", "ended"):
                section = event.get("node", "after")
    return changes


@dataclass(frozen=True)
class Point:
    """Where a fault strikes."""

    fault: Fault
    section: str
    at: int
    """The change, from 1, since the section began or the process started; 0 without one."""
    amount: float
    """From 0 to 1, for what else is drawn: how long, how much, how far."""

    @property
    def since(self) -> tuple[str, str]:
        """The event, and its node, with which the section begins in the journal."""
        if self.fault.role is not Role.RUN or self.section == "before":
            return "", ""
        return ("ended", "") if self.section == "after" else ("node_started", self.section)

    @property
    def is_tracked(self) -> bool:
        """Whether the run is tracked while it goes on; if not, the last one of the lane does it."""
        return self.fault in LAST or self.amount < TRACKED

    def __str__(self) -> str:
        where = f" in {self.section}" if self.fault.role is Role.RUN else ""
        return f"{self.fault.name}{where}" + (f" at change {self.at}" if self.at else "")


def lanes(seed: int, changes: Changes) -> Iterator[list[Point]]:
    """Lanes without end: faults in one section after the other, then some that a run survives.

    Every fault meets every section equally often: both go round, in drawn orders.
    """
    order = Random(f"{seed}")  # noqa: S311 (no secret)
    fatal = _rounds(FATAL, order)
    last = _rounds(LAST, order)
    for number in count():
        random = Random(f"{seed}/{number}")  # noqa: S311
        cut = random.randrange(1, len(SECTIONS) + 1)
        struck = [section for section in SECTIONS[:cut] for _ in range(PER_SECTION)]
        lane = [_point(random, next(fatal), section, changes) for section in struck]
        ends = sorted(islice(last, AT_THE_END), key=lambda fault: fault.role is not Role.CHECK)
        yield lane + [_point(random, fault, random.choice(SECTIONS), changes) for fault in ends]


def fewer(lane: list[Point], count: int) -> list[Point]:
    """At most so many points of a lane, from all over it; the same ones each time."""
    chosen = Random(str(lane)).sample(range(len(lane)), min(count, len(lane)))  # noqa: S311
    return [lane[number] for number in sorted(chosen)]


def _rounds(faults: Sequence[Fault], random: Random) -> Iterator[Fault]:
    while True:
        yield from random.sample(faults, len(faults))


def _point(random: Random, fault: Fault, section: str, changes: Changes) -> Point:
    at = 0
    if fault.by_change:
        found = changes[fault.role, section if fault.role is Role.RUN else ""]
        kinds = defaultdict(list)
        for number, change in enumerate(found, start=1):
            kinds[kind_of(change)].append(number)
        at = random.choice(random.choice(list(kinds.values())))
    return Point(fault, section, at, random.random())


def kind_of(change: str) -> str:
    """A change without what differs from file to file: thousands of rows are one kind."""
    return re.sub(r"[0-9a-f]*\d[0-9a-f]*", "0", re.sub(r"tmp\w{8}", "tmp", change))
