"""Which weights a row may have: how much it counts beside the others."""

import numpy as np

from huberflow.custom_objects.input_error import InputError

_LARGEST = float(np.finfo(np.float32).max)


def check_weights(weights: np.ndarray, column: str) -> None:
    """Checks the weights of rows that have a label.

    Args:
      weights: NaN where a row has none.
      column: the column that has them.

    Raises:
      InputError: a weight is missing, negative or not finite.
    """
    wrong = weights[~((weights >= 0) & (weights <= _LARGEST))]
    if wrong.size:
        value = "none" if np.isnan(wrong[0]) else f"{wrong[0]:g}"
        raise InputError(
            "data.weight",
            expected=f"a finite number >= 0 in {column!r} in every row with a label",
            received=f"{value} in a row",
            hint="write 0 in rows that are not to count",
        )
