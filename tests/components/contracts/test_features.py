"""Entries of the vocabulary, for columns of any name."""

from hostile_names import names
from hypothesis import given
from hypothesis import strategies as st
from property_settings import properties

from huberflow.components.contracts.features import entry_prefix

values = st.one_of(names, st.text("=%b", max_size=3))
columns = st.one_of(names, st.text("=%a", min_size=1, max_size=3))


def test_of_plain_names_say_the_name():
    assert entry_prefix("Ship Mode") + "First Class" == "Ship Mode=First Class"


@properties
@given(st.tuples(columns, values), st.tuples(columns, values))
def test_are_the_same_only_for_one_value_of_one_column(one, other):
    entries = {entry_prefix(column) + value for column, value in (one, other)}
    assert len(entries) == len({one, other})


@properties
@given(names)
def test_have_no_line_break_which_tft_would_leave_out(name):
    assert not set(entry_prefix(name)) & {"\n", "\r"}
