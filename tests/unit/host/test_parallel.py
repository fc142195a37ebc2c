"""Functions in processes of their own: how many at a time, how they end."""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from retrofit import errors
from retrofit.host import parallel


def _children() -> set[str]:
    """Return this process's children; a worker that ran other tests may have some."""
    tasks = pathlib.Path("/proc/self/task").iterdir()
    return {child for task in tasks for child in (task / "children").read_text().split()}


def test_so_many_at_a_time(tmp_path: pathlib.Path):
    def busy(name: str) -> int:
        mark = tmp_path / name
        mark.touch()
        time.sleep(0.2)
        seen = len(list(tmp_path.iterdir()))
        mark.unlink()
        return seen

    functions = {str(number): lambda number=number: busy(str(number)) for number in range(5)}

    codes = dict(parallel.run(functions, at_once=lambda: 2))

    assert list(codes) != []
    assert set(codes) == set(functions)
    assert max(codes.values()) == 2


def test_one_that_breaks_leaves_the_others(capfd: pytest.CaptureFixture[str]):
    def broken() -> int:
        raise RuntimeError("it broke")

    def killed() -> int:
        os.kill(os.getpid(), signal.SIGKILL)
        return 0

    found = dict(
        parallel.run({"a": broken, "b": killed, "c": lambda: 0, "d": lambda: 3}, at_once=lambda: 1)
    )

    assert found == {"a": 70, "b": -signal.SIGKILL, "c": 0, "d": 3}
    assert "RuntimeError: it broke" in capfd.readouterr().err


@pytest.mark.usefixtures("interruptible")
def test_an_interruption_ends_all(tmp_path: pathlib.Path):
    def endless(name: str) -> int:
        (tmp_path / f"{name} began").touch()
        try:
            time.sleep(60)
        except errors.Interrupted:
            (tmp_path / f"{name} tidied up").touch()
            raise
        return 0

    def interrupt() -> int:
        while len(list(tmp_path.iterdir())) < 2:
            time.sleep(0.01)
        os.kill(parent, signal.SIGINT)
        return endless("c")

    before, parent = _children(), os.getpid()
    functions = {
        "a": lambda: endless("a"),
        "b": lambda: endless("b"),
        "c": interrupt,
        "d": lambda: endless("d"),
    }
    with pytest.raises(errors.Interrupted):
        list(parallel.run(functions, at_once=lambda: 3))

    assert {path.name for path in tmp_path.iterdir()} >= {
        *("a began", "a tidied up", "b began", "b tidied up")
    }
    assert not (tmp_path / "d began").exists()
    assert _children() == before


def test_whoever_asks_for_no_more_leaves_none_behind():
    before = _children()
    running = parallel.run({"a": lambda: 0, "b": lambda: time.sleep(60) or 0}, at_once=lambda: 2)

    assert next(running) == ("a", 0)
    with contextlib.closing(running):
        pass

    assert _children() == before


# A process of its own: a fork costs the more, the more its parent holds.
_TWO_HUNDRED_TIMES = """
import time
from retrofit.host import parallel, signals

signals.watch()
for _ in range(200):
    sleepers = {name: lambda: time.sleep(60) or 0 for name in "bc"}
    running = parallel.run({"a": lambda: 0} | sleepers, at_once=lambda: 3)
    assert next(running) == ("a", 0)
    began = time.monotonic()
    running.close()
    assert time.monotonic() - began < 20
"""


def test_a_child_that_was_just_forked_loses_no_signal():
    """It inherits its parent's handler, which would forget what arrived for the child."""
    subprocess.run([sys.executable, "-c", _TWO_HUNDRED_TIMES], check=True)


@pytest.mark.usefixtures("interruptible")
def test_a_child_that_missed_a_signal_is_told_again():
    """A signal that arrives just before a wait begins is noted, but does not end that wait."""

    def misses_the_first() -> int:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        for _ in range(2):
            signal.sigtimedwait({signal.SIGTERM}, 60)
        return 0

    before = _children()
    running = parallel.run({"a": lambda: 0, "b": misses_the_first}, at_once=lambda: 2)
    assert next(running) == ("a", 0)
    began = time.monotonic()
    running.close()

    assert time.monotonic() - began < 20
    assert _children() == before
