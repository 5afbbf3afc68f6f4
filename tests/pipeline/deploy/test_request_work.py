"""The work and the memory for a request grow with its size, and no faster."""

import json
import sys
import tracemalloc

import pytest

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.deploy import protocol

COLUMNS = ["company", "miles"]


def records(count, name):
    return [{name(row): row} for row in range(count)]


def split(count, name):
    columns = [name(row) for row in range(count)]
    return {"columns": columns, "data": [[row] for row in range(count)]}


HOSTILE = {
    "records, each with another name": lambda n: {"dataframe_records": records(n, "k{}".format)},
    "instances, each with another name": lambda n: {"instances": records(n, "k{}".format)},
    "inputs, each with another name": lambda n: {"inputs": records(n, "k{}".format)},
    "columns, each with another name": lambda n: {"inputs": {f"k{i}": [1] for i in range(n)}},
    "as many columns as rows": lambda n: {"dataframe_split": split(n, "k{}".format)},
    "one column many times": lambda n: {"dataframe_split": split(n, lambda _: "miles")},
    "one name as long as the body": lambda n: {"inputs": [{"k" * 10 * n: 1}]},
    "a row with many names": lambda n: {"inputs": [{f"k{i}": 1 for i in range(n)}]},
    "other keys": lambda n: {f"k{i}": i for i in range(n)},
    "lists as values": lambda n: {"inputs": [{"miles": [[]] * n}]},
    "good rows": lambda n: {"inputs": records(n, lambda _: "miles")},
    "good columns": lambda n: {"inputs": {"miles": list(range(n))}},
    "rows without values": lambda n: {"instances": [{}] * n},
    "good rows, split": lambda n: {
        "dataframe_split": {"columns": COLUMNS, "data": [["a", 1.5]] * n}
    },
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_grows_with_the_size_of_the_body(body):
    bodies = [json.dumps(body(count)).encode() for count in (1000, 4000)]
    growth = len(bodies[1]) / len(bodies[0])
    for cost in (calls, peak):
        cost(bodies[0])  # the first of all also imports
        small, large = map(cost, bodies)
        assert large < 1.3 * growth * small + 10_000, cost.__name__


def read(body):
    message = ""
    try:
        protocol.parse_request(body, COLUMNS)
    except InputError as error:
        message = str(error)
    assert len(message) < 300


def calls(body):
    """Functions that were called, C's too."""
    count = 0

    def count_calls(frame, event, argument):
        nonlocal count
        count += event.endswith("call")

    sys.setprofile(count_calls)
    try:
        read(body)
    finally:
        sys.setprofile(None)
    return count


def peak(body):
    """Bytes."""
    tracemalloc.start()
    try:
        read(body)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


class TestValues:
    """The values of a body are counted before it is read."""

    def test_are_limited_however_they_are_written(self, monkeypatch):
        monkeypatch.setattr(protocol, "MOST_VALUES", 20)
        for value in ("[" + "[], " * 30 + "[]]", "[" * 30, '{"miles": [' + "1," * 30):
            with pytest.raises(protocol.TooLargeError) as refused:
                protocol.parse_request(f'{{"inputs": {value}'.encode(), COLUMNS)
            assert refused.value.expected == "at most 20 values in a request"

    @pytest.mark.parametrize("company", ["a, " * 40, 'a",\\"' * 40, "[{" * 40])
    def test_of_text_are_one_each(self, monkeypatch, company):
        monkeypatch.setattr(protocol, "MOST_VALUES", 20)
        body = json.dumps({"inputs": [{"company": company}]}).encode()
        assert protocol.parse_request(body, COLUMNS)["company"].tolist() == [company]

    def test_that_a_model_would_add_to_rows_without_them_are_limited(self):
        wide = [f"x{number}" for number in range(1000)]
        body = {"inputs": [dict.fromkeys(wide, 1), *[{}] * protocol.most_rows(len(wide))]}
        with pytest.raises(protocol.TooLargeError) as refused:
            protocol.parse_request(json.dumps(body).encode(), wide, protocol.most_rows(len(wide)))
        assert refused.value.expected == "at most 5,000 rows in a request"

    def test_of_a_wide_model_leave_it_fewer_rows(self):
        assert protocol.most_rows(10) == protocol.MOST_ROWS
        assert protocol.most_rows(5000) == protocol.MOST_VALUES // 5000


class TestKeys:
    @pytest.mark.parametrize(
        "body",
        [
            '{"inputs": [{"miles": 1, "miles": 2}]}',
            '{"inputs": [{"miles": 1}], "inputs": []}',
            '{"inputs": {"miles": [1], "miles": [1]}}',
            '{"dataframe_split": {"columns": ["miles"], "data": [[1]], "data": [[2]]}}',
            '{"inputs": [{"miles": {"miles": 1, "miles": 1}}]}',
            '{"inputs": [{"miles": 1, "m\\u0069les": 1}]}',
        ],
    )
    def test_of_an_object_are_there_once(self, body):
        with pytest.raises(InputError) as refused:
            protocol.parse_request(body.encode(), COLUMNS)
        assert (refused.value.key, refused.value.expected) == ("body", "each key of an object once")
        assert refused.value.received.endswith("twice")
