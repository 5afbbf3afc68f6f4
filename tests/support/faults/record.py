"""What the tool has tried so far, in a file that a later call goes on with; and the table of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from faults.catalogue import FAULTS, End

PROMISES = {
    End.KILLED: "nothing half done is seen; the next run goes on",
    End.STOPPED: "one clear line, or no harm; nothing half done is seen; the next run goes on",
    End.WELL: "the run ends well, with equal results; MLflow gets it, now or with the next run",
}

_TABLE = re.compile(r"^\| Fault \|.*?(?=^\n|\Z)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Tried:
    """One point, as the file has it."""

    seed: int
    lane: int
    fault: str
    section: str
    at: int
    change: str
    code: int
    seconds: float
    struck: bool
    broken: Sequence[str]


class Record:
    """The file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, lane: Sequence[Tried]) -> None:
        """Adds a whole lane."""
        with self._path.open("a") as file:
            file.writelines(json.dumps(asdict(tried)) + "\n" for tried in lane)

    def clear(self) -> None:
        self._path.unlink(missing_ok=True)

    def read(self) -> list[Tried]:
        if not self._path.exists():
            return []
        return [Tried(**json.loads(line)) for line in self._path.read_text().splitlines()]


def table(tried: Sequence[Tried]) -> str:
    """Fault by fault, in Markdown: what is promised, how often it was tried, how often broken."""
    return "\n".join(_lines([each for each in tried if each.struck]))


def write_table(page: Path, tried: Sequence[Tried]) -> None:
    """Puts the table in place of the one in a page."""
    page.write_text(_TABLE.sub(lambda _: table(tried) + "\n", page.read_text(), count=1))


def _lines(tried: Sequence[Tried]) -> Iterator[str]:
    yield "| Fault | What is promised | Tried | Broken |"
    yield "| --- | --- | ---: | ---: |"
    for fault in FAULTS:
        found = [each for each in tried if each.fault == fault.name]
        yield f"| {fault.name} | {PROMISES[fault.end]} | {len(found)} | {_broken(found)} |"
    yield f"| **all** | | **{len(tried)}** | **{_broken(tried)}** |"


def _broken(tried: Sequence[Tried]) -> int:
    return sum(bool(each.broken) for each in tried)
