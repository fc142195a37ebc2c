"""Fixtures that several unit tests share."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator

import pytest

from retrofit.host import signals


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name bytes by their place: two workers call a case the same, whenever they made it."""
    return argname if isinstance(val, bytes) else None


@pytest.fixture(autouse=True)
def _logging() -> Iterator[None]:
    """Put back where the log goes: what a command sets up writes to a stream that is closed."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    yield
    root.setLevel(level)
    root.handlers = handlers


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Signals are errors for one test."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    previous = {number: signal.getsignal(number) for number in numbers}
    signals.watch()
    yield
    # What has arrived would be told to later tests.
    signals.watch()
    for number, handler in previous.items():
        signal.signal(number, handler)
