"""A shift is reported only where samples of so few rows would hardly differ as much by chance."""

import numpy as np
import pandas as pd
import pytest
import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from huberflow.components.contracts.validation_findings import ValidationFindings
from huberflow.components.validation.drift import measure_shifts

RANDOM = np.random.default_rng(53)

COLUMNS = {
    "normal": lambda count, shift: RANDOM.normal(shift, 1, count),
    "long_tail": lambda count, shift: RANDOM.lognormal(3 * shift, 3, count),
    "few_whole_numbers": lambda count, shift: np.floor(RANDOM.uniform(2 * shift, 5, count)),
    "mostly_zero": lambda count, shift: (RANDOM.random(count) > 0.7 - 0.6 * shift).astype(float),
    "words": lambda count, shift: RANDOM.choice(
        ["a", "b", "c"], count, p=[0.6 - shift / 2, 0.3 + shift / 2, 0.1]
    ),
    "many_words": lambda count, shift: np.where(
        RANDOM.random(count) < shift / 2, "x", RANDOM.integers(0, 200, count).astype(str)
    ),
}
COPIES = 40


def shifts(rows, shift, schema=None):
    """What is measured between two samples, with many columns of each kind."""
    samples = [
        pd.DataFrame(
            {
                f"{name}_{copy}": draw(count, shift * number)
                for name, draw in COLUMNS.items()
                for copy in range(COPIES)
            }
        )
        for number, count in enumerate(rows)
    ]
    statistics = [tfdv.generate_statistics_from_dataframe(sample) for sample in samples]
    schema = schema or tfdv.infer_schema(statistics[0])
    names = list(samples[0])
    return ValidationFindings((), tuple(measure_shifts("skew", *statistics, schema, names, 0.1)))


@pytest.mark.parametrize("rows", [(113, 57), (600, 300)])
def test_samples_of_the_same_rows_differ_by_chance_alone(rows):
    found = shifts(rows, shift=0)
    assert len(found.shifts) == len(COLUMNS) * COPIES
    assert sum(shift.value > shift.threshold for shift in found.shifts) > 10
    assert found.above_threshold("skew") == []


def test_a_shift_of_enough_rows_is_found():
    found = shifts((600, 300), shift=1)
    assert len(found.above_threshold("skew")) == len(COLUMNS) * COPIES


def test_what_the_schema_limits_is_reported_whatever_the_rows():
    limit = "skew_comparator { jensen_shannon_divergence { threshold: 0.05 } }"
    feature = f'feature {{ name: "normal_0" type: FLOAT {limit} }}'
    found = shifts((60, 30), 0, text_format.Parse(feature, schema_pb2.Schema()))
    assert [shift.column for shift in found.above_threshold("skew")] == ["normal_0"]


def test_values_against_none_are_no_chance():
    samples = [pd.DataFrame({"x": [1.0, 2.0] * 50}), pd.DataFrame({"x": [np.nan] * 50})]
    one, other = map(tfdv.generate_statistics_from_dataframe, samples)
    schema = tfdv.infer_schema(one)
    for pair in ((one, other), (other, one)):
        found = ValidationFindings((), tuple(measure_shifts("skew", *pair, schema, ["x"], 0.1)))
        assert all(not shift.may_be_chance for shift in found.shifts)
