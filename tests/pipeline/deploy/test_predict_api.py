"""Clients of TensorFlow Serving's REST get what they would get there."""

import base64
import json
from contextlib import closing
from http.client import HTTPConnection

import numpy as np
import pytest
from request_cost import SIZES, assert_linear
from small_bundles import example

from huberflow.components.bundle import reload
from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.deploy import application, predict_api
from huberflow.pipeline.deploy.listening import bind_port
from huberflow.pipeline.deploy.server import Settings, running_server

MODEL = application.ServedModel("models/taxi/3", "3", "c0ffee", "CPU:0", "taxi")
ROWS = [{"miles": 1.5, "company": "Red"}, {"miles": -2.0, "company": "Blue"}]
COLUMNS = {"miles": [1.5, -2.0], "company": ["Red", "Blue"]}


def b64(content):
    return {"b64": base64.b64encode(content).decode()}


EXAMPLES = [b64(example(miles=row["miles"], company=row["company"].encode())) for row in ROWS]


@pytest.fixture(scope="module")
def expected(bundle):
    """What TensorFlow gives."""
    return reload.predictor(bundle, "columns")(**COLUMNS)["prediction"].tolist()


@pytest.fixture(scope="module")
def client(scorer):
    with closing(bind_port("127.0.0.1", 0, shared=False)) as listener:
        port = listener.getsockname()[1]
        with (
            running_server(application.serving_app(scorer, MODEL), listener, Settings()),
            closing(HTTPConnection("127.0.0.1", port, timeout=30)) as client,
        ):
            yield client


def asked(client, page, body=None):
    # As `curl -d` sends it, which does not know that it is JSON.
    kind = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
    client.request("POST" if body else "GET", page, body and json.dumps(body), kind)
    answer = client.getresponse()
    return answer.status, json.loads(answer.read())


def answer(scorer, body, most_rows=100):
    content, rows = predict_api.predict(scorer, json.dumps(body).encode(), most_rows)
    return json.loads(content), rows


def records(count, name):
    return [{name(row): row} for row in range(count)]


BODIES = {
    "rows, each with another name": lambda n: {"instances": records(n, "k{}".format)},
    "columns, each with another name": lambda n: {"inputs": {f"k{i}": [1] for i in range(n)}},
    "a row with many names": lambda n: {"instances": [{f"k{i}": 1 for i in range(n)}]},
    "a name as long as the body": lambda n: {"instances": [{"k" * 10 * n: 1}]},
    "values without names": lambda n: {"instances": list(range(n))},
    "a list as a value": lambda n: {"instances": [{"miles": [1] * n}]},
    "lists as values": lambda n: {"inputs": {"miles": [[1, 2]] * n}},
    "a signature as long as the body": lambda n: {"instances": [1], "signature_name": "x" * 10 * n},
    "text in place of base64": lambda n: {"instances": [{"b64": "?" * 10 * n}]},
    "base64 in place of numbers": lambda n: {"inputs": {"miles": [b64(b"a")] * n}},
    "rows of one column": lambda n: {"instances": records(n, lambda _: "miles")},
    "good rows": lambda n: {"instances": ROWS * n},
    "good columns": lambda n: {"inputs": {name: each * n for name, each in COLUMNS.items()}},
    "good examples": lambda n: {"instances": EXAMPLES * n},
    "too many rows": lambda n: {"instances": [{}] * 30 * n},
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_the_cost_of_a_request_grows_with_its_size(scorer, body):
    bodies = [json.dumps(body(count)).encode() for count in SIZES]
    assert_linear(lambda body: predict_api.predict(scorer, body, 100_000), bodies)


class TestPredict:
    @pytest.mark.parametrize("named", [{}, {"signature_name": "columns"}])
    @pytest.mark.parametrize("page", ["taxi:predict", "taxi/versions/3:predict"])
    def test_by_row_and_by_column(self, client, expected, named, page):
        page = f"/v1/models/{page}"
        assert asked(client, page, {"instances": ROWS, **named}) == (200, {"predictions": expected})
        assert asked(client, page, {"inputs": COLUMNS, **named}) == (200, {"outputs": expected})

    @pytest.mark.parametrize(
        "values",
        [
            {"instances": EXAMPLES},
            {"instances": [{"examples": each} for each in EXAMPLES]},
            {"inputs": EXAMPLES},
            {"inputs": {"examples": EXAMPLES}},
        ],
        ids=["row", "named-row", "column", "named-column"],
    )
    @pytest.mark.parametrize("named", [{}, {"signature_name": "serving_default"}])
    def test_of_examples(self, scorer, expected, values, named):
        found, rows = answer(scorer, {**values, **named})
        assert list(found.values()) == [expected]
        assert rows == 2

    def test_of_values_that_are_missing(self, scorer, bundle):
        expected = reload.predictor(bundle, "columns")(miles=[np.nan], company=[""])
        for row in ({"miles": float("nan"), "company": ""}, {"company": None}, {}):
            found, _ = answer(scorer, {"instances": [row]})
            assert found == {"predictions": expected["prediction"].tolist()}
        found, _ = answer(scorer, {"instances": [b64(example())]})
        assert found == {"predictions": expected["prediction"].tolist()}

    def test_of_text_as_base64(self, scorer, expected):
        rows = [{**row, "company": b64(row["company"].encode())} for row in ROWS]
        assert answer(scorer, {"instances": rows})[0] == {"predictions": expected}


class Several:
    """A model with several outputs, one of several values a row, and an argument of two."""

    columns, outputs = ["x_0", "x_1"], ["place_0", "place_1", "name", "raw_bytes"]
    fields, signature = {"x": ["x_0", "x_1"]}, "serve"

    def answers(self, table):
        values = table.to_numpy(np.float64)
        names = np.array([b"a"] * len(values), object)
        return {"place": values, "name": names, "raw_bytes": names}


class TestForms:
    def test_a_single_argument_needs_no_name(self):
        place = [[1.0, 2.0], [3.0, 4.0]]
        for values in ({"instances": place}, {"instances": [{"x": row} for row in place]}):
            found, _ = answer(Several(), values)
            raw = {"b64": "YQ=="}
            assert found["predictions"] == [
                {"place": row, "name": "a", "raw_bytes": raw} for row in place
            ]
        for values in ({"inputs": place}, {"inputs": {"x": place}}):
            assert answer(Several(), values)[0]["outputs"]["place"] == place

    @pytest.mark.parametrize(
        ("body", "key"),
        [
            ([1], "body"),
            ({}, "body"),
            ({"instances": [], "inputs": []}, "body"),
            ({"instances": [], "row": 1}, "body"),
            ({"instances": {"x": [1, 2]}}, "instances"),
            ({"instances": [[1]]}, "x"),
            ({"inputs": {"x": [[1, 2, 3]]}}, "x"),
            ({"inputs": {"x": 3}}, "x"),
            ({"instances": [{"y": 1}]}, "columns"),
            ({"signature_name": "other", "instances": [[1, 2]]}, "signature_name"),
            ({"instances": [[1, 2]] * 101}, "body"),
            ({"instances": [{"b64": "?"}]}, "b64"),
        ],
        ids=str,
    )
    def test_of_others_are_refused(self, body, key):
        with pytest.raises(InputError) as refused:
            answer(Several(), body)
        assert refused.value.key == key

    @pytest.mark.parametrize(
        ("content", "key"),
        [(b"\xff", "b64"), (example(miles=b"far"), "miles"), (example(company=1.0), "company")],
    )
    def test_of_wrong_examples_are_refused(self, scorer, content, key):
        with pytest.raises(InputError) as refused:
            answer(scorer, {"instances": [b64(content)]})
        assert refused.value.key == key


class TestPages:
    def test_of_the_state(self, client):
        for page in ("/v1/models/taxi", "/v1/models/taxi/versions/3"):
            status, found = asked(client, page)
            assert (status, found["model_version_status"][0]["state"]) == (200, "AVAILABLE")
            assert found["model_version_status"][0]["version"] == "3"

    @pytest.mark.parametrize("page", ["fares", "taxi/versions/2"])
    def test_of_other_models_are_not_there(self, client, page):
        for body in (None, {"instances": ROWS}):
            suffix = ":predict" if body else ""
            status, found = asked(client, f"/v1/models/{page}{suffix}", body)
            assert status == 404
            assert found == {"error": "expected /v1/models/taxi, or its /versions/3"}

    def test_of_errors_are_those_of_tensorflow_serving(self, client):
        status, found = asked(client, "/v1/models/taxi:predict", {"instances": [{"mile": 1}]})
        assert (status, list(found)) == (400, ["error"])
        assert "did you mean 'miles'?" in found["error"]
