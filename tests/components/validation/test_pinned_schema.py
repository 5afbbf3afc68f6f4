"""A pinned schema file, and the gate that ends runs whose data do not fit it."""

from __future__ import annotations

import hashlib

import pytest
import tensorflow_data_validation as tfdv
from tfx.types.standard_artifacts import ExampleAnomalies, Schema

from huberflow.components.contracts.validation_findings import Anomaly, ValidationFindings
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

    def test_is_that_of_the_file(self, schema, file, tmp_path):
        sha256 = hashlib.sha256(file.read_bytes()).hexdigest()[:12]
        do(PinnedSchema, {}, {"schema": schema}, schema_file=str(file), sha256=sha256)
        pinned = tfdv.load_schema_text(str(tmp_path / "schema.pbtxt"))
        assert pinned == tfdv.load_schema_text(str(file))

    def test_that_changed_after_the_start_is_refused(self, schema, file):
        with pytest.raises(RuntimeError, match="changed while the run was starting; run it again"):
            do(PinnedSchema, {}, {"schema": schema}, schema_file=str(file), sha256="c0ffee")


class TestSchemaGate:
    @pytest.fixture
    def pass_through(self, tmp_path):
        def pass_through(*anomalies) -> None:
            ValidationFindings(anomalies).write(tmp_path / "findings.json")
            found = ExampleAnomalies()
            found.uri = str(tmp_path)
            do(SchemaGate, {"anomalies": [found]}, {})

        return pass_through

    def test_lets_data_through_that_fit(self, pass_through):
        pass_through()

    def test_names_the_columns_that_do_not_and_passes_all_anomalies_on(self, pass_through):
        pay = Anomaly("pay", "expected Cash, received Card", ("train", "eval"))
        fare = Anomaly("fare", "expected FLOAT, received INT", ("eval",))
        with pytest.raises(MisfitError, match="pay, fare") as refused:
            pass_through(pay, fare)
        assert refused.value.anomalies == (pay, fare)
