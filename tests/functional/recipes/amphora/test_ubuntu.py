"""An amphora of what passes for Ubuntu: built, proven and planned, archives in their place.

docs/explanation/ubuntu-in-tests.md says what that does not prove.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest
from debian import deb822
from tests.support import scratch
from tests.support.base_images import ubuntu_bases
from tests.support.building import contents, ubuntu_archive, ubuntu_hosts, ubuntu_packages
from tests.support.cli import command
from tests.support.cloud import cloud

from retrofit import model
from retrofit.recipes.amphora import octavia_elements

_SUITES = ("{0}", "{0}-updates", "{0}-security", "{0}-backports")


@dataclasses.dataclass
class Published:
    """An amphora in Glance.

    Attributes:
        series: Of what.
        hosts: Where its packages come from.
        place: Directory of whoever made it.
        clouds: Their clouds.yaml.
        result: How the run ended that made it.
        image: The image.
        root: Its files.
    """

    series: ubuntu_archive.Series
    hosts: ubuntu_hosts.Hosts
    place: pathlib.Path
    clouds: pathlib.Path
    result: dict[str, Any]
    image: pathlib.Path
    root: pathlib.Path

    def packages(self) -> dict[str, str]:
        """Return the versions of the installed packages."""
        with (self.root / "var/lib/dpkg/status").open() as status:
            found = list(deb822.Deb822.iter_paragraphs(status, use_apt_pkg=False))
        return {
            one["Package"]: one["Version"] for one in found if one["Status"].endswith(" installed")
        }

    def read(self, path: str) -> str:
        """Return the text of one of its files."""
        return (self.root / path).read_text()


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(ubuntu_archive.JAMMY, id="jammy", marks=pytest.mark.slow),
        pytest.param(ubuntu_archive.NOBLE, id="noble"),
        pytest.param(ubuntu_archive.RESOLUTE, id="resolute", marks=pytest.mark.slow),
    ],
)
def published(request: pytest.FixtureRequest, running_cloud: cloud.Cloud) -> Iterator[Published]:
    series = request.param
    base = ubuntu_bases.base(series)
    # The proxy knows Ubuntu's hosts only.
    octavia_elements.find(model.Proxies())
    with scratch.directory("ubuntu") as place, ubuntu_hosts.serving(series) as hosts:
        for name in ("work", "files", "look"):
            (place / name).mkdir()
        hosts.time = ubuntu_archive.Time.BUILD
        clouds = running_cloud.clouds_yaml(place / "clouds.yaml")
        wanted = {
            "source": str(base),
            "target": "glance:",
            "uca-pocket": series.openstack,
            "ppas": [ubuntu_archive.PPA],
            "http-proxy": hosts.url,
            "https-proxy": hosts.url,
            "ca-certificate": str(hosts.authority),
            "amp-image-tag": f"ubuntu-{series.name}",
            "depth": "rest",
            "cloud": cloud.RETROFIT,
            "work-dir": str(place / "work"),
            "cache-dir": str(place / "cache"),
        }
        (place / "amphora.json").write_text(json.dumps(wanted))
        found = Published(series, hosts, place, clouds, {}, place / "image", place / "look/root")
        ended = _retrofit(found, "run", place / "amphora.json", "--result", place / "result.json")
        assert ended.code == 0, ended.stderr
        assert ended.left == ()
        found.result = json.loads((place / "result.json").read_text())
        with running_cloud.admin() as admin:
            identifier = found.result["image"]["id"]
            admin.image.download_image(identifier, output=str(found.image))
        with contents.mounted(found.image, place / "look"):
            yield found


def _retrofit(published: Published, *words: str | pathlib.Path) -> command.Outcome:
    place = published.place
    with command.started(
        words,
        cwd=place / "files",
        work=place / "work",
        environment={"OS_CLIENT_CONFIG_FILE": str(published.clouds)},
    ) as running:
        return running.end()


def test_only_hosts_that_were_named_are_asked(published: Published) -> None:
    assert published.hosts.strangers == []


def test_systems_are_what_they_pass_for(published: Published) -> None:
    assert f'VERSION_ID="{published.series.version}"' in published.read("etc/os-release")
    # Partition 16 came with noble.
    has_boot = published.series is not ubuntu_archive.JAMMY
    assert ("LABEL=BOOT\t/boot\t" in published.read("etc/fstab")) == has_boot
    assert (published.root / "usr/bin/ls").is_symlink() == published.series.has_rust
    makers = {"dracut", "initramfs-tools"} & set(published.packages())
    assert makers == ({"dracut"} if published.series.has_rust else {"initramfs-tools"})


def test_sources_are_in_their_place_and_form(published: Published) -> None:
    series = published.series
    sources = _one_line if series is ubuntu_archive.JAMMY else _deb822
    assert sources(published) == {
        (suite.format(series.name), component)
        for suite in _SUITES
        for component in ubuntu_archive.COMPONENTS
    }
    cloud_line, ppa_line = (
        published.read(f"etc/apt/sources.list.d/{name}.list").rstrip("\n")
        for name in ("cloudarchive", "operators-amphora")
    )
    assert cloud_line == (
        f"deb [signed-by=/{ubuntu_archive.CLOUD_KEYRING}]"
        " http://ubuntu-cloud.archive.canonical.com/ubuntu"
        f" {series.name}-updates/{series.openstack} main"
    )
    assert ppa_line == (
        "deb [signed-by=/etc/apt/keyrings/operators-amphora.asc]"
        f" https://ppa.launchpadcontent.net/operators/amphora/ubuntu {series.name} main"
    )


def _one_line(published: Published) -> set[tuple[str, str]]:
    """Return the suites and components of Ubuntu's archive, where they are lines."""
    assert not (published.root / "etc/apt/sources.list.d/ubuntu.sources").exists()
    assert (published.root / ubuntu_archive.TRUSTED).exists()
    lines = [line.split() for line in published.read("etc/apt/sources.list").splitlines()]
    return {(line[2], component) for line in lines if line[0] == "deb" for component in line[3:]}


def _deb822(published: Published) -> set[tuple[str, str]]:
    """Return the suites and components of Ubuntu's archive, where they are stanzas."""
    text = published.read("etc/apt/sources.list.d/ubuntu.sources")
    stanzas = list(deb822.Deb822.iter_paragraphs(text, use_apt_pkg=False))
    assert {one["Signed-By"] for one in stanzas} == {f"/{ubuntu_archive.KEYRING}"}
    return {
        (suite, component)
        for stanza in stanzas
        for suite in stanza["Suites"].split()
        for component in stanza["Components"].split()
    }


def test_keys_are_those_of_their_archives(published: Published) -> None:
    keys = ubuntu_archive.archive(published.series) / "keys"
    assert published.read("etc/apt/keyrings/operators-amphora.asc") == (
        (keys / "ppa.asc").read_text()
    )
    for path, key in ((ubuntu_archive.KEYRING, "ubuntu"), (ubuntu_archive.CLOUD_KEYRING, "cloud")):
        assert (published.root / path).read_bytes() == (keys / f"{key}.gpg").read_bytes()


def test_packages_come_from_the_best_of_all_archives(published: Published) -> None:
    packages = published.packages()
    # The Cloud Archive has a newer Octavia than universe.
    assert packages["amphora-agent"] == published.series.cloud_octavia
    assert "octavia-agent" not in packages
    # Of -updates and -security, and beside it the kernel that the base image had.
    assert packages["linux-image-virtual"] == ubuntu_packages.NEWER_KERNEL
    kernels = [name for name in packages if name.startswith("linux-image-") and name[12].isdigit()]
    booted = sorted(path.name for path in (published.root / "boot").glob("vmlinuz-*"))
    assert len(kernels) == 2
    assert booted == sorted(name.replace("linux-image", "vmlinuz") for name in kernels)


def test_every_kernel_has_its_initial_disk(published: Published) -> None:
    boot = published.root / "boot"
    kernels = [path.name.partition("-")[2] for path in boot.glob("vmlinuz-*")]
    assert all((boot / f"initrd.img-{kernel}").stat().st_size > 0 for kernel in kernels)
    menu = published.read("boot/grub/grub.cfg")
    assert all(f"initrd.img-{kernel}" in menu for kernel in kernels)


def test_what_a_stock_image_brings_stays(published: Published) -> None:
    assert (published.root / "var/lib/snapd/seed/seed.yaml").exists()
    assert (published.root / "etc/apt/apt.conf.d/20apt-esm-hook.conf").exists()
    assert {"snapd", "ubuntu-pro-client", "netplan.io", "needrestart"} <= set(published.packages())


def test_a_newer_package_in_security_is_a_reason(published: Published) -> None:
    plan = ("plan", published.place / "amphora.json", "--json")
    before = _retrofit(published, *plan)
    assert before.code == 0, before.stderr
    assert json.loads(before.stdout)["images"][0]["reasons"] == []

    published.hosts.time = ubuntu_archive.Time.LATER
    try:
        after = _retrofit(published, *plan)
    finally:
        published.hosts.time = ubuntu_archive.Time.BUILD

    assert after.code == 0, after.stderr
    (image,) = json.loads(after.stdout)["images"]
    reasons = {reason["kind"]: reason for reason in image["reasons"]}
    assert image["action"] == "build"
    assert [one["name"] for one in reasons["security"]["changes"]] == ["haproxy"]


@pytest.mark.slow
def test_it_boots(published: Published) -> None:
    words = ("verify", "--depth", "boot", "--json", "--work-dir", published.place / "work")

    ended = _retrofit(published, *words, published.image)

    assert ended.code == 0, ended.stdout
