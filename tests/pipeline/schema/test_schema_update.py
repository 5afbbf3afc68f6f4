"""What accepting the data of a run does to a schema, by TFDV itself."""

from __future__ import annotations

import pytest
import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tiny_statistics import GOOD, SCHEMA, statistics, write

from huberflow.components.contracts.validation_findings import Anomaly, Shift, ValidationFindings
from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.history.metadata_store import Artifact, Execution
from huberflow.pipeline.history.run_history import Node, Run
from huberflow.pipeline.schema import schema_update
from huberflow.pipeline.schema.schema_file import read_schema


@pytest.fixture
def run(tmp_path):
    """A run on these data; columns that are not given are good."""

    def run(train=None, eval=None, shifts=(), pinned=True) -> Run:
        found = write(
            tmp_path / "statistics",
            train=statistics(**(train or GOOD)),
            eval=statistics(**(eval or train or GOOD)),
        )
        (tmp_path / "anomalies").mkdir()
        findings = ValidationFindings(shifts=tuple(shifts))
        findings.write(tmp_path / "anomalies" / "findings.json")
        (tmp_path / "mine.pbtxt").write_text(SCHEMA)
        (tmp_path / "inferred").mkdir()
        (tmp_path / "inferred" / "schema.pbtxt").write_text(SCHEMA)
        schema_file = {"schema_file": str(tmp_path / "mine.pbtxt")} if pinned else {}
        outputs = {
            "StatisticsGen": ("statistics", found.uri, {}),
            "SchemaGen": ("schema", tmp_path / "inferred", schema_file),
            "ExampleValidator": ("anomalies", tmp_path / "anomalies", {}),
        }
        nodes = {
            name: Node(name, "ran", 0.0, 1.0, execution(name, *output))
            for name, output in outputs.items()
        }
        return Run("run-1", "a run", 0.0, experiment="taxi", nodes=nodes)

    def execution(name, key, uri, properties) -> Execution:
        artifacts = {key: (Artifact(1, tmp_path.joinpath(uri), {}),)}
        return Execution(1, name, "run-1", "ran", properties, {}, artifacts)

    return run


@pytest.fixture
def changes(run, tmp_path):
    """What accepting these data changes, by column."""

    def changes(*columns: str, **data) -> dict[str, list[str]]:
        path, found = schema_update.accept_data(run(**data), columns)
        assert path == tmp_path / "mine.pbtxt"
        return {
            column: [" ".join(line.split()) for line in lines] for column, lines in found.items()
        }

    return changes


def bounded(threshold: float) -> str:
    return SCHEMA.replace(
        'name: "pay"',
        f'name: "pay" drift_comparator {{ infinity_norm {{ threshold: {threshold} }} }}',
        1,
    )


class TestAccept:
    @pytest.mark.parametrize(
        ("columns", "data", "changed"),
        [
            ([], {"eval": {**GOOD, "pay": ["Bitcoin"] * 40}}, {"pay": ['+ value: "Bitcoin"']}),
            ([], {"train": {**GOOD, "fare": [None, *GOOD["fare"][1:]]}}, {"fare": ["- min: 1"]}),
            (
                ["pay"],
                {"train": {"pay": ["Bitcoin"] * 40, "fare": ["cheap"] * 40}},
                {"pay": ['+ value: "Bitcoin"']},
            ),
        ],
        ids=["new_value", "missing_value", "of_some_columns_only"],
    )
    def test_widens_no_more_than_is_needed(self, changes, columns, data, changed):
        assert changes(*columns, **data) == changed

    def test_describes_a_column_of_another_type_anew(self, changes):
        text = {**GOOD, "fare": ["cheap", "dear"] * 20}
        assert changes(train=text)["fare"][:3] == [
            "- type: FLOAT",
            "+ type: BYTES",
            '+ domain: "fare"',
        ]

    def test_takes_out_a_column_that_is_gone_and_its_values(self, changes, tmp_path):
        changes(train={"fare": GOOD["fare"]})
        left = read_schema(tmp_path / "mine.pbtxt")
        assert [feature.name for feature in left.feature] == ["fare"]
        assert not left.string_domain

    def test_lets_a_column_be_missing_that_is_gone_from_one_split(self, changes):
        found = changes(train=GOOD, eval={"fare": GOOD["fare"]})
        assert set(found) == {"pay"}
        assert "- min_count: 1" in found["pay"]

    def test_describes_a_new_column(self, changes):
        found = changes(train={**GOOD, "tips": [1] * 40})
        assert set(found) == {"tips"}
        assert "+ type: INT" in found["tips"]

    def test_leaves_a_file_that_fits_as_it_is(self, changes, tmp_path):
        assert changes() == {}
        assert (tmp_path / "mine.pbtxt").read_text() == SCHEMA

    @pytest.mark.parametrize(
        ("train", "misfits"), [({**GOOD, "pay": ["Bitcoin"] * 40}, "(pay)"), (GOOD, "(all fit)")]
    )
    def test_of_a_column_that_fits_is_refused(self, changes, train, misfits):
        with pytest.raises(InputError) as refused:
            changes("fare", train=train)
        assert (refused.value.key, refused.value.received) == ("--column", "'fare'")
        assert misfits in refused.value.expected

    def test_leaves_data_that_fit(self, run, tmp_path):
        strange = {"pay": ["Bitcoin", None] * 20, "fare": ["cheap"] * 40, "tips": [1.0] * 40}
        schema_update.accept_data(run(train=strange), ())
        found = tfdv.validate_statistics(
            statistics(**strange), read_schema(tmp_path / "mine.pbtxt")
        )
        assert not found.anomaly_info

    @pytest.mark.parametrize(("value", "threshold"), [(0.31, 0.31), (0.1, 0.2)])
    def test_raises_a_threshold_of_the_schema_to_what_was_measured(self, run, value, threshold):
        shifts = [Shift("drift", "pay", "infinity_norm", value, threshold=0.2)]
        before = text_format.Parse(bounded(0.2), schema_pb2.Schema())
        found = schema_update.widened_schema(before, run(shifts=shifts))
        assert found == text_format.Parse(bounded(threshold), schema_pb2.Schema())

    def test_of_data_that_lack_rows_is_refused(self, run, tmp_path):
        lacking = run()
        anomaly = Anomaly(None, "expected rows, received none", ("eval",))
        ValidationFindings((anomaly,)).write(tmp_path / "anomalies" / "findings.json")
        with pytest.raises(InputError) as refused:
            schema_update.accept_data(lacking, ())
        assert refused.value.received == "others in all columns"

    @pytest.mark.parametrize(
        ("pinned", "missing", "write"),
        [
            (False, None, "huberflow schema write schema.pbtxt"),
            (True, "StatisticsGen", "huberflow run"),
        ],
    )
    def test_of_a_run_without_schema_or_statistics_is_refused(self, run, pinned, missing, write):
        begun = run(pinned=pinned)
        begun.nodes.pop(missing, None)
        with pytest.raises(InputError) as refused:
            schema_update.accept_data(begun, ())
        assert (refused.value.key, refused.value.received) == ("RUN", "run-1")
        assert refused.value.write == write


class TestWriteFirst:
    def test_fits_the_eval_rows_too(self, run, tmp_path):
        schema_update.write_first_schema(
            run(eval={**GOOD, "pay": ["Bitcoin"] * 40}), tmp_path / "new.pbtxt"
        )
        (domain,) = read_schema(tmp_path / "new.pbtxt").string_domain
        assert list(domain.value) == ["Card", "Cash", "Bitcoin"]

    def test_never_replaces_a_file(self, run, tmp_path):
        with pytest.raises(InputError) as refused:
            schema_update.write_first_schema(run(), tmp_path / "mine.pbtxt")
        assert refused.value.write == "huberflow schema accept"
        assert (tmp_path / "mine.pbtxt").read_text() == SCHEMA
