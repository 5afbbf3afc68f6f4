"""Short forms of texts, by which they can still be told apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huberflow.pipeline.system.shortening import told_apart

WHEEL = "taxi_utils@/tmp/pipelines/taxi/_wheels/tfx_user_code_Trainer-0.0+{}-py3-none-any.whl"


def test_what_differs_is_shown_between_start_and_end():
    before, now = WHEEL.format("3fa8b1" * 10), WHEEL.format("77c01d" * 10)
    forms = told_apart([before, now], 40)
    assert forms == {
        before: "taxi_utils@/…3fa8b13fa8b1…none-any.whl",
        now: "taxi_utils@/…77c01d77c01d…none-any.whl",
    }


@pytest.mark.parametrize(
    ("texts", "forms"),
    [
        (["12", "5"], ["12", "5"]),
        (["a" * 30], ["aaaaaa…aaa"]),
        (["b" + "a" * 30, "c" + "a" * 30], ["baaaaa…aaa", "caaaaa…aaa"]),
        (["a" * 30 + "b", "a" * 30 + "c"], ["aaa…aaaaab", "aaa…aaaaac"]),
        (["x", "x" * 30], ["x", "xxxxxx…xxx"]),
    ],
)
def test_ends_and_starts(texts, forms):
    assert list(told_apart(texts, 11).values()) == forms


def test_a_text_that_only_goes_on_longer_takes_more_room():
    assert len(set(told_apart(["a" * 100, "a" * 101], 30).values())) == 2


@given(st.lists(st.text("ab", max_size=60)), st.integers(5, 40))
def test_different_texts_stay_different(texts, longest):
    forms = told_apart(texts, longest)
    assert forms.keys() == set(texts)
    assert len(set(forms.values())) == len(forms)
    assert all(form == text for text, form in forms.items() if len(text) <= longest)
