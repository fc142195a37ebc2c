"""What the brief check of a cloud's access finds: against a real Keystone and Glance."""

from __future__ import annotations

import contextlib
import pathlib
import socket
import time
import uuid
from collections.abc import Callable, Iterator

import pytest
import yaml
from tests.support.cloud import cloud as support
from tests.support.cloud import cloud_template

from retrofit import cloud
from retrofit.cloud import access
from retrofit.model import diagnosis

Ask = Callable[..., dict[str, diagnosis.Finding]]


@pytest.fixture
def ask(
    running_cloud: support.Cloud, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> Ask:
    """Return how to have the access checked, with changes to the settings."""

    def check(
        auth: dict[str, str] | None = None,
        options: cloud.Options = cloud.Options("mine"),  # noqa: B008 -- frozen
        **changes: str | bool | None,
    ) -> dict[str, diagnosis.Finding]:
        entry = {
            "auth": running_cloud.authentication(support.RETROFIT) | (auth or {}),
            "region_name": support.REGION,
            "cacert": str(running_cloud.ca_path),
        } | changes
        kept = {key: value for key, value in entry.items() if value is not None}
        path = tmp_path / "clouds.yaml"
        path.write_text(yaml.safe_dump({"clouds": {"mine": kept}}))
        monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(path))
        return {found.check: found for found in access.check(options)}

    return check


def _failed(found: dict[str, diagnosis.Finding]) -> list[str]:
    return [name for name, each in found.items() if each.outcome is diagnosis.Outcome.FAILED]


def test_all_is_well(ask: Ask, running_cloud: support.Cloud):
    found = ask()

    assert list(found) == list(access.CHECKS)
    assert {each.outcome for each in found.values()} == {diagnosis.Outcome.OK}
    trusted = f"is signed by CN=Test cloud authority, which is in {running_cloud.ca_path}"
    assert str(found["identity-authority"]).endswith(trusted)
    assert str(found["image-authority"]).endswith(trusted)


def test_the_store_of_the_system_is_named(
    ask: Ask, running_cloud: support.Cloud, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SSL_CERT_FILE", str(running_cloud.ca_path))
    assert str(ask()["identity-authority"]).endswith("which is in the system's store")


@pytest.mark.parametrize(
    ("changes", "check", "says"),
    [
        ({"auth": {"password": "wrong"}}, "credentials", "the credentials are refused; check"),
        ({"cacert": None}, "identity-authority", "CN=Test cloud authority, an authority that is"),
        ({"cacert": "/etc/hostname"}, "identity-authority", "/etc/hostname has no CA cert"),
        ({"cacert": "/none.pem"}, "identity-authority", "cannot read the CA certificate /none"),
        (
            {"options": cloud.Options("mine", region="Nowhere")},
            "region",
            "the cloud's catalog has no region Nowhere; use one of its: RegionOne",
        ),
        (
            {"options": cloud.Options("mine", interface="admin")},
            "image-endpoint",
            "has no admin endpoint; it has: internal, public",
        ),
        ({"options": cloud.Options("theirs")}, "settings", "Cloud theirs was not found; name"),
    ],
)
def test_what_is_wrong_is_one_finding(ask: Ask, changes: dict[str, object], check: str, says: str):
    started = time.monotonic()
    found = ask(**changes)

    assert time.monotonic() - started < 20
    assert _failed(found) == [check]
    assert says in str(found[check])
    assert "wrong" not in str(found[check])


def test_nobody_listens(ask: Ask):
    found = ask({"auth_url": f"https://127.0.0.1:{cloud_template.free_port()}/v3"})

    assert _failed(found) == ["identity-endpoint"]
    assert "Connection refused; check the address" in str(found["identity-endpoint"])
    assert str(found["publishing"]) == "identity-endpoint failed"


def test_a_server_that_says_nothing_is_waited_for_once(ask: Ask, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(access, "TIMEOUT_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()
        found = ask({"auth_url": f"https://127.0.0.1:{silent.getsockname()[1]}/v3"})

    assert time.monotonic() - started < 10
    assert _failed(found) == ["identity-authority"]


@pytest.mark.parametrize(
    ("role", "outcome", "says"),
    [
        ("reader", "failed", "roles reader: Glance lets them only read images; grant"),
        ("member", "ok", "roles member, reader: Glance lets them create"),
        ("service", "not checked", "roles service: only Glance knows what they may"),
    ],
)
def test_the_rights_to_publish(
    ask: Ask, running_cloud: support.Cloud, role: str, outcome: str, says: str
):
    with _user(running_cloud, role) as name:
        found = ask({"username": name})

    assert (found["publishing"].outcome.value, str(found["publishing"])[: len(says)]) == (
        outcome,
        says,
    )


@contextlib.contextmanager
def _user(running_cloud: support.Cloud, role: str) -> Iterator[str]:
    """Give a user of the services' project with one role."""
    with running_cloud.admin() as admin:
        identity = admin.identity
        domain = identity.find_domain(support.SERVICE_DOMAIN)
        project = identity.find_project(support.SERVICE_PROJECT, domain_id=domain.id)
        user = identity.create_user(
            name=uuid.uuid4().hex, password=support.PASSWORD, domain_id=domain.id
        )
        identity.assign_project_role_to_user(project, user, identity.find_role(role))
        try:
            yield user.name
        finally:
            identity.delete_user(user)
