"""The packages that builds need: which they are, and how apt brings them."""

from __future__ import annotations

import pathlib
import subprocess

import pytest

from retrofit import model
from workload import debian, packages


@pytest.fixture
def apt_proxy(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """The file by which apt is told of proxies."""
    path = tmp_path / "99proxy"
    monkeypatch.setattr(packages, "_APT_PROXY", path)
    return path


def test_asks_dpkg_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "wanted", lambda: ["dpkg", "libc6", "no-such-package"])

    assert packages.missing() == ["no-such-package"]


def test_apt_goes_through_the_models_proxies_for_a_moment(
    apt_proxy: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr(packages, "wanted", lambda: ["libc6", "no-such-package"])
    monkeypatch.setattr(
        debian.fetch, "apt_update", lambda **_: seen.append(apt_proxy.read_text("utf-8"))
    )
    monkeypatch.setattr(debian.fetch, "apt_install", lambda names, *_, **__: seen.append(names))

    packages.install(model.Proxies(http="http://proxy.example:3128"))

    assert seen == ['Acquire::http::Proxy "http://proxy.example:3128";\n', ["no-such-package"]]
    assert not apt_proxy.exists()


def test_a_proxys_password_that_a_killed_hook_left_goes(
    apt_proxy: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "wanted", lambda: ["libc6"])
    apt_proxy.write_text('Acquire::http::Proxy "http://user:secret@proxy";\n')

    packages.install(model.Proxies())

    assert not apt_proxy.exists()


def test_a_failing_apt_is_named(apt_proxy: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise subprocess.CalledProcessError(100, ["apt-get"])

    monkeypatch.setattr(packages, "wanted", lambda: ["libc6", "no-such-package"])
    monkeypatch.setattr(debian.fetch, "apt_update", fail)

    with pytest.raises(packages.InstallError, match="cannot install no-such-package .*status 100"):
        packages.install(model.Proxies(http="http://proxy.example:3128"))

    assert not apt_proxy.exists()


def test_proxies_are_those_of_the_juju_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUJU_CHARM_HTTP_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("JUJU_CHARM_HTTPS_PROXY", "http://proxy.example:3129")
    monkeypatch.setenv("JUJU_CHARM_NO_PROXY", "localhost")

    assert packages.proxies() == model.Proxies(
        http="http://proxy.example:3128", https="http://proxy.example:3129", no_proxy="localhost"
    )


@pytest.mark.parametrize(
    ("machine", "wanted", "other"),
    [("x86_64", "qemu-system-x86", "qemu-system-arm"), ("aarch64", "qemu-system-arm", "-x86")],
)
def test_the_hypervisor_is_that_of_the_machine(
    monkeypatch: pytest.MonkeyPatch, machine: str, wanted: str, other: str
) -> None:
    monkeypatch.setattr(packages.platform, "machine", lambda: machine)

    names = packages.wanted()

    assert wanted in names
    assert not [name for name in names if name.endswith(other)]


def test_a_kernel_is_wanted_only_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages.platform, "freedesktop_os_release", lambda: {"ID": "ubuntu"})
    monkeypatch.setattr(pathlib.Path, "glob", lambda *_: iter(()))
    assert "linux-image-virtual" in packages.wanted()
    assert "linux-image-cloud-amd64" not in packages.wanted()

    monkeypatch.setattr(pathlib.Path, "glob", lambda *_: iter((pathlib.Path("/boot/vmlinuz-1"),)))
    assert not [name for name in packages.wanted() if name.startswith("linux-image")]
    assert "e2fsprogs" in packages.wanted()
