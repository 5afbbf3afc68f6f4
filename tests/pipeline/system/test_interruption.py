"""The cause of a failure in one line; SIGTERM, and SIGHUP from a lost terminal."""

from __future__ import annotations

import signal
import threading
import time

import pytest

from huberflow.pipeline.system.interruption import (
    first_line,
    interrupts_kept,
    termination_as_interrupt,
)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_an_end_from_outside_unwinds_like_an_interrupt_and_only_inside_the_block(number):
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt, match=number.name), termination_as_interrupt():
        signal.raise_signal(number)
    assert signal.getsignal(number) is before


def test_a_lost_terminal_interrupts_once():
    """The shell and the kernel each send the signal; the second must not break the cleanup."""
    cleaned = []

    def run():
        with termination_as_interrupt():
            try:
                signal.raise_signal(signal.SIGHUP)
            finally:
                signal.raise_signal(signal.SIGHUP)
                cleaned.append("all")

    with pytest.raises(KeyboardInterrupt):
        run()
    assert cleaned == ["all"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_end_that_comes_while_an_object_is_deleted_is_not_lost(number):
    """Python ignores what is raised there."""

    class Deleted:
        def __del__(self):
            signal.raise_signal(number)

    def work():
        Deleted()
        time.sleep(10)

    with pytest.raises(KeyboardInterrupt), termination_as_interrupt():
        work()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_end_that_a_library_makes_another_error_of_is_an_end(number):
    def work():
        try:
            signal.raise_signal(number)
        except KeyboardInterrupt:
            raise RuntimeError("MISMATCH of original and normalized exception types") from None

    with (
        pytest.raises(KeyboardInterrupt, match=number.name),
        termination_as_interrupt(),
        interrupts_kept(),
    ):
        work()


def test_an_error_is_an_error_without_an_end_or_where_one_came_before():
    with termination_as_interrupt():
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        with pytest.raises(ValueError, match="no rows"), interrupts_kept():
            raise ValueError("no rows")


def test_nohup_is_respected():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with termination_as_interrupt():
            signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_signal_that_the_program_handles_stays_with_it():
    handled = []
    before = signal.signal(signal.SIGTERM, lambda *_: handled.append("its own"))
    try:
        with termination_as_interrupt():
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert handled == ["its own"]


def test_a_thread_which_gets_no_signals_just_works():
    done = []

    def work():
        with termination_as_interrupt():
            done.append("all")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == ["all"]


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
