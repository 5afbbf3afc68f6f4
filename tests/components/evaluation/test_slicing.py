"""Rows come to the slices that TFMA gives them; one without a value has a slice too."""

import numpy as np
import pytest
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.api.types import VarLenTensorValue
from tensorflow_model_analysis.proto import config_pb2
from tensorflow_model_analysis.slicer import slicer_lib

from huberflow.components.evaluation import slicing

TOWNS = [[b"Oslo"], [], [b"Bergen", b"Oslo"], [b"Oslo", b"Oslo"], ["Tromsø".encode()]]
HOURS = [[7], [7], [8], [], [8]]
SHARES = np.array([[0.5], [0.25], [0.5], [0.5], [0.25]])


def sparse(rows):
    places = [(row, place) for row, values in enumerate(rows) for place in range(len(values))]
    values = np.array([value for values in rows for value in values])
    return VarLenTensorValue(values, np.array(places), np.array([len(rows), 2]))


@pytest.mark.parametrize(
    "columns", [[], ["town"], ["row"], ["share"], ["town", "row"], ["row", "town", "share"]]
)
def test_slices_are_those_of_tfma(columns):
    config = config_pb2.EvalConfig(slicing_specs=[{"feature_keys": columns}])
    expected = {}
    for row, (town, hour, share) in enumerate(zip(TOWNS, HOURS, SHARES, strict=True)):
        values = {"town": town, "row": hour, "share": share}
        features = {
            name: np.array(each if len(each) else ["(missing)"]) for name, each in values.items()
        }
        spec = slicer_lib.SingleSliceSpec(spec=config.slicing_specs[0])
        for key in slicer_lib.get_slices_for_features_dicts([], features, [spec]):
            expected.setdefault(key, []).append(row)
    batch = {
        tfma.FEATURES_KEY: {"town": sparse(TOWNS), "row": sparse(HOURS), "share": SHARES},
        tfma.LABELS_KEY: np.arange(5),
        tfma.PREDICTIONS_KEY: {"candidate": np.arange(5), "baseline": np.arange(5)},
    }
    found = {}
    for part in slicing.split_by_slice(batch, [columns]):
        (key,) = part[tfma.SLICE_KEY_TYPES_KEY]
        found[key] = part[tfma.LABELS_KEY].tolist()
        assert part[tfma.PREDICTIONS_KEY]["baseline"].tolist() == found[key]
    assert found == expected
    assert {type(value) for key in found for _, value in key} <= {str, int, float}
