"""The one error for wrong input, for a user and for a test."""

import copy

from huberflow.custom_objects.input_error import InputError, InputErrors

WRONG = InputError(
    "threshold", expected="a number > 0", received="-1", hint="0 is no number > 0", write="t=1"
)


def test_names_what_was_expected_received_and_what_to_write():
    assert str(WRONG) == (
        "threshold: expected a number > 0, received -1; 0 is no number > 0; write: t=1"
    )
    assert str(InputError("a", expected="b", received="c")) == "a: expected b, received c"


def test_key_below_another():
    below = WRONG.below("training.loss.config")
    assert below.key == "training.loss.config.threshold"
    assert (below.expected, below.received, below.write, below.hint) == (
        WRONG.expected,
        WRONG.received,
        WRONG.write,
        WRONG.hint,
    )


def test_several_have_a_line_each():
    both = InputErrors([WRONG, WRONG.below("x")])
    assert str(both).splitlines() == [str(WRONG), str(WRONG.below("x"))]


def test_crosses_processes():
    """Beam and the processes of a sweep pickle what they raise; a copy is made the same way."""
    back = copy.copy(WRONG)
    assert (back.key, str(back)) == (WRONG.key, str(WRONG))
    assert str(InputError.from_json(WRONG.to_json())) == str(WRONG)


def test_several_below_another_key():
    below = InputErrors([WRONG, WRONG]).below("training")
    assert [error.key for error in below.errors] == ["training.threshold"] * 2
    assert copy.copy(below).errors == below.errors


def test_a_note_does_not_keep_it_from_crossing_processes():
    noted = WRONG.below("x")
    noted.add_note("while the config was read")
    assert str(copy.copy(noted)) == str(noted)
