"""How the load test counts."""

import time

import click
import pytest

from benchmarks import load


def test_answers_are_counted_by_rows_and_those_that_are_lost():
    def answer(count):
        if count == 256:
            raise click.ClickException("busy")
        time.sleep(0.001)

    found = load.of_calls("server", {count: (answer, count) for count in load.SIZES}, clients=8)
    answered = len(found.latencies)
    assert answered + found.lost == load.CLIENTS * load.REQUESTS
    assert 0 < found.lost < answered
    assert answered < found.rows < 16 * answered
    assert 0.001 <= found.median <= found.slowest < found.seconds


def test_a_server_that_answers_nothing_has_no_times():
    def refuse(_):
        raise ConnectionRefusedError

    with pytest.raises(click.ClickException, match="gone: none of 1,280 requests was answered"):
        load.of_calls("gone", dict.fromkeys(load.SIZES, (refuse, None)))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            {"dataframe_split": {"columns": ["x"], "data": [[1], [2]]}},
            {"dataframe_split": {"columns": ["x"], "data": [[1]]}},
        ),
        ({"inputs": {"x": [1, 2], "y": [3, 4]}}, {"inputs": {"x": [1], "y": [3]}}),
    ],
)
def test_a_request_is_cut_in_both_formats(body, expected):
    assert load.first_rows(body, 1) == expected
