"""Which schema files are refused before anything runs, and what to write instead."""

from __future__ import annotations

import pytest
from tensorflow_metadata.proto.v0 import schema_pb2

from huberflow.pipeline.config.reading import load
from huberflow.pipeline.schema import schema_file
from huberflow.pipeline.schema.schema_file import SchemaError

FARE = 'feature { name: "fare" type: FLOAT }'
MILES = 'feature { name: "miles" type: FLOAT }'


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def check(here):
    """Checks a schema of this content for a config with the label fare."""

    def check(content: str | bytes, *settings: str) -> None:
        text = content.encode() if isinstance(content, str) else content
        (here / "schema.pbtxt").write_bytes(text)
        features = ["features.numeric=[miles]", "features.cyclic={}", "features.categorical=[]"]
        schema_file.check(load(None, [*features, "data.schema=schema.pbtxt", *settings]))

    return check


def refusal(check, *arguments) -> str:
    with pytest.raises(SchemaError) as refused:
        check(*arguments)
    return str(refused.value)


class TestCheck:
    def test_takes_a_schema_with_every_column_in_use(self, check):
        check(f"# curated\n{FARE}\n{MILES}\n")

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            ("", "it has no feature"),
            ("name,type\nfare,FLOAT\n", "no field named"),
            ('feature { name: "fare" kind: FLOAT }', "no field named"),
            (b"\xff\xfe", "it is not text"),
        ],
        ids=["empty", "csv", "unknown_field", "binary"],
    )
    def test_refuses_what_is_no_schema(self, check, content, reason):
        message = refusal(check, content)
        assert message.startswith(
            "data.schema: expected a schema in TFX's text form, received schema.pbtxt: "
        )
        assert reason in message
        assert message.endswith("; write a first one with: huberflow schema write schema.pbtxt")
        assert len(message.splitlines()) == 1

    @pytest.mark.parametrize(
        ("content", "column", "kind", "settings"),
        [
            (MILES, "fare", "FLOAT", []),
            (FARE, "miles", "FLOAT", []),
            (FARE + MILES, "company", "BYTES", ["features.categorical=[company]"]),
            (FARE + MILES, "sold", "BYTES", ["features.dates={sold: YYYY-MM-DD}"]),
        ],
        ids=["label", "numeric", "categorical", "dates"],
    )
    def test_refuses_one_without_a_column_in_use(self, check, content, column, kind, settings):
        assert refusal(check, content, *settings) == (
            f"data.schema: expected a feature for each column in use, received none for "
            f"{column!r} in schema.pbtxt; write there, for example: "
            f'feature {{ name: "{column}" type: {kind} }}'
        )

    def test_leaves_a_column_that_the_data_have_to_the_run(self, check, here):
        (here / "trips.csv").write_text(
            "fare,miles\n" + "".join(f"{n}.5,{n * n}\n" for n in range(9))
        )
        check(FARE, "data.path=trips.csv", "data.label=fare")

    @pytest.mark.parametrize(
        ("path", "reason"), [("lacks.pbtxt", "No such file"), (".", "Is a directory")]
    )
    def test_refuses_a_file_that_cannot_be_read(self, here, path, reason):
        config = load(None, [f"data.schema={path}"])
        message = refusal(schema_file.check, config)
        assert message.startswith(f"data.schema: expected a file, received {path} ({reason}")
        assert message.endswith(f"write a first one with: huberflow schema write {path}")

    def test_is_not_needed(self):
        schema_file.check(load())


class TestWrite:
    def test_leaves_nothing_half_written_where_it_cannot(self, here):
        (here / "schema.pbtxt").mkdir()
        with pytest.raises(SchemaError, match="expected a file that can be written"):
            schema_file.write(schema_pb2.Schema(), here / "schema.pbtxt")
        assert [path.name for path in here.iterdir()] == ["schema.pbtxt"]
