"""Which files hold which rows."""

import pytest
import tensorflow as tf

from huberflow.components.contracts.target import Target
from huberflow.components.training.rows import labelled, split_files

FILES = [f"/a/Examples/examples/1/Split-{name}/*" for name in ("validation", "eval", "evaluation")]


class TestSplitFiles:
    @pytest.mark.parametrize("name", ["validation", "eval", "evaluation"])
    def test_are_those_of_one_split(self, name):
        assert split_files(FILES, name) == [f"/a/Examples/examples/1/Split-{name}/*"]

    def test_of_another_split_are_none(self):
        assert split_files(FILES, "test") == []

    def test_are_all_of_several_artifacts(self):
        files = ["/1/Split-eval/*", "/1/Split-validation/*", "/2/Split-eval/*"]
        assert split_files(files, "eval") == ["/1/Split-eval/*", "/2/Split-eval/*"]


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
