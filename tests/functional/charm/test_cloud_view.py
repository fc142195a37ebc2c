"""What a unit knows of its cloud, asked of a real Keystone and Glance."""

from __future__ import annotations

import dataclasses
import datetime
import os
import pathlib
import sys
import uuid
from collections.abc import Callable

import pytest
from tests.support import paths
from tests.support.cloud import cloud as support
from tests.support.cloud import interceptor
from tests.support.host import authority

from options import config, request
from retrofit import model
from retrofit.provenance import marks
from workload import cloud_view, names, unit

Ask = Callable[..., cloud_view.View]

OWN = names.Names("octavia-diskimage-retrofit/0")
_HOUR = datetime.timedelta(hours=1)


@dataclasses.dataclass
class Unit:
    """A unit of the charm in a cloud.

    Attributes:
        workload: What it keeps on its machine.
        cloud: The cloud as keystone describes it.
        authority: The authority that the relation to it gives.
        tag: The option amp-image-tag.
        store: The machine's certificate store.
    """

    workload: unit.Workload
    cloud: request.Cloud
    authority: str
    tag: str
    store: pathlib.Path

    def seen(self, **changes: str) -> cloud_view.View:
        """Return what the unit knows after its settings have changed."""
        authority = request.ca_path(OWN.state, self.authority)
        cloud = dataclasses.replace(self.cloud, ca_certificate=authority, **changes)
        wanted = request.compute(
            config.load({"amp-image-tag": self.tag, "region": cloud.region}),
            proxies=model.Proxies(),
            ca_certificate=authority,
            directories=OWN.directories(),
        )
        self.workload.configure(wanted, cloud, self.authority)
        self.workload.ask_cloud(_HOUR)
        view = self.workload.seen()
        assert view is not None
        return view


@pytest.fixture
def in_cloud(
    running_cloud: support.Cloud, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> Unit:
    """A unit that has what it needs, and a certificate store with nothing in it."""
    charm, store = tmp_path / "charm", tmp_path / "store.pem"
    python = charm / "venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nSSL_CERT_FILE={store} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    (charm / "src").symlink_to(paths.REPOSITORY / "src")
    (charm / "templates").symlink_to(paths.REPOSITORY / "templates")
    store.touch()
    for name in ("STATES", "CACHES"):
        monkeypatch.setattr(names, name, tmp_path / name.lower())
    auth = running_cloud.authentication(support.RETROFIT)
    cloud = request.Cloud(
        name=request.CLOUD,
        auth_url=auth["auth_url"],
        username=auth["username"],
        password=auth["password"],
        project=auth["project_name"],
        user_domain=auth["user_domain_name"],
        project_domain=auth["project_domain_name"],
        region=support.REGION,
        interface="public",
        ca_certificate="",
        image_endpoint="",
    )
    workload = unit.Workload(charm, OWN)
    return Unit(workload, cloud, running_cloud.ca_path.read_text(), f"tag-{uuid.uuid4()}", store)


def test_nothing_is_wrong_and_no_image_is_there(in_cloud: Unit):
    view = in_cloud.seen()

    assert (view.problem, view.current) == ("", ())
    assert (OWN.state / cloud_view.NAME).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("tag", ["tag", ""])
def test_knows_the_image_that_another_unit_made(
    in_cloud: Unit, running_cloud: support.Cloud, tmp_path: pathlib.Path, tag: str
):
    in_cloud.tag = tag and in_cloud.tag
    file = tmp_path / "image.raw"
    file.write_bytes(os.urandom(1000))
    made = running_cloud.upload_base(
        file,
        name="amphora-haproxy",
        visibility="private",
        disk_format="raw",
        who=support.RETROFIT,
        **{marks.FINGERPRINT: "of its inputs"},
    )
    with running_cloud.connect(support.RETROFIT) as connection:
        for each in {marks.OWN_TAG, in_cloud.tag} - {""}:
            connection.image.add_tag(made, each)
    try:
        view = in_cloud.seen()
    finally:
        with running_cloud.admin() as admin:
            admin.image.delete_image(made)

    assert [(image.id, image.name) for image in view.current] == [(made, "amphora-haproxy")]
    assert view.current[0].created_at is not None


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        pytest.param(
            {"password": "wrong"},
            "the credentials are refused; check the user that keystone gave on "
            "identity-credentials",
            id="password",
        ),
        pytest.param(
            {"region": "Nowhere"},
            "the cloud's catalog has no region Nowhere; set the option region to one of: "
            "RegionOne",
            id="region",
        ),
        pytest.param(
            {"auth_url": "https://127.0.0.1:1/v3"},
            "cannot connect to https://127.0.0.1:1: no connection",
            id="endpoint",
        ),
        pytest.param(
            {"image_endpoint": "http://127.0.0.1:1"},
            "cannot connect to http://127.0.0.1:1: no connection",
            id="glance",
        ),
    ],
)
def test_says_what_is_wrong_and_sees_when_it_is_not(
    in_cloud: Unit, changes: dict[str, str], told: str
):
    assert told in in_cloud.seen(**changes).problem
    assert "wrong" not in (OWN.state / cloud_view.NAME).read_text()

    assert in_cloud.seen().problem == ""


def test_an_authority_counts_as_soon_as_the_machine_trusts_it(
    in_cloud: Unit, running_cloud: support.Cloud
):
    in_cloud.authority = ""
    view = in_cloud.seen()
    assert "signed by CN=Test cloud authority, an authority that is not trusted" in view.problem
    assert view.problem.endswith(
        "; relate certificates to this authority, or add it to the machine's certificate store"
    )

    in_cloud.store.write_bytes(running_cloud.ca_path.read_bytes())

    assert in_cloud.seen().problem == ""


def test_one_authority_of_the_relation_and_one_of_the_machine_s(
    in_cloud: Unit, running_cloud: support.Cloud, tmp_path: pathlib.Path
):
    """Keystone's and Glance's: neither store replaces the other."""
    (tmp_path / "other").mkdir()
    other = authority.Authority(tmp_path / "other")
    with interceptor.intercepting(running_cloud, other.issue("glance")) as glance:
        glance.doom(0, fatal=0)
        view = in_cloud.seen(image_endpoint=glance.url)
        assert view.problem.startswith(f"cannot verify {glance.url}")

        in_cloud.store.write_bytes(other.path.read_bytes())

        assert in_cloud.seen(image_endpoint=glance.url).problem == ""
        assert any("GET /v2/images" in asked for asked in glance.requests)


def test_asks_once(in_cloud: Unit):
    asked = in_cloud.seen().asked

    assert in_cloud.seen().asked == asked
    in_cloud.tag = "another"
    assert in_cloud.seen().asked > asked
