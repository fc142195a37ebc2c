"""A unit that has built nothing yet: checked against its cloud, paused, resumed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests import scenarios
from tests.support.charm import deployment

pytestmark = [pytest.mark.in_order, pytest.mark.slow]

_SCENARIOS = (
    scenarios.deployed_without_cloud,
    scenarios.ready_with_cloud,
    scenarios.unit_is_checked,
    scenarios.paused_unit_begins_nothing,
    scenarios.nothing_is_left,
)


@pytest.mark.parametrize("scenario", _SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_scenario(
    driver: deployment.Deployment, scenario: Callable[[scenarios.Driver], None]
) -> None:
    scenario(driver)
