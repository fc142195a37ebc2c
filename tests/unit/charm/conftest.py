"""A Juju in memory, and the charm that runs in it."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest
import yaml
from ops import testing
from tests.support import paths
from tests.unit.charm import charm_fakes

import charm
from actions import runs


def _yaml(name: str) -> dict[str, Any]:
    path: pathlib.Path = paths.REPOSITORY / name
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.fixture
def retrofit() -> charm_fakes.Engine:
    """An engine that answers as told, which the charm uses."""
    return charm_fakes.Engine()


@pytest.fixture
def imports() -> charm_fakes.ImageFiles:
    """The runs of image files in memory, which the charm uses."""
    return charm_fakes.ImageFiles()


@pytest.fixture
def fake(
    monkeypatch: pytest.MonkeyPatch,
    imports: charm_fakes.ImageFiles,
    retrofit: charm_fakes.Engine,
) -> charm_fakes.Workload:
    """A workload in memory, which the charm uses."""
    fake = charm_fakes.Workload()
    charm_fakes.use(monkeypatch, fake, imports, retrofit)
    monkeypatch.setattr(runs, "_POLL_S", 0)
    return fake


@pytest.fixture
def context(fake: charm_fakes.Workload) -> testing.Context[charm.RetrofitCharm]:
    """A Juju that runs the charm with its three metadata files."""
    return testing.Context(
        charm.RetrofitCharm,
        meta=_yaml("charmcraft.yaml"),
        actions=_yaml("actions.yaml"),
        config=_yaml("config.yaml"),
    )


@pytest.fixture
def keystone() -> testing.Relation:
    """The relation to a keystone that has answered, with the keys its charm really sends."""
    return testing.Relation(
        "identity-credentials",
        interface="keystone-credentials",
        remote_app_name="keystone",
        remote_units_data={
            0: {
                "auth_host": "10.1.0.5",
                "auth_port": "35357",
                "auth_protocol": "https",
                "credentials_host": "10.1.0.5",
                "credentials_port": "5000",
                "credentials_protocol": "https",
                "credentials_username": "octavia-diskimage-retrofit",
                "credentials_password": charm_fakes.PASSWORD,
                "credentials_project": "services",
                "credentials_project_id": "e1b0",
                "api_version": "3",
                "region": "RegionOne",
                "domain": "service_domain",
                "credentials_user_domain_name": "service_domain",
                "credentials_user_domain_id": "d1",
                "credentials_project_domain_name": "service_domain",
                "credentials_project_domain_id": "d1",
            }
        },
    )
