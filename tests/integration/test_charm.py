"""The scenarios on the present Juju controller."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests import scenarios

pytestmark = pytest.mark.in_order


@pytest.mark.parametrize("scenario", scenarios.ALL, ids=lambda scenario: scenario.__name__)
def test_scenario(driver: scenarios.Driver, scenario: Callable[[scenarios.Driver], None]) -> None:
    scenario(driver)
