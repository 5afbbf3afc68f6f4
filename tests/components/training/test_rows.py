"""Which files hold which rows."""

import pytest
import tensorflow as tf

from huberflow.components.contracts.target import Target
from huberflow.components.training.rows import labelled, split_files

SPLITS = ("validation", "eval", "evaluation", "eval")
FILES = [f"/a/examples/{number}/Split-{name}/*" for number, name in enumerate(SPLITS)]


@pytest.mark.parametrize(
    ("split", "numbers"), [("eval", [1, 3]), ("validation", [0]), ("test", [])]
)
def test_files_of_a_split_are_those_of_all_artifacts(split, numbers):
    assert split_files(FILES, split) == [FILES[number] for number in numbers]


def example(**columns: float) -> bytes:
    found = tf.train.Example()
    for name, value in columns.items():
        found.features.feature[name].float_list.value.append(value)
    return found.SerializeToString()


class TestLabelled:
    def test_are_the_rows_with_a_finite_label_in_their_order(self):
        spec = {"fare": tf.io.VarLenFeature(tf.float32), "miles": tf.io.VarLenFeature(tf.float32)}
        first, second = example(fare=2.0), example(fare=1.0, miles=3.0)
        without = [example(miles=1.0), example(fare=float("nan")), example(fare=float("inf"))]
        assert labelled([first, *without, second], spec, Target(("fare",))) == [first, second]
