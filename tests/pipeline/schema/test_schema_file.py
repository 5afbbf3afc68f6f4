"""Which schema files are refused before anything runs, and what to write instead."""

from __future__ import annotations

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.config.yaml_text import flow
from huberflow.pipeline.resolve.resolved_run import load
from huberflow.pipeline.schema import schema_file

FARE = 'feature { name: "fare" type: FLOAT }'
MILES = 'feature { name: "miles" type: FLOAT }'


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def check(folder):
    """Checks a schema file of this content for a config with the label fare."""

    def check(content: str | bytes, *settings: str, columns=()) -> None:
        text = content.encode() if isinstance(content, str) else content
        (folder / "schema.pbtxt").write_bytes(text)
        features = ["features.numeric=[miles]", "features.cyclic={}", "features.categorical=[]"]
        config = load(None, [*features, "data.schema=schema.pbtxt", *settings])
        schema_file.check_schema(config, columns)

    return check


class TestCheck:
    @pytest.mark.parametrize(
        ("content", "columns"),
        [(f"# curated\n{FARE}\n{MILES}\n", ()), (FARE, ("miles", "fare"))],
        ids=["in_the_schema", "in_the_data"],
    )
    def test_every_column_in_use_is_in_the_schema_or_the_data(self, check, content, columns):
        check(content, columns=columns)

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
        with pytest.raises(InputError) as refused:
            check(content)
        assert refused.value.key == "data.schema"
        assert refused.value.received.startswith("schema.pbtxt: ")
        assert reason in refused.value.received
        assert refused.value.write == "huberflow schema write schema.pbtxt"
        assert len(str(refused.value).splitlines()) == 1

    @pytest.mark.parametrize(
        ("content", "column", "type_name", "settings"),
        [
            (MILES, "fare", "FLOAT", []),
            (FARE, "miles", "FLOAT", []),
            (FARE + MILES, "company", "BYTES", ["features.categorical=[company]"]),
            (FARE + MILES, "sold", "BYTES", ["features.dates={sold: YYYY-MM-DD}"]),
        ],
        ids=["label", "numeric", "categorical", "dates"],
    )
    def test_refuses_one_without_a_column_in_use(self, check, content, column, type_name, settings):
        with pytest.raises(InputError) as refused:
            check(content, *settings)
        assert refused.value.key == "data.schema"
        assert refused.value.received == f"none for {column!r} in schema.pbtxt"
        assert refused.value.write == f'feature {{ name: "{column}" type: {type_name} }}'

    @pytest.mark.parametrize("name", ['say "x"', "a\\b", "two\nlines", "größe", "it's"])
    def test_says_what_to_add_for_a_column_of_any_name(self, check, name):
        with pytest.raises(InputError) as refused:
            check(FARE, f"features.numeric={flow([name])}")
        added = text_format.Parse(refused.value.write, schema_pb2.Schema())
        assert [feature.name for feature in added.feature] == [name]

    @pytest.mark.parametrize(
        ("path", "reason"), [("lacks.pbtxt", "No such file"), (".", "Is a directory")]
    )
    def test_refuses_a_file_that_cannot_be_read(self, folder, path, reason):
        with pytest.raises(InputError) as refused:
            schema_file.check_schema(load(None, [f"data.schema={path}"]), ())
        assert refused.value.key == "data.schema"
        assert refused.value.received.startswith(f"{path} ({reason}")
        assert refused.value.write == f"huberflow schema write {path}"

    def test_is_not_needed(self):
        schema_file.check_schema(load(), ())


def test_a_file_that_cannot_be_written_leaves_nothing_half_written(folder):
    (folder / "schema.pbtxt").mkdir()
    with pytest.raises(InputError) as refused:
        schema_file.write_schema(schema_pb2.Schema(), folder / "schema.pbtxt")
    assert str(folder / "schema.pbtxt") in refused.value.received
    assert [path.name for path in folder.iterdir()] == ["schema.pbtxt"]
