"""A pinned schema as TFDV infers it by default."""

import pandas as pd
import pytest
import tensorflow_data_validation as tfdv
from tensorflow_transform.tf_metadata import schema_utils

from huberflow.components.validation.shapes import without_shapes

FULL = pd.DataFrame({"x": [1.5, 2.5, 3.5], "word": ["a", "b", "a"]})


def validated(schema, rows):
    statistics = tfdv.generate_statistics_from_dataframe(rows, n_jobs=1)
    return sorted(tfdv.validate_statistics(statistics, schema).anomaly_info)


@pytest.fixture(scope="module")
def dense():
    return tfdv.infer_schema(
        tfdv.generate_statistics_from_dataframe(FULL, n_jobs=1), infer_feature_shape=True
    )


def kinds(schema):
    return {
        type(each) for each in schema_utils.schema_as_feature_spec(schema).feature_spec.values()
    }


def test_columns_are_no_dense_tensors(dense):
    assert not kinds(dense) & kinds(without_shapes(dense))


@pytest.mark.parametrize("rows", [FULL, FULL.assign(x=[1.5, None, 2.5]), FULL.assign(word="c")])
def test_the_same_rows_fit(dense, rows):
    assert validated(without_shapes(dense), rows) == validated(dense, rows)
