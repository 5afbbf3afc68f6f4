"""The rule of labelled rows: profiling, Transform and the Evaluator agree on every row."""

import math

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from huberflow.components.contracts.target import Target
from huberflow.components.data.encoding import serialize_rows
from huberflow.components.evaluation import labels
from huberflow.components.features import preprocessing
from huberflow.pipeline.data.labelled import count_classes, is_labelled
from huberflow.pipeline.data.source import find_source

NUMBERS = st.none() | st.sampled_from([0.0, 1.0, 2.0, -1.0, 0.5, math.nan, math.inf])
WORDS = st.none() | st.sampled_from(["cat", "dog", "bee", "1", "nan"])

TARGETS = {
    "a number": (Target(("y",)), NUMBERS, pa.float64()),
    "two numbers": (Target(("y", "z")), NUMBERS, pa.float64()),
    "classes of numbers": (Target(("y",), ("-1", "0", "1")), NUMBERS, pa.float64()),
    "classes of whole numbers": (
        Target(("y",), ("0", "1")),
        st.none() | st.integers(-2, 2),
        pa.int64(),
    ),
    "classes of words": (Target(("y",), ("bee", "cat")), WORDS, pa.string()),
}


def by_transform(rows, target, dtype):
    """What the Trainer trains on."""
    kind = {pa.float64(): tf.float32, pa.int64(): tf.int64, pa.string(): tf.string}[dtype]
    specs = {name: tf.io.VarLenFeature(kind) for name in target.labels}
    truth = preprocessing.truth(tf.io.parse_example(rows, specs), target)
    return preprocessing.is_labelled(truth).numpy()


def by_evaluator(rows, target):
    """What the Evaluator evaluates: rows of one batch, by their number."""
    batch = ExamplesToRecordBatchDecoder().DecodeBatch(rows)
    batch = batch.append_column("row", pa.array([[row] for row in range(len(rows))]))
    kept = labels.labelled_rows(batch, target)["row"].flatten().to_numpy()
    return np.isin(np.arange(len(rows)), kept)


def test_classes_that_are_booleans_are_counted_in_any_spelling(tmp_path):
    """As ExampleGen stores them, and classes of other words as they are written."""
    values = ["True", "true", "FALSE", "NA", "", "yes"]
    (tmp_path / "a.csv").write_text("y,x\n" + "".join(f"{value},1\n" for value in values))
    source = find_source(tmp_path / "a.csv")
    counted = count_classes(source, Target(("y",), ("false", "true")))
    assert counted == {"false": 1, "true": 2}
    assert count_classes(source, Target(("y",), ("True", "yes"))) == {"True": 1, "yes": 1}


@pytest.mark.parametrize(("target", "values", "dtype"), TARGETS.values(), ids=TARGETS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_three_implementations_agree(target, values, dtype, data):
    count = data.draw(st.integers(1, 8))
    first = data.draw(values.filter(lambda value: value is not None))
    columns = {
        name: pa.array([first, *data.draw(st.lists(values, min_size=count, max_size=count))], dtype)
        for name in target.labels
    }
    rows = list(serialize_rows(columns))
    expected = is_labelled(pa.table(columns), target).tolist()
    assert by_transform(rows, target, dtype).tolist() == expected
    assert by_evaluator(rows, target).tolist() == expected


def test_in_csv_a_class_of_numbers_is_one_however_it_is_written():
    table = pa.table({"y": ["1", "1.0", "01", "2", None, "x"]})
    found = is_labelled(table, Target(("y",), ("0", "1")))
    assert found.tolist() == [True, True, True, False, False, False]
