"""What a row may weigh: how much it counts beside the others."""

import numpy as np

_LARGEST = float(np.finfo(np.float32).max)


def mistake(weights: np.ndarray, column: str) -> str | None:
    """What is wrong with the weights of rows that have a label, in a sentence, or None.

    Args:
      weights: of some rows; NaN where there is none.
      column: that holds them.
    """
    wrong = weights[~((weights >= 0) & (weights <= _LARGEST))]
    if not wrong.size:
        return None
    received = "none" if np.isnan(wrong[0]) else f"{wrong[0]:g}"
    return (
        f"data.weight: expected a finite number >= 0 in {column!r} in every row with a label, "
        f"received {received} in a row; write 0 in rows that are not to count"
    )
