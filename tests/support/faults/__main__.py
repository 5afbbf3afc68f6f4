"""Strikes runs of a small pipeline with faults at drawn points, and checks what is promised."""

from __future__ import annotations

import argparse
import secrets
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import filelock

from faults import injector
from faults.draw import Point, fewer, lanes
from faults.lanes import Lanes, Result, Undisturbed
from faults.record import Record, Tried, table, write_table
from faults.warmed import Warmed

FOLDER = Path(".faults").absolute()


def main() -> int:
    options = _options()
    FOLDER.mkdir(exist_ok=True)
    with filelock.FileLock(FOLDER / "lock", timeout=0):  # one at a time
        return _try(options)


def _try(options: argparse.Namespace) -> int:
    repeats = options.lane is not None
    record = Record(FOLDER / ("repeated.jsonl" if repeats else f"{options.seed}.jsonl"))
    if repeats:
        record.clear()
    print(f"seed {options.seed}, {len(record.read())} points tried before", flush=True)
    left_out: Counter[str] = Counter()
    with Warmed(injector.compiled(FOLDER), FOLDER) as warmed:
        runs = Lanes(FOLDER, warmed)
        undisturbed = runs.undisturbed()
        print(f"a run makes {sum(map(len, undisturbed.changes.values()))} changes", flush=True)
        for number, lane in _chosen(options, record, undisturbed):
            again = f"--seed {options.seed} --lane {number} --points {len(lane)}"
            if not undisturbed.is_on_disk:
                left_out.update(point.fault.name for point in lane if point.fault.needs_root)
                lane = [point for point in lane if not point.fault.needs_root]
            found = runs.run(lane, undisturbed, f"{options.seed}-{number}")
            record.add([_told(result, options.seed, number, again) for result in found])
    tried = record.read()
    print(table(tried))
    for name, count in left_out.items():
        print(f"skipped {count}: {name}: takes root, to mount a disk or to leave the network")
    if options.write:
        write_table(options.write, tried)
    return int(any(each.broken for each in tried))


def _chosen(
    options: argparse.Namespace, record: Record, undisturbed: Undisturbed
) -> Iterator[tuple[int, list[Point]]]:
    """The lanes to run, each with its number: one, or all that an earlier call has not run."""
    done = {each.lane for each in record.read()}
    for number, lane in enumerate(lanes(options.seed, undisturbed.changes)):
        if options.lane is not None:
            if number == options.lane:
                yield number, fewer(lane, options.points)
                return
        elif number not in done:
            left = options.points - len(record.read())
            if left <= 0:
                return
            yield number, fewer(lane, left)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make test-faults", description=__doc__)
    parser.add_argument("--points", type=int, default=500, help="how many to try")
    parser.add_argument("--seed", type=int, default=None, help="draws the points")
    parser.add_argument("--lane", type=int, default=None, help="repeats this lane alone")
    parser.add_argument("--write", type=Path, help="a page that gets the table in place of its own")
    options = parser.parse_args()
    if options.seed is None:
        options.seed = secrets.randbelow(10**6)
    return options


def _told(result: Result, seed: int, lane: int, again: str) -> Tried:
    """Prints what a fault did; where a promise was broken, also how to repeat it."""
    point, ended = result.point, result.ended
    how = f"exit code {ended.code}, {result.seconds:.0f} s"
    print(f"lane {lane}: {point}: {how}: {result.change or 'not reached'}", flush=True)
    for line in result.broken:
        print(f"  BROKEN: {line}")
    if result.broken:
        for line in (*ended.output.splitlines()[-4:], *ended.errors.splitlines()[-4:]):
            print(f"    | {line}")
        print(f"  kept in {FOLDER / 'broken' / f'{seed}-{lane}'}; to repeat the lane:")
        print(f'    make test-faults ARGS="{again}"', flush=True)
    return Tried(
        seed=seed,
        lane=lane,
        fault=point.fault.name,
        section=point.section,
        at=point.at,
        change=result.change,
        code=ended.code,
        seconds=round(result.seconds, 1),
        struck=result.struck,
        broken=result.broken,
    )


if __name__ == "__main__":
    sys.exit(main())
