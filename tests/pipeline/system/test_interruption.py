"""The cause of a failure in one line, and SIGTERM."""

from __future__ import annotations

import signal

import pytest

from huberflow.pipeline.system.interruption import first_line, termination_as_interrupt


def test_termination_unwinds_like_an_interrupt_and_only_inside_the_block():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt, match="SIGTERM"), termination_as_interrupt():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("no rows\nat line 3"), "no rows"),
        (ValueError("\n\n  no rows\n"), "no rows"),
        (RuntimeError("no rows [while running 'Read/Map(<lambda at x.py:3>)']"), "no rows"),
        (ValueError(), "ValueError"),
        (ValueError("  \n "), "ValueError"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
    ],
)
def test_first_line(error, line):
    assert first_line(error) == line
