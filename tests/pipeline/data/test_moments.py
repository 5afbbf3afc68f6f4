import numpy as np
import pytest

from huberflow.pipeline.data.moments import Moments


def moments(*batches):
    found = Moments()
    for numbers, counts in batches:
        found.add(np.array(numbers, np.float64), np.array(counts))
    return found


@pytest.mark.parametrize("far", [0.0, 1e9])
def test_are_those_of_all_rows_however_they_are_divided(far):
    values = np.round(np.random.default_rng(5).exponential(size=1000), 2) + far
    numbers, counts = np.unique(values, return_counts=True)
    found = moments((numbers[:7], counts[:7]), (numbers[7:], counts[7:]))
    even = values - values.mean()
    assert found.deviation == pytest.approx(values.std(), rel=1e-6)
    assert found.skewness == pytest.approx((even**3).mean() / values.std() ** 3, rel=1e-5)


@pytest.mark.parametrize("batches", [[], [([4.2], [9])], [([4.2], [9]), ([4.2], [1])]])
def test_of_equal_numbers_or_none_are_0(batches):
    found = moments(*batches)
    assert (found.deviation, found.skewness) == (0, 0)
