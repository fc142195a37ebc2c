"""A signal ends a run, but not between a thing and its tidying up."""

import os
import signal

import pytest

from retrofit import errors
from retrofit.host import signals

pytestmark = pytest.mark.usefixtures("interruptible")


def _signal(number: signal.Signals = signal.SIGTERM) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_is_an_error(number: signal.Signals):
    with pytest.raises(errors.Interrupted) as raised:
        _signal(number)

    assert raised.value.exit_code == 128 + number


def test_second_signal_does_not_disturb_the_tidying_up():
    with pytest.raises(errors.Interrupted):
        _signal()

    _signal(signal.SIGINT)


def test_error_waits_until_what_began_is_provided_for():
    done = []

    def begin() -> None:
        with signals.deferred():
            _signal()
            done.append("begun")
            with signals.deferred():
                done.append("provided for")

    with pytest.raises(errors.Interrupted):
        begin()

    assert done == ["begun", "provided for"]


def test_tidying_up_may_defer_again():
    with pytest.raises(errors.Interrupted):
        _signal()

    with signals.deferred():
        pass


def test_error_that_got_lost_is_raised_again():
    class Loser:
        def __del__(self) -> None:
            try:
                _signal()
            except errors.Interrupted:
                pass

    Loser()

    with pytest.raises(errors.Interrupted):
        signals.check()


def test_nothing_arrived():
    signals.check()
    with signals.deferred():
        signals.check()
