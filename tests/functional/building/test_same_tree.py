"""Whoever builds an image gets the same one, and the same as by apt-get, without the engine."""

from __future__ import annotations

import json
import pathlib
import shutil
from collections.abc import Iterator

import pytest
from tests.support.building import contents, plain_install
from tests.support.cli import ordinary_user
from tests.support.proof import images

_BUILD_TIMEOUT_S = 1800

# What a build does after packages are installed, and so plain apt-get does not: what Octavia's
# elements and ours put in place, change, enable and disable, ...
_BY_ELEMENTS = (
    "/etc/NetworkManager/conf.d*",
    "/etc/apt/apt.conf.d/99no-automatic-changes",
    "/etc/cloud/cloud.cfg.d/9?-*.cfg",
    "/etc/default/grub.d/zz-boot-parameters.cfg",
    "/etc/dhcp/dhclient-enter-hooks.d/*",
    "/etc/fstab",
    "/etc/modules-load.d/amphora.conf",
    "/etc/nsswitch.conf",
    "/etc/octavia",
    "/etc/octavia/certs",
    "/etc/rc?.d/[KS]01haproxy",
    "/etc/rc?.d/[KS]01keepalived",
    "/etc/rc?.d/[KS]01octavia-agent*",
    "/etc/resolv.conf",
    "/etc/rsyslog.d/55-octavia-socket.conf",
    "/etc/sysctl.d/*.conf",
    "/etc/systemd/system/multi-user.target.wants/amphora-agent.service",
    "/etc/systemd/system/multi-user.target.wants/haproxy.service",
    "/etc/systemd/system/multi-user.target.wants/keepalived.service",
    "/etc/systemd/system/multi-user.target.wants/octavia-agent.service",
    "/etc/systemd/system/multi-user.target.wants/prometheus-proxy.service",
    "/etc/systemd/system/amphora-agent.service*",
    "/etc/systemd/system/apt-daily*",
    "/etc/systemd/system/certs-ramfs.service.d*",
    "/etc/systemd/system/chrony-wait.service",
    "/etc/systemd/system/octavia-agent*.service*",
    "/etc/systemd/system/prometheus-proxy.service",
    "/etc/systemd/system/systemd-*.service",
    "/etc/systemd/system/unattended-upgrades.service",
    "/usr/lib/systemd/system/certs-ramfs.service",
    "/usr/local/bin/*",
    "/var/lib/apt/extended_states",  # of the base's packages, too, they ask for some
    "/var/lib/octavia/haproxy-default-user-group.conf",
    "/var/lib/octavia/ping-wrapper.sh",
)
# ... and what it takes away.
_SEALED_AWAY = (
    "/run/*",
    "/var/cache/*",
    "/var/lib/apt/lists/*",
    "/var/log/*",
)
# What holds the order in which packages were installed.
_VOLATILE = (
    "/var/cache/man/*index.db",
    "/var/lib/dpkg/status-old",
)


@pytest.fixture(scope="module")
def roots() -> contents.Contents:
    """What is in the image that root made."""
    return contents.read(images.amphora().path)


@pytest.fixture(scope="module")
def plain(roots: contents.Contents) -> contents.Contents:
    """What is in its base after ``apt-get install`` of the same packages."""
    base = images.amphora().base
    new = roots.packages.keys() - contents.read(base).packages.keys()
    return plain_install.made(base, new - roots.automatic)


@pytest.fixture(scope="module")
def users_image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pathlib.Path]:
    """The second image that an ordinary user made from the base of :func:`images.amphora`.

    Its packages come from the first one's layer, which was installed for another size of disk.
    """
    base = images.amphora().base
    kept = tmp_path_factory.mktemp("users") / "amphora.qcow2"
    with ordinary_user.user() as user:
        made = user.home / "amphora.qcow2"
        for options in (["--root-size", "5G"], []):
            made.unlink(missing_ok=True)
            done = user.retrofit(
                *("image", "--json", *options, user.home / "reads" / base.name, made),
                reads=base.parent,
                timeout_s=_BUILD_TIMEOUT_S,
            )
            assert done.returncode == 0, done.stderr
            assert json.loads(done.stdout)["image"]["size"] == made.stat().st_size
            assert made.owner() == user.name
        layers = user.home / ".cache" / "octavia-diskimage-retrofit" / "layers"
        assert len([path for path in layers.iterdir() if path.is_dir()]) == 1
        shutil.move(made, kept)
    yield kept
    kept.unlink()


@pytest.mark.slow
def test_user_and_root_get_the_same(users_image: pathlib.Path, roots: contents.Contents) -> None:
    users = contents.read(users_image)

    assert users.packages == roots.packages
    assert _differing(users, roots) == set()


def test_packages_are_as_apt_installs_them(
    roots: contents.Contents, plain: contents.Contents
) -> None:
    assert roots.packages == plain.packages


@pytest.mark.slow
def test_files_are_as_apt_installs_them(
    roots: contents.Contents, plain: contents.Contents
) -> None:
    lost = plain.entries.keys() - roots.entries.keys()
    others = _differing(roots, plain) - lost

    assert contents.unexplained(lost, (*_BY_ELEMENTS, *_SEALED_AWAY)) == []
    assert contents.unexplained(others, (*_BY_ELEMENTS, *_VOLATILE)) == []


def _differing(one: contents.Contents, other: contents.Contents) -> set[str]:
    """Return the paths at which only one has anything, or each something else."""
    return {
        path
        for path in one.entries.keys() | other.entries.keys()
        if one.entries.get(path) != other.entries.get(path)
    }
