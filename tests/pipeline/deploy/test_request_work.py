"""The work and the memory for a request grow with its size, and no faster."""

import json

import pytest
from request_cost import SIZES, assert_linear

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.deploy import protocol
from huberflow.pipeline.deploy.request_csv import parse_csv

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


CSV = {
    "names, each unknown": lambda n: ",".join(f"k{i}" for i in range(n)),
    "one column many times": lambda n: ",".join(["miles"] * n),
    "one name as long as the body": lambda n: "k" * 10 * n,
    "rows of delimiters": lambda n: "company,miles\n" + "," * 10 * n,
    "an open quote": lambda n: 'company,miles\n"' + 'a,1\n""' * n,
    "quotes": lambda n: "company,miles\n" + '"""""",1\n' * n,
    "empty lines": lambda n: "company,miles\n" + "\n" * 10 * n,
    "one value as long as the body": lambda n: "company,miles\na," + "1" * 10 * n,
    "values that are no numbers": lambda n: "company,miles\n" + "a,b\n" * n,
    "good rows": lambda n: "company,miles\n" + "a,1.5\n" * n,
}
KINDS = {"company": "text", "miles": "number"}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_grows_with_the_size_of_the_json(body):
    bodies = [json.dumps(body(count)).encode() for count in SIZES]
    assert_linear(lambda body: protocol.parse_request(body, COLUMNS), bodies)


@pytest.mark.parametrize("body", CSV.values(), ids=CSV)
def test_grows_with_the_size_of_the_csv(body):
    bodies = [body(count).encode() for count in SIZES]
    assert_linear(lambda body: parse_csv(body, KINDS, protocol.MOST_ROWS), bodies)


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
