"""Every request gets predictions, or an answer that names what is wrong with it."""

import json
import math
from contextlib import closing, contextmanager
from http.client import HTTPConnection

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.deploy import application, intake, protocol
from huberflow.pipeline.deploy.listening import bind_port
from huberflow.pipeline.deploy.server import Settings, running_server

MODEL = application.ServedModel("bundle", "1", "c0ffee", "CPU:0")
COLUMNS = ["company", "miles"]
FORMATS = ["dataframe_split", "dataframe_records", "instances", "inputs"]

numbers = st.none() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
texts = st.none() | st.text(max_size=5)
rows = st.fixed_dictionaries({}, optional={"miles": numbers, "company": texts})
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*FORMATS, "columns", "data", "miles", "company"])
            | st.text(max_size=3),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def client(scorer):
    with served(scorer) as client:
        yield client


@contextmanager
def served(scorer):
    """A connection to a server in this process."""
    with closing(bind_port("127.0.0.1", 0, shared=False)) as listener:
        port = listener.getsockname()[1]
        with (
            running_server(application.serving_app(scorer, MODEL), listener, Settings()),
            closing(HTTPConnection("127.0.0.1", port, timeout=30)) as client,
        ):
            yield client


def post(client, content, kind="application/json"):
    """Status, headers and JSON of the answer."""
    client.request("POST", "/invocations", content, {"Content-Type": kind})
    answer = client.getresponse()
    return answer.status, answer.headers, json.loads(answer.read())


def refusal(client, content):
    status, _, answer = post(client, content)
    assert status == 400
    return answer["message"]


def split(rows):
    columns = sorted({name for row in rows for name in row})
    return {"columns": columns, "data": [[row.get(name) for name in columns] for row in rows]}


class TestAnyBody:
    @settings(deadline=None)
    @given(st.binary(max_size=200))
    def test_of_bytes_is_refused_in_words(self, client, content):
        assert refusal(client, content)

    @settings(deadline=None)
    @given(values | st.dictionaries(st.sampled_from(FORMATS), values, min_size=1, max_size=2))
    def test_of_json_is_answered_or_refused_in_words(self, client, value):
        status, _, answer = post(client, json.dumps(value))
        assert status == (200 if "predictions" in answer else 400)
        assert "predictions" in answer or answer["message"]


class TestRows:
    @settings(deadline=None)
    @given(st.lists(rows))
    def test_are_the_same_in_each_format(self, rows):
        expected = pd.DataFrame(split(rows)["data"], columns=split(rows)["columns"], dtype=object)
        for key, value in {
            "dataframe_records": rows,
            "instances": rows,
            "inputs": {name: list(expected[name]) for name in expected} if rows else rows,
            "dataframe_split": split(rows),
        }.items():
            if key == "inputs" and not len(expected.columns):
                continue  # Lists by column cannot say how many rows have none.
            found = protocol.parse_request(json.dumps({key: value}).encode(), COLUMNS)
            assert len(found) == len(rows)
            pd.testing.assert_frame_equal(
                found[expected.columns], expected, check_column_type=False
            )

    def test_keep_their_values_as_json_has_them(self):
        rows = [{"miles": 1, "company": "a"}, {"miles": None, "company": 8}, {"company": True}]
        for key in ("instances", "inputs", "dataframe_records"):
            found = protocol.parse_request(json.dumps({key: rows}).encode(), COLUMNS)
            assert found["company"].tolist() == ["a", 8, True]
            assert [type(value) for value in found["company"]] == [str, int, bool]
            assert found["miles"].tolist() == [1, None, None]

    def test_without_a_value_count(self, client):
        _, _, answer = post(client, json.dumps({"inputs": [{}, {"company": "Red"}, {}]}))
        first, second, third = [row["prediction"] for row in answer["predictions"]]
        assert first == pytest.approx(third) != pytest.approx(second)

    def test_may_be_none(self, client):
        assert post(client, '{"inputs": []}')[2] == {"predictions": []}


class TestRefusals:
    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("", "expected JSON, received something else"),
            ("miles\n1", "expected JSON, received something else"),
            (b'{"inputs": "\xff"}', "expected JSON, received something else"),
            ("[]", "expected an object with one key of dataframe_split"),
            ("{}", "received the keys of an empty one; write: {"),
            ('{"data": []}', "received the keys data; write: {"),
            ('{"inputs": [], "instances": []}', "received the keys inputs, instances"),
            ('{"inputs": 3}', "inputs: expected a list of objects"),
            ('{"inputs": [1]}', "inputs: expected a list of objects"),
            ('{"inputs": {"miles": 1}}', "inputs.miles: expected a list"),
            ('{"inputs": {"miles": [1], "company": []}}', "received between 0 and 1"),
            ('{"dataframe_split": [[1]]}', "expected an object with columns and data"),
            ('{"dataframe_split": {"columns": [1], "data": []}}', "expected a list of names"),
            (
                '{"dataframe_split": {"columns": ["miles"], "data": [1]}}',
                "expected a list of lists",
            ),
            (
                '{"dataframe_split": {"columns": ["miles"], "data": [[1], []]}}',
                "row 2 of 2: expected 1",
            ),
            ('{"inputs": [{"mile": 1}]}', "received 'mile'; did you mean 'miles'?"),
            ('{"inputs": [{"miles": NaN}]}', "NaN is none of its numbers; write: null"),
            ('{"inputs": [{"miles": -Infinity}]}', "-Infinity is none of its numbers"),
            ('{"inputs": [{"miles": ' + "9" * 5000 + "}]}", "expected JSON"),
            ('{"inputs": ' + "[" * 100_000, "received a deeper one"),
        ],
    )
    def test_say_what_was_expected(self, client, content, message):
        assert message in refusal(client, content)

    @pytest.mark.parametrize(
        "kind",
        [
            "text/plain",
            "application/jsonp",
            "application/vnd.apache.parquet",
            "application/json; charset=iso-8859-1",
            "text/csv; charset=utf-16",
            "",
            "x" * 10_000,
        ],
    )
    def test_of_another_content_type(self, client, kind):
        status, _, answer = post(client, "{}", kind)
        assert status == 415
        assert "expected application/json or text/csv in UTF-8" in answer["message"]
        assert ("huberflow predict" in answer["message"]) == ("parquet" in kind)
        assert len(answer["message"]) < 200

    @pytest.mark.parametrize("kind", ["application/json; charset=UTF-8", 'Text/CSV;charset="utf8"'])
    def test_of_no_content_type_that_says_utf8(self, client, kind):
        content = "miles\n1\n" if "CSV" in kind else '{"inputs": [{"miles": 1}]}'
        assert post(client, content, kind)[0] == 200

    def test_of_a_body_that_is_too_large(self, client, monkeypatch):
        monkeypatch.setattr(intake, "MOST_BYTES", 1000)
        for content in (b" " * 1001, iter([b" " * 600] * 2)):  # With a Content-Length, and without.
            status, headers, answer = post(client, content)
            assert (status, headers["connection"]) == (413, None)
            assert "at most 1,000 bytes" in answer["message"]

    def test_of_too_many_rows(self, client):
        status, _, answer = post(client, json.dumps({"inputs": [{}] * 100_001}))
        assert status == 413
        assert "at most 100,000 rows in a request, received 100,001" in answer["message"]

    def test_of_a_body_that_does_not_arrive(self, client, monkeypatch):
        monkeypatch.setattr(intake, "PATIENCE", 0.05)
        client.putrequest("POST", "/invocations")
        client.putheader("Content-Type", "application/json")
        client.putheader("Content-Length", "1000")
        client.endheaders(b"{")
        answer = client.getresponse()
        assert (answer.status, answer.headers["connection"]) == (408, "close")
        assert b"did not arrive within 0.05 seconds" in answer.read()

    def test_of_a_prediction_that_is_no_number(self):
        with pytest.raises(InputError) as refused:
            protocol.encode_predictions(pd.DataFrame({"prediction": [1.0, math.nan, math.inf]}))
        assert refused.value.key == "row 2 of 3"
        assert "nan as prediction" in refused.value.received


def test_predictions_are_bit_for_bit_those_of_the_model():
    prediction = np.random.default_rng(3).normal(scale=1e3, size=1000).astype(np.float32)
    answer = protocol.encode_predictions(pd.DataFrame({"prediction": prediction}))
    found = [row["prediction"] for row in json.loads(answer)["predictions"]]
    np.testing.assert_array_equal(np.array(found, np.float32), prediction)
    assert found == prediction.tolist()


def test_a_model_that_fails_is_named_without_its_traceback():
    class Broken:
        columns, outputs = COLUMNS, ["prediction"]

        def predict(self, table):
            raise MemoryError("secret")

    with served(Broken()) as client:
        status, _, answer = post(client, '{"inputs": [{}]}')
    assert status == 500
    assert answer["message"] == "the model failed: MemoryError; see the server's log"
