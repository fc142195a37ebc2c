"""The project's own elements: what their files promise one another."""

from __future__ import annotations

import configparser
import pathlib

from retrofit.recipes.amphora import recipe

_AGENT = pathlib.Path(recipe.__file__).parent / "elements" / "amphora-agent-service"


def test_the_prometheus_proxy_starts_only_where_the_agent_has_one() -> None:
    unit = configparser.RawConfigParser(strict=False)
    unit.read(_AGENT / "units/prometheus-proxy.service", encoding="utf-8")
    assert unit["Service"]["ExecStart"] == unit["Unit"]["ConditionFileIsExecutable"]
