"""The story of the charm on Debian 13: systemd 257, apt 3.0, Python 3.13.

What happens in Glance alone is left out, and images are proven at rest only: the story on the
host's own release has the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from unittest import mock

import pytest
from tests import scenarios
from tests.support.charm import deployment, pack_elsewhere

pytestmark = [pytest.mark.in_order, pytest.mark.slow]

_SERIES = "trixie"
_SCENARIOS = (
    scenarios.deployed_without_cloud,
    scenarios.ready_with_cloud,
    scenarios.first_image_is_planned,
    scenarios.image_is_published,
    scenarios.same_image_is_not_built_again,
    scenarios.image_is_proved_again,
    scenarios.image_is_shown,
    scenarios.timer_starts_a_run,
    scenarios.window_holds_runs_back,
    scenarios.service_that_cannot_begin_is_reported,
    scenarios.leader_has_the_timer,
    scenarios.upgrade_keeps_what_is_there,
    scenarios.changes_in_a_row_make_one_run,
    scenarios.nothing_is_left,
)


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[deployment.Deployment]:
    packed, logs = pack_elsewhere.charm(_SERIES), tmp_path_factory.mktemp("hooks")
    with (
        mock.patch.object(scenarios, "DEEPEST", scenarios.SHALLOWEST),
        deployment.ready(packed, logs, series=_SERIES) as ready,
    ):
        # What is retrofitted by default is the newest release that the machine knows of.
        deployment.upload_trixie(ready.cloud)
        yield ready


def test_machine_is_of_that_release(driver: deployment.Deployment) -> None:
    shown = driver.shell(driver.units[0], ". /etc/os-release && echo $VERSION_CODENAME")
    assert shown.strip() == _SERIES


@pytest.mark.parametrize("scenario", _SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_scenario(
    driver: deployment.Deployment, scenario: Callable[[scenarios.Driver], None]
) -> None:
    scenario(driver)
