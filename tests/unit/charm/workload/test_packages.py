"""The packages that builds need: which they are, and how apt brings them."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence

import pytest

from retrofit import errors, model
from retrofit.host import process
from workload import packages


class Machine:
    """A machine whose apt and dpkg end as told.

    Attributes:
        ran: What was run, without its options, and with which proxy.
        says: What a program prints that fails, by its name or verb.
    """

    def __init__(self) -> None:
        self.ran: list[tuple[str, str]] = []
        self.says: dict[str, tuple[str, ...]] = {}

    def run(
        self, argv: Sequence[str], *, extra_environment: Mapping[str, str], **_: object
    ) -> process.Completed:
        words = [word for word in argv if not word.startswith("--option=")]
        self.ran.append((" ".join(words), extra_environment.get("http_proxy", "")))
        for name, lines in self.says.items():
            if name in words:
                raise errors.CommandError("apt-get failed with status 100", details=lines)
        return process.Completed(tuple(argv), 0, "", ())


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine()
    monkeypatch.setattr(process, "run", made.run)
    return made


def test_asks_dpkg_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "wanted", lambda: ["dpkg", "libc6", "no-such-package"])

    assert packages.missing() == ["no-such-package"]


def test_what_a_killed_hook_left_half_installed_is_mended_first(machine: Machine) -> None:
    machine.says["dpkg"] = ("dpkg: error: dpkg frontend lock was locked by process 7",)

    packages.install(["mtools", "fdisk"], model.Proxies(http="http://proxy.example:3128"))

    apt = "apt-get --yes"
    assert machine.ran == [
        (words, "http://proxy.example:3128")
        for words in (
            "dpkg --configure -a",
            f"{apt} update",
            f"{apt} --no-install-recommends install mtools fdisk",
        )
    ]


def test_lists_that_are_there_may_do(machine: Machine) -> None:
    machine.says["update"] = ("E: Failed to fetch http://ppa.example  404  Not Found",)

    packages.install(["mtools"], model.Proxies())


@pytest.mark.parametrize(
    ("says", "told"),
    [
        (
            {
                "update": (
                    "Err:1 http://a.example noble InRelease",
                    "E: Failed to fetch http://a.example/InRelease  Could not connect to a.com",
                    "E: Some index files failed to download.",
                ),
                "install": ("E: Unable to locate package mtools",),
            },
            "cannot install mtools: Failed to fetch http://a.example/InRelease Could not connect "
            "to a.com; check the unit's apt sources and proxies",
        ),
        (
            {
                "install": (
                    "dpkg: error processing package mtools (--configure):",
                    " installed mtools package post-installation script returned error 1",
                    "E: Sub-process /usr/bin/dpkg returned an error code (1)",
                )
            },
            "cannot install mtools: dpkg: error processing package mtools (--configure): "
            "installed mtools package post-installation script returned error 1; "
            "see /var/log/apt/term.log",
        ),
        (
            {"install": ()},
            "cannot install mtools: apt-get failed with status 100; see /var/log/apt/term.log",
        ),
    ],
)
def test_what_apt_says_of_its_failure_is_told(
    machine: Machine, says: dict[str, tuple[str, ...]], told: str
) -> None:
    machine.says = says

    with pytest.raises(packages.InstallError) as caught:
        packages.install(["mtools"], model.Proxies())

    assert str(caught.value) == told


def test_a_list_of_packages_fits_into_a_status(machine: Machine) -> None:
    machine.says["install"] = ()

    with pytest.raises(packages.InstallError, match="^cannot install a, b, c and 2 more packages"):
        packages.install(list("abcde"), model.Proxies())


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
