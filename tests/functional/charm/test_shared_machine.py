"""Two applications on one machine: neither touches what the other has, and nothing stays."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from tests import scenarios
from tests.support.base_images import base_images
from tests.support.charm import deployment, pack

pytestmark = [pytest.mark.in_order, pytest.mark.slow]

_PROJECT = "octavia-diskimage-retrofit"
_MARK = "/root/before"
# What Juju's agent and systemd write as they run.
_OF_OTHERS = "/(var/(lib/juju|lib/systemd|log)/|usr/bin/juju-exec)"
_TIMEOUT_S = 60


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[deployment.Deployment]:
    with deployment.ready(pack.charm(), tmp_path_factory.mktemp("hooks")) as ready:
        deployment.upload_base(ready.cloud, base_images.noble())
        deployment.upload_base(
            ready.cloud,
            base_images.debian_cloud(),
            os_version="13",
            product_name="org.debian.cloud.daily:server:13:amd64",
        )
        yield ready


@pytest.fixture(scope="module")
def second(first: deployment.Deployment) -> Iterator[deployment.Deployment]:
    with deployment.beside(first, "retrofit-weekly") as ready:
        yield ready


def test_each_has_its_own(first: deployment.Deployment, second: deployment.Deployment) -> None:
    for each, series, tag, frequency in (
        (first, "bookworm", "one", "daily"),
        (second, "trixie", "two", "weekly"),
    ):
        scenarios.deployed_without_cloud(each)
        _shell(each, f"test -e {_MARK} || touch {_MARK}")
        scenarios.ready_with_cloud(each)
        each.configure(retrofit_series=series, amp_image_tag=tag)
        each.configure(frequency=frequency, auto_retrofit=True)

    for each, version, tag in ((first, "12", "one"), (second, "13", "two")):
        planned = each.act("plan")
        assert planned.status == "completed", planned
        assert f"no image of this project has the tag {tag}" in planned.results["summary"]
        assert f":{version}:" in planned.results["base"]
    timers = f"systemctl list-timers --no-legend '{_PROJECT}@*'"
    assert len(_shell(first, timers).splitlines()) == 2


def test_a_command_ends_with_its_action(first: deployment.Deployment) -> None:
    units = f"systemctl list-units --all --plain --no-legend '{_PROJECT}-*'"
    ended: list[scenarios.Outcome] = []
    action = threading.Thread(target=lambda: ended.append(first.act("plan")))
    action.start()
    _until(lambda: "-action@" in _shell(first, units))

    # As Juju cancels an action.
    _shell(first, f"kill -9 $(pgrep -f '{first.agent.machine.tag}/charm/src/[c]harm.py')")
    action.join()

    assert ended[0].status == "failed"
    _until(lambda: "@" not in _shell(first, f"{units} | grep -v next@"))


def test_removing_one_leaves_the_other(
    first: deployment.Deployment, second: deployment.Deployment
) -> None:
    kept = f"cd /var/lib/{_PROJECT}/*-retrofit-0 && sha256sum request.json clouds.yaml"
    before = _shell(first, kept)
    assert before

    second.remove()

    assert _left(second, second.agent.machine.tag.removeprefix("unit-")) == []
    assert _shell(first, kept) == before
    first.agent.update_status()
    assert first.status().status == "active"
    assert "daily" in _shell(first, f"systemctl cat '{_PROJECT}@*.timer'")


def test_nothing_is_left_of_both(first: deployment.Deployment) -> None:
    first.remove()

    assert _left(first, _PROJECT) == []
    newer = f"find / -xdev -newer {_MARK} -type f | grep -vE '^{_OF_OTHERS}'"
    assert _shell(first, newer).split() == []
    units = "systemctl list-units --all --plain --no-legend '*retrofit*'"
    assert _shell(first, units) == ""


def _shell(on: deployment.Deployment, script: str) -> str:
    return on.shell(on.units[0], f"{script} || true")


def _left(on: deployment.Deployment, name: str) -> list[str]:
    """Return all whose name has a part, outside of what is Juju's."""
    found = _shell(on, f"find / -xdev -name '*{name}*' -not -path '/proc/*' -not -path '/sys/*'")
    return [path for path in found.split() if not path.startswith("/var/lib/juju/")]


def _until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _TIMEOUT_S
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.2)
