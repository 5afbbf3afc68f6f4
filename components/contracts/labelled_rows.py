"""The rule that decides which rows have a usable label; only those train and evaluate a model.

In a regression, a row is labelled if each label column has a finite number. In a classification, a
row is labelled if its label is one of the classes. Where all classes are whole numbers, labels are
compared with them as numbers: 1, 1.0 and, in CSV, 01 are one class. Other classes are text.

Three implementations follow the rule, each on the data that it has: profiling on tables
(``pipeline.data.labelled``), Transform and the Trainer in TensorFlow
(``components.features.preprocessing``), the Evaluator on batches of lists
(``components.evaluation.labels``). A test compares them.
"""

import re
from collections.abc import Sequence


def classes_as_numbers(classes: Sequence[str]) -> list[float] | None:
    """The classes as numbers; None if any is not a whole number."""
    if all(re.fullmatch(r"-?\d+", name) for name in classes):
        return [float(name) for name in classes]
    return None
