"""Runs that are cancelled at the steps of a build: nothing is left of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests import scenarios
from tests.support.base_images import base_images
from tests.support.charm import deployment, pack

pytestmark = [pytest.mark.in_order, pytest.mark.slow]

_PROJECT = "octavia-diskimage-retrofit"
_IMAGE = """
images:
- {name: plain, recipe: plain, distribution: debian, releases: [bookworm], tags: [plain]}
"""
# In the order of a run, up to the proof. Some are over in no time, and then the next one is
# cancelled.
_STEPS = (
    "download",
    "unpack",
    "inspect",
    "grow",
    "open",
    "customise",
    "boot-loader",
    "seal",
    "write-back",
    "convert",
    "upload",
)
_TIMEOUT_S = 600
# What a run starts; the test's own shell is none of it.
_PROGRAMS = "[r]etrofit run|[b]wrap|[s]lirp4netns|[q]emu-|[d]ebugfs|[a]pt-get"


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[deployment.Deployment]:
    with deployment.ready(pack.charm(), tmp_path_factory.mktemp("hooks")) as ready:
        deployment.upload_base(ready.cloud, base_images.noble())
        scenarios.deployed_without_cloud(ready)
        scenarios.ready_with_cloud(ready)
        ready.configure(image_definitions=_IMAGE, proof_depth="rest")
        yield ready


@pytest.mark.parametrize("step", _STEPS)
def test_action_cancels(driver: deployment.Deployment, step: str) -> None:
    begun = driver.act("retrofit-image", force=True, wait=False)
    assert begun.status == "completed", begun
    _await_step(driver, step)

    outcome = driver.act("cancel-run")

    assert (outcome.status, outcome.results) == ("completed", {"cancelled": "running"})
    _check_nothing_left(driver)


def _await_step(driver: deployment.Deployment, step: str) -> None:
    """Wait until a run is in a step or has just left it."""
    result = f"/var/lib/{_PROJECT}/*/result.json"
    seen = f'grep -q running {result} && grep -qE \'"(step|name)": ?"{step}"\' {result}'
    _shell(driver, f"until {seen}; do sleep 0.05; done")


def _check_nothing_left(driver: deployment.Deployment) -> None:
    """Look for work directories, mounts, programs, images and failed units of a run."""
    work = f"/var/cache/{_PROJECT}/*/work"
    assert _shell(driver, f"find {work} -mindepth 1 -not -name '*.lock'") == ""
    assert _shell(driver, f"grep {work.replace('*', '.*')} /proc/mounts || true") == ""
    assert _shell(driver, f"pgrep -af '{_PROGRAMS}' || true") == ""
    assert _shell(driver, f"systemctl list-units --failed --plain --no-legend '{_PROJECT}*'") == ""
    assert [each["status"] for each in driver.images()] == ["active"]
    driver.agent.update_status()
    assert driver.status().status == "active"
    assert "the last run was cancelled" in driver.status().message


def _shell(driver: deployment.Deployment, script: str) -> str:
    container = driver.agent.machine.container
    return container.run(["sh", "-c", script], timeout_s=_TIMEOUT_S).stdout
