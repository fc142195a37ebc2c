"""Hooks that are killed while apt and dpkg are at work: the next hook goes on from there."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from concurrent import futures

import pytest
from tests import scenarios
from tests.support.charm import deployment, pack
from tests.support.charm.unit_agent import operations

pytestmark = pytest.mark.slow

# As conditions of a shell: when the lists come, when packages come, and while dpkg
# unpacks, configures and triggers, by the lines of its log.
_MOMENTS = (
    "pgrep -x apt-get",
    "ls /var/cache/apt/archives/*.deb",
    *(f"[ $(grep -c ' status ' /var/log/dpkg.log) -gt {lines} ]" for lines in range(50, 850, 100)),
)
# Its children go on.
_CHARM = "[c]harm/src/charm.py"
_ALL = f"{_CHARM}|[a]pt-get --|[d]pkg --"
_TIMEOUT_S = 600
# Each waits for a while for an apt that goes on.
_MOST_HOOKS = 5


@pytest.fixture
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[deployment.Deployment]:
    """On a machine of its own, which has none of the packages."""
    with deployment.ready(pack.charm(), tmp_path_factory.mktemp("hooks")) as ready:
        yield ready


def test_next_hook_goes_on(driver: deployment.Deployment) -> None:
    hooks = itertools.chain([driver.deploy], itertools.repeat(driver.agent.update_status))
    *most, last = _MOMENTS

    for hook, moment in zip(hooks, most, strict=False):
        _killed(driver, hook, moment, _ALL)
    _killed(driver, driver.agent.update_status, last, _CHARM)
    for _ in range(_MOST_HOOKS):
        driver.agent.update_status()
        if "cannot install" not in driver.status().message:
            break

    assert driver.shell(driver.units[0], "dpkg --audit") == ""
    assert driver.status().status == "blocked"
    assert "identity-credentials" in driver.status().message
    scenarios.ready_with_cloud(driver)
    scenarios.nothing_is_left(driver)


def _killed(
    driver: deployment.Deployment, hook: Callable[[], None], moment: str, whom: str
) -> None:
    """Run a hook, and kill it and others at a moment."""
    script = f"""
    until pgrep -f '{_CHARM}' && {moment}; do sleep 0.05; done
    kill -9 $(pgrep -f '{whom}') || true
    """
    with futures.ThreadPoolExecutor() as pool:
        running = pool.submit(hook)
        driver.agent.machine.container.run(["sh", "-c", script], timeout_s=_TIMEOUT_S)
        with pytest.raises(operations.HookFailed, match="status 137"):
            running.result()
