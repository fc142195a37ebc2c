"""Units that are removed while an action is at work: nothing is left of either."""

from __future__ import annotations

from concurrent import futures

import pytest
import yaml
from tests.support import paths
from tests.support.charm import deployment, traces
from tests.support.charm.unit_agent import peers

pytestmark = pytest.mark.slow

_ACTIONS = yaml.safe_load((paths.REPOSITORY / "actions.yaml").read_text(encoding="utf-8"))
_CHARM = "[c]harm/src/charm.py"
_OPTIONS = {"image-definitions": deployment.plain("plain"), "auto-retrofit": True}
# Killed when the engine is at work for the action; one that needs no engine may end by itself.
_KILL = f"""
until pgrep -f '{_CHARM}'; do sleep 0.02; done
while pgrep -f '{_CHARM}' &&
    ! systemctl show --property ActiveState 'octavia-diskimage-retrofit*.service' |
    grep -E '=activ'; do sleep 0.02; done
kill -9 $(pgrep -f '{_CHARM}') || true
"""


@pytest.mark.parametrize("action", sorted(_ACTIONS))
def test_nothing_is_left(driver: deployment.Deployment, action: str) -> None:
    driver.agent.deploy(options=_OPTIONS)
    traces.mark(driver)
    driver.agent.relate("certificates", peers.Vault(driver.cloud))
    driver.agent.relate("identity-credentials", driver.keystone)
    with futures.ThreadPoolExecutor() as pool:
        running = pool.submit(driver.act, action)
        driver.script(_KILL)
        running.result()

    driver.remove()

    # The end of a run calls a hook of a unit that is no more.
    traces.await_none(lambda: driver.script("pgrep -af '[o]ctavia-diskimage-retrofit' || true"))
    assert traces.newer(driver) == []
    assert traces.units(driver) == []
    assert [each["status"] for each in driver.images()] == ["active"]
