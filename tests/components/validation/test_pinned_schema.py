"""A schema file that comes into a run, and the gate that it is."""

from __future__ import annotations

import hashlib
import json

import pytest
from tfx.types.standard_artifacts import ExampleAnomalies, Schema

from huberflow.components.validation import validation_findings
from huberflow.components.validation.pinned_schema import MisfitError, PinnedSchema, SchemaGate


def do(component, inputs, outputs, **parameters) -> None:
    executor = component.EXECUTOR_SPEC.executor_class()
    executor.Do(inputs, {key: [artifact] for key, artifact in outputs.items()}, parameters)


class TestPinnedSchema:
    @pytest.fixture
    def schema(self, tmp_path):
        made = Schema()
        made.uri = str(tmp_path)
        return made

    @pytest.fixture
    def file(self, tmp_path):
        path = tmp_path / "mine.pbtxt"
        path.write_text('# curated\nfeature { name: "fare" }')
        return path

    def test_is_the_file_as_it_is(self, schema, file, tmp_path):
        sha256 = hashlib.sha256(file.read_bytes()).hexdigest()[:12]
        do(PinnedSchema, {}, {"schema": schema}, schema_file=str(file), sha256=sha256)
        assert (tmp_path / "schema.pbtxt").read_bytes() == file.read_bytes()

    def test_is_not_another_than_the_cache_was_told_of(self, schema, file):
        with pytest.raises(RuntimeError, match="changed while the run was starting; run it again"):
            do(PinnedSchema, {}, {"schema": schema}, schema_file=str(file), sha256="c0ffee")


class TestSchemaGate:
    @pytest.fixture
    def pass_through(self, tmp_path):
        def pass_through(*anomalies) -> None:
            (tmp_path / validation_findings.FILE).write_text(json.dumps({"anomalies": anomalies}))
            found = ExampleAnomalies()
            found.uri = str(tmp_path)
            do(SchemaGate, {"anomalies": [found]}, {})

        return pass_through

    def test_lets_data_through_that_fit(self, pass_through):
        pass_through()

    def test_names_the_columns_that_do_not_and_tells_all_of_each(self, pass_through):
        new = {"column": "pay", "text": "expected Cash, received Card", "splits": ["train", "eval"]}
        other = {"column": "fare", "text": "expected FLOAT, received INT", "splits": ["eval"]}
        with pytest.raises(MisfitError) as refused:
            pass_through(new, other)
        assert str(refused.value) == "the data do not fit the pinned schema: pay, fare"
        assert refused.value.anomalies == [
            "pay: expected Cash, received Card, in train and eval",
            "fare: expected FLOAT, received INT, in eval",
        ]
