"""Which columns are numbers to predict, and which are classes."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.data import classes
from huberflow.pipeline.data.profile import profile_rows
from huberflow.pipeline.data.source import find_source

ROWS = 60


def of(*values):
    return [values[number % len(values)] for number in range(ROWS)]


COLUMNS = {
    "answer": of("yes", "no", None),
    "sold": of(True, False),
    "flag": of(1, 0),
    "gap": of(1.0, None, 0.0),
    "species": of("cat", "ant", "bee"),
    "stars": of(5, 10, 3),
    "share": of(0.25, 0.75),
    "price": [1.5 * number for number in range(ROWS)],
    "id": [f"c{number}" for number in range(ROWS)],
    "discount": of("5%", "2.5 %", "$ 1,000"),
    "code": of("7", "a"),
    "rank": [number % 45 for number in range(ROWS)],
    "almost": [*["NA"] * 2, *map(str, range(ROWS - 2))],
}


@pytest.fixture(scope="module")
def columns(tmp_path_factory):
    file = tmp_path_factory.mktemp("data") / "rows.parquet"
    pq.write_table(pa.table(COLUMNS), file)
    return profile_rows(find_source(file)).columns


@pytest.mark.parametrize(
    ("name", "task"),
    [
        ("answer", "binary"),
        ("sold", "binary"),
        ("flag", "binary"),
        ("gap", "binary"),
        ("code", "binary"),
        ("species", "multiclass"),
        ("stars", "regression"),
        ("share", "regression"),
        ("price", "regression"),
    ],
)
def test_the_task_follows_from_the_values(columns, name, task):
    assert classes.infer_task(columns[name]) == task


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("answer", ("no", "yes")),
        ("sold", ("false", "true")),
        ("gap", ("0", "1")),
        ("species", ("ant", "bee", "cat")),
        ("stars", ("3", "5", "10")),
    ],
)
def test_classes_are_in_order_as_text(columns, name, found):
    assert classes.class_names(columns[name]) == found


@pytest.mark.parametrize(
    ("name", "received", "write"),
    [
        ("share", "numbers with fractions", "--set model.task=regression"),
        ("id", "60 values in 60 rows, such as 'c0'", None),
    ],
)
def test_other_values_are_refused_as_classes(columns, name, received, write):
    with pytest.raises(InputError) as refused:
        classes.class_names(columns[name])
    error = refused.value
    assert (error.key, error.received, error.write) == ("data.label", received, write)


def test_a_class_that_no_row_has_is_refused(columns):
    classes.check_chosen_classes(columns["species"], ["cat", "ant"])
    with pytest.raises(InputError) as refused:
        classes.check_chosen_classes(columns["species"], ["cat", "dog"])
    assert (refused.value.key, refused.value.received) == ("data.classes", "'dog'")
    assert refused.value.write == """--set 'data.classes=["ant", "bee", "cat"]'"""


def test_amounts_in_several_units_are_no_classes(columns):
    with pytest.raises(InputError) as refused:
        classes.class_names(columns["discount"])
    assert "%, $" in refused.value.received


@pytest.mark.parametrize(
    ("name", "task", "remedy"),
    [
        ("stars", "regression", "write: --set model.task=multiclass"),
        ("price", "regression", None),
        ("rank", "regression", None),  # too few rows for so many classes
        ("share", "regression", None),
        ("species", "multiclass", None),
    ],
)
def test_a_label_that_may_be_meant_otherwise_gets_a_warning(columns, name, task, remedy):
    warning = classes.remark_on_label(columns[name], task)
    assert warning is None if remedy is None else warning.endswith(remedy)
