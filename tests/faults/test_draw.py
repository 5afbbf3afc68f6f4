"""Where faults strike: drawn from a seed alone, and over all of a run."""

from __future__ import annotations

import json
from collections import Counter
from itertools import islice

from faults.catalogue import FATAL, FAULTS
from faults.draw import AT_THE_END, PER_SECTION, SECTIONS, fewer, kind_of, lanes, read_changes
from faults.injector import Role

CHANGES = {
    **{(Role.RUN, section): ["mkdir /a", *["write /b1"] * 99] for section in SECTIONS},
    (Role.DELIVERY, ""): ["mkdir /c"],
    (Role.CHECK, ""): ["mkdir /d"],
}


def points(seed: int, count: int = 200):
    return [point for lane in islice(lanes(seed, CHANGES), count) for point in lane]


def test_a_seed_draws_the_same_again_and_another_one_others():
    assert points(1) == points(1)
    assert points(1) != points(2)


def test_every_fault_is_drawn_and_each_that_stops_a_run_in_every_section():
    drawn = Counter((point.fault, point.section) for point in points(1, 500))
    assert {fault for fault, _ in drawn} == set(FAULTS)
    assert {(fault, section) for fault in FATAL for section in SECTIONS} <= set(drawn)


def test_a_rare_kind_of_change_is_drawn_as_often_as_one_with_thousands():
    rare = Counter(point.at == 1 for point in points(1) if point.fault in FATAL)
    assert 0.8 < rare[True] / rare[False] < 1.25


def test_the_sections_of_a_lane_go_on():
    for lane in islice(lanes(1, CHANGES), 50):
        sections = [SECTIONS.index(point.section) for point in lane[:-AT_THE_END]]
        assert sections == [n // PER_SECTION for n in range(len(sections))]


def test_fewer_points_of_a_lane_are_from_all_over_it():
    whole = next(lane for lane in lanes(1, CHANGES) if len(lane) > 20)
    few = fewer(whole, 5)
    assert few == fewer(whole, 5) != whole[:5]
    assert [whole.index(point) for point in few] == sorted(map(whole.index, few))
    assert fewer(whole, 500) == whole


def test_changes_are_told_apart_by_what_they_change_not_by_number():
    one = kind_of("write /w/artifacts/Trainer/model/7/tmpazf5j71h/part-00001")
    assert one == kind_of("write /w/artifacts/Trainer/model/12/tmp_4bqeh_9/part-00002")
    assert one != kind_of("write /w/artifacts/Trainer/model_run/7/tmpazf5j71h/part-00001")


def test_a_trace_is_read_by_process_and_by_section(tmp_path):
    journal = tmp_path / "run-1.jsonl"
    events = [
        {"event": "started"},
        {"event": "node_started", "node": "ExampleGen"},
        {"event": "node_finished", "node": "ExampleGen"},
        {"event": "ended"},
    ]
    journal.write_text("".join(json.dumps(event) + "\n" for event in events))
    lines = ["0 1 mkdir /w", "1 1 mkdir /delivery", "2 1 mkdir /check"]
    lines += [f"0 {n + 2} write {journal}" for n in range(4)] + ["0 6 unlink /w/x y"]
    (tmp_path / "trace").write_text("\n".join(lines))
    assert read_changes(tmp_path / "trace", journal) == {
        (Role.RUN, "before"): ["mkdir /w", *[f"write {journal}"] * 2],
        (Role.RUN, "ExampleGen"): [f"write {journal}"] * 2,
        (Role.RUN, "after"): ["unlink /w/x y"],
        (Role.DELIVERY, ""): ["mkdir /delivery"],
        (Role.CHECK, ""): ["mkdir /check"],
    }
