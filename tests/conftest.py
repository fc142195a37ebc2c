"""What holds for all tests, however they are started."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Iterator

import hypothesis
import pytest
from tests.support import scratch

# What their assertions compare is told, as a test's own.
pytest.register_assert_rewrite("tests.scenarios", "tests.support.charm")

# Before workers are started, which share it.
scratch.enter()

# A job in a shell's background ignores SIGINT, and so would all that tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Who builds packages sets it, and every image would be another one.
os.environ.pop("SOURCE_DATE_EPOCH", None)

# How long an example takes depends on what else the machine does.
hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")


# Around all others, as the one that shuffles is, too.
@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Keep the order of files whose tests go on from one another; all else is shuffled."""
    stories = [item for item in items if item.get_closest_marker("in_order")]
    yield
    # Without those that -k and -m left out meanwhile.
    chosen = set(items)
    stories = [item for item in stories if item in chosen]
    told = {path: iter(list(file)) for path, file in itertools.groupby(stories, _path)}
    items[:] = [
        next(told[item.path]) if item.get_closest_marker("in_order") else item for item in items
    ]


def _path(item: pytest.Item) -> object:
    return item.path
