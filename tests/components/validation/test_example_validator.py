"""What ExampleValidator detects in data, by TFDV itself."""

from __future__ import annotations

import pytest
import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.types.standard_artifacts import ExampleAnomalies, Schema
from tiny_statistics import GOOD, SCHEMA, statistics, write

from huberflow.components.contracts.node_config import ValidatorConfig
from huberflow.components.contracts.validation_findings import (
    ACCEPTED,
    STATISTICS_ID,
    ValidationFindings,
)
from huberflow.components.validation.example_validator import ExampleValidator


@pytest.fixture
def validated(tmp_path):
    """The anomalies artifact of data: columns that are not given are good."""

    def validated(
        train=None, eval=None, earlier=None, schema=SCHEMA, pinned=True
    ) -> ExampleAnomalies:
        current = write(
            tmp_path / "now", train=statistics(**(train or GOOD)), eval=statistics(**(eval or GOOD))
        )
        current.id = 7
        before = write(tmp_path / "before", train=statistics(**earlier)) if earlier else None
        (tmp_path / "schema").mkdir()
        (tmp_path / "schema" / "schema.pbtxt").write_text(schema)
        found = Schema(), ExampleAnomalies()
        for artifact, folder in zip(found, ("schema", "anomalies"), strict=True):
            artifact.uri = str(tmp_path / folder)
        config = ValidatorConfig(
            columns=("pay", "fare"), drift_threshold=0.1, pinned=pinned, source={}
        )
        ExampleValidator.test_call(
            statistics=current,
            schema=found[0],
            anomalies=found[1],
            custom_config=config.to_text(),
            earlier=before,
        )
        return found[1]

    return validated


@pytest.fixture
def anomalies(validated, tmp_path):
    """The lines of the anomalies."""

    def anomalies(**data) -> list[str]:
        validated(**data)
        return [each.line for each in written(tmp_path).anomalies]

    return anomalies


@pytest.fixture
def shifts(validated, tmp_path):
    """The lines of drift, and those of skew."""

    def shifts(**data) -> tuple[list[str], ...]:
        validated(**data)
        above = map(written(tmp_path).above_threshold, ("drift", "skew"))
        return tuple([shift.line for shift in kind] for kind in above)

    return shifts


def written(folder) -> ValidationFindings:
    return ValidationFindings.read(folder / "anomalies" / "findings.json")


WITHOUT_FARE = {"pay": GOOD["pay"]}
FARE_AS_TEXT = {**GOOD, "fare": [f"{n} $" for n in range(40)]}


class TestAnomaly:
    def test_there_is_none_in_data_that_fit(self, anomalies):
        assert anomalies() == []

    @pytest.mark.parametrize(
        ("data", "line"),
        [
            (
                {"eval": {**GOOD, "pay": ["Cash", "Card", "Cash", "Bitcoin"] * 10}},
                "pay: expected one of Card, Cash, received Bitcoin (~25%), in eval",
            ),
            (
                {"train": FARE_AS_TEXT, "eval": FARE_AS_TEXT},
                "fare: expected FLOAT, received STRING, in train and eval",
            ),
            (
                {"train": WITHOUT_FARE, "eval": WITHOUT_FARE},
                "fare: expected a column of FLOAT, received none, in train and eval",
            ),
            (
                {"train": {**GOOD, "tips": [1.0] * 40}},
                "tips: expected no such column, received one, in train",
            ),
            (
                {"eval": {**GOOD, "fare": [*GOOD["fare"][:-1], None]}},
                "fare: expected at least 1 value in every row, received rows with fewer, in eval",
            ),
            (
                {"eval": {"pay": [], "fare": []}},
                "all columns: expected rows, received none, in eval",
            ),
        ],
        ids=["new_value", "other_type", "column_gone", "new_column", "missing_value", "no_rows"],
    )
    def test_is_described(self, anomalies, data, line):
        assert anomalies(**data) == [line]

    def test_many_values_are_not_all_listed(self, anomalies):
        values = "".join(f' value: "{letter}"' for letter in "abcdefgh")
        (line,) = anomalies(schema=SCHEMA.replace(' value: "Card" value: "Cash"', values))
        assert line.startswith("pay: expected one of a, b, c, d, e or 3 more, received C")

    def test_of_other_parts_of_a_schema_has_tfdvs_description(self, anomalies):
        domain = 'name: "fare" type: FLOAT float_domain { max: 30 }'
        (line,) = anomalies(schema=SCHEMA.replace('name: "fare" type: FLOAT', domain))
        assert line.startswith("fare: Unexpectedly high value: 39>30")


STRANGE = {**GOOD, "pay": ["Bitcoin"] * 40}
FAR = {"pay": ["Cash"] * 30 + ["Card"] * 10, "fare": [n + 500.0 for n in range(40)]}


class TestAcceptedData:
    @pytest.mark.parametrize(
        ("train", "pinned", "accepted"),
        [(GOOD, True, 1), (GOOD, False, 1), (STRANGE, True, 0), (STRANGE, False, 1)],
    )
    def test_are_those_that_no_pinned_schema_refuses(self, validated, train, pinned, accepted):
        found = validated(train=train, pinned=pinned)
        assert found.get_int_custom_property(ACCEPTED) == accepted
        assert found.get_int_custom_property(STATISTICS_ID) == 7


def often(columns):
    """The same rows five times: enough to tell a shift from chance."""
    return {name: values * 5 for name, values in columns.items()}


class TestShift:
    def test_there_is_none_between_the_same_rows(self, shifts):
        assert shifts(earlier=GOOD) == ([], [])

    def test_of_the_earlier_data_has_the_largest_first(self, shifts):
        # By hand: Cash was half of the rows and is three quarters; no fare is in both.
        earlier = {**GOOD, "pay": ["Cash"] * 20 + ["Card"] * 12 + ["Cheque"] * 8}
        assert shifts(train=often(FAR), eval=often(FAR), earlier=often(earlier)) == (
            [
                "fare: Jensen-Shannon 1 above 0.1",
                'pay: L-infinity 0.25 above 0.1 (largest change: "Cash")',
            ],
            [],
        )

    def test_is_measured_between_train_and_eval_rows(self, shifts):
        drift, skew = shifts(train=often(FAR), eval=often(GOOD))
        assert drift == []
        assert [line.partition(":")[0] for line in skew] == ["fare", "pay"]

    def test_is_no_anomaly(self, anomalies):
        assert anomalies(train=FAR, earlier=GOOD) == []

    def test_is_an_anomaly_where_the_schema_bounds_it(self, anomalies):
        bound = 'name: "pay" drift_comparator { infinity_norm { threshold: 0.2 } }'
        (line,) = anomalies(train=FAR, earlier=GOOD, schema=SCHEMA.replace('name: "pay"', bound, 1))
        assert line.startswith("pay: The Linfty distance between current and previous is 0.25 ")

    def test_of_an_unused_column_is_measured_where_the_schema_bounds_it(self, shifts):
        bound = "skew_comparator { jensen_shannon_divergence { threshold: 0.2 } }"
        schema = SCHEMA + f'feature {{ name: "noise" type: FLOAT {bound} }}'
        near, far = ({**GOOD, "noise": [n + more for n in range(40)]} for more in (0.0, 99.0))
        assert shifts(train=near, eval=far, schema=schema)[1] == [
            "noise: Jensen-Shannon 1 above 0.2"
        ]

    def test_is_compared_with_the_threshold_of_the_schema(self, shifts):
        bound = 'name: "pay" drift_comparator { infinity_norm { threshold: 0.3 } }'
        schema = SCHEMA.replace('name: "pay"', bound, 1)
        drift, _ = shifts(train=FAR, earlier=GOOD, schema=schema)
        assert [line.partition(":")[0] for line in drift] == ["fare"]


def test_the_schema_of_these_tests_is_what_tfdv_infers():
    inferred = tfdv.infer_schema(statistics(**GOOD), infer_feature_shape=False)
    assert inferred == text_format.Parse(SCHEMA, schema_pb2.Schema())
