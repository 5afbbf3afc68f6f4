"""The deviation and the skewness of numbers that are read a batch at a time."""

import math

import numpy as np

HEAVY = 1.0
"""The skewness above which a tail is heavy; that of an exponential distribution is 2."""


class Moments:
    """The sums of the first three powers; a shift keeps the digits of large numbers."""

    def __init__(self) -> None:
        self._shift: float | None = None
        self._sums = np.zeros(4)

    def add(self, numbers: np.ndarray, counts: np.ndarray) -> None:
        """Adds finite numbers, one or more, each with its number of rows."""
        if self._shift is None:
            self._shift = float(numbers[0])
        shifted = numbers - self._shift
        self._sums += [float((shifted**power * counts).sum()) for power in range(4)]

    @property
    def deviation(self) -> float:
        """The standard deviation; 0 without numbers."""
        return math.sqrt(self._variance)

    @property
    def skewness(self) -> float:
        """The third standardised moment: 0 of a symmetric distribution, or of equal numbers."""
        if not self._variance:
            return 0.0
        first, second, third = self._sums[1:] / self._sums[0]
        return float((third - 3 * first * second + 2 * first**3) / self._variance**1.5)

    @property
    def _variance(self) -> float:
        if not self._sums[0]:
            return 0.0
        first, second = self._sums[1:3] / self._sums[0]
        return max(0.0, float(second - first**2))
