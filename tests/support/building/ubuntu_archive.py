"""Ubuntu's archives as a build meets them, made of Debian's packages.

They have Ubuntu's suites, components and pockets; the Ubuntu Cloud Archive and a PPA, each with a
key of its own, are beside. What changes with time are the pockets: a cloud image was made of a
release before they had anything, and after an image is made they go on.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import os
import pathlib
import re
import tempfile
from collections.abc import Iterator

from .. import artefacts
from ..base_images import stream_tree
from . import debian_archive, debs, suites, ubuntu_octavia, ubuntu_packages

COMPONENTS = ("main", "restricted", "universe", "multiverse")
PPA = "ppa:operators/amphora"
_PPA_NAME = PPA.removeprefix("ppa:")
KEYRING = "usr/share/keyrings/ubuntu-archive-keyring.gpg"
# Sources that name no key are checked with those of this directory.
TRUSTED = "etc/apt/trusted.gpg.d/ubuntu-keyring-2018-archive.gpg"
CLOUD_KEYRING = "usr/share/keyrings/ubuntu-cloud-keyring.gpg"
_HOUR_S = 3600
_POCKETS = ("updates", "security", "backports")
_KERNEL = re.compile(r"linux-image-\d[\d.]*(-\d+|\+deb\d+)-(?P<flavour>(cloud-)?amd64)")
_HERE = pathlib.Path(__file__).parent
_SOURCES = ("debian_archive.py", "debs.py", "suites.py", "ubuntu_octavia.py", "ubuntu_packages.py")


@dataclasses.dataclass(frozen=True)
class Series:
    """A series of Ubuntu.

    Attributes:
        name: Such as ``noble``.
        version: Such as ``24.04``.
        base_files: Version of its package of that name.
        octavia: Version of its packages of Octavia.
        openstack: Newest release in its Ubuntu Cloud Archive.
        cloud_octavia: Version of the packages of Octavia there.
        debian: Release of Debian of which all are made.
        kernel: Release of Debian that the kernel of the series' first day comes from.
        has_rust: Whether its coreutils are in Rust, and its initial RAM disks of dracut, as in
            Ubuntu since 25.10.
    """

    name: str
    version: str
    base_files: str
    octavia: str
    openstack: str
    cloud_octavia: str
    debian: str = "bookworm"
    kernel: str = "bookworm"
    has_rust: bool = False


JAMMY = Series(
    "jammy", "22.04", "12ubuntu4", "1:10.0.0-0ubuntu1", "caracal", "1:14.0.0-0ubuntu1~cloud0"
)
NOBLE = Series(
    "noble", "24.04", "13ubuntu10", "1:14.0.0-0ubuntu1", "epoxy", "1:16.0.0-0ubuntu1~cloud0"
)
RESOLUTE = Series(
    "resolute",
    "26.04",
    "14ubuntu6",
    "1:18.0.0-0ubuntu1",
    "hibiscus",
    "1:19.0.0-0ubuntu1~cloud0",
    debian="forky",
    kernel="trixie",
    has_rust=True,
)


class Time(enum.StrEnum):
    """When the archives are looked at: at the release, at a build, and after that."""

    RELEASE = "release"
    BUILD = "build"
    LATER = "later"


@functools.cache
def archive(series: Series) -> pathlib.Path:
    """Return a directory: ``ubuntu``, ``cloud`` and ``ppa`` in it are archives.

    Suites that change are in a directory of ``times`` for each time. Where an index names a file
    that is not there, :func:`file` has it.
    """
    sources = [_HERE / name for name in (*_SOURCES, pathlib.Path(__file__).name)]
    made_from = artefacts.digest(repr(series), *sources)
    return artefacts.once(
        f"ubuntu-{series.name}-{made_from}", lambda directory: _make(directory, series)
    )


def file(series: Series, path: str) -> pathlib.Path:
    """Return a file of Ubuntu's archive: one of this one, or a package of Debian's."""
    own = archive(series) / "ubuntu" / path
    if own.exists() or not path.startswith("debian"):
        return own
    return debian_archive.package(series.debian, path)


def _make(directory: pathlib.Path, series: Series) -> None:
    with tempfile.TemporaryDirectory(prefix="gpg-") as name:
        home = pathlib.Path(name)
        signers = {who: stream_tree.Signer(home / who) for who in ("ubuntu", "cloud", "ppa")}
        keys = directory / "keys"
        keys.mkdir()
        for who, signer in signers.items():
            (keys / f"{who}.gpg").write_bytes(signer.keyring.read_bytes())
            (keys / f"{who}.asc").write_text(signer.armoured())
        _Maker(directory, series, signers).make()
        for signer in signers.values():
            signer.close()
    # Web servers tell by whole seconds what is newer.
    for hours, time in enumerate(reversed(Time)):
        for path in (directory / "times" / time).rglob("*"):
            os.utime(path, (path.stat().st_atime, path.stat().st_mtime - hours * _HOUR_S))


class _Maker:
    """Makes the archives of a series."""

    def __init__(
        self, directory: pathlib.Path, series: Series, signers: dict[str, stream_tree.Signer]
    ) -> None:
        self._directory = directory
        self._series = series
        self._signers = signers
        self._debian = _Debian(series.debian, series.kernel)

    def make(self) -> None:
        """Make all of them."""
        ubuntu = self._directory / "ubuntu"
        self._packages(ubuntu / "pool")
        indexes = self._indexes(ubuntu, "release")
        indexes["universe"] += self._debian.text
        self._suite(ubuntu, self._series.name, indexes)
        for pocket in _POCKETS:
            suite = f"{self._series.name}-{pocket}"
            for time in Time:
                known = list(Time)[: list(Time).index(time) + 1]
                indexes = dict.fromkeys(COMPONENTS, "")
                for earlier in known:
                    more = self._indexes(ubuntu, f"{earlier}-{pocket}")
                    indexes = {name: indexes[name] + text for name, text in more.items()}
                self._suite(self._directory / "times" / time, suite, indexes)
        self._others()

    def _packages(self, pool: pathlib.Path) -> None:
        """Make the packages, in a directory for each pocket, time and component."""
        series, fetch = self._series, self._debian.fetch
        main, universe = pool / "release/main", pool / "release/universe"
        key = self._signers["ubuntu"].keyring.read_bytes()
        ubuntu_packages.base_files(main, fetch, series.name, series.version, series.base_files)
        ubuntu_packages.keyring(main, "ubuntu-keyring", key, KEYRING, TRUSTED)
        cloud_key = self._signers["cloud"].keyring.read_bytes()
        ubuntu_packages.keyring(main, "ubuntu-cloud-keyring", cloud_key, CLOUD_KEYRING)
        images = "usr/share/keyrings/ubuntu-cloudimage-keyring.gpg"
        ubuntu_packages.keyring(main, "ubuntu-cloudimage-keyring", key, images)
        ubuntu_packages.stock_image(main, series.name)
        ubuntu_packages.rsyslog(main, fetch)
        if series.has_rust:
            ubuntu_packages.coreutils(main, fetch)
        former, newest = self._debian.kernels("cloud-amd64")[-2:]
        generic = self._debian.kernels("amd64")[-1]
        ubuntu_packages.kernels(
            main, {"virtual": former, "generic": generic}, ubuntu_packages.KERNEL
        )
        ubuntu_octavia.make(universe, fetch, series.octavia)
        for component in ("restricted", "multiverse"):
            debs.make(pool / "release" / component, debs.Package(f"from-{component}", "1"))
        # A kernel comes by both pockets, as Ubuntu's do.
        for pocket in ("updates", "security"):
            place = pool / f"build-{pocket}/main"
            ubuntu_packages.kernels(place, {"virtual": newest}, ubuntu_packages.NEWER_KERNEL)
        ubuntu_packages.newer(pool / "later-security/main", fetch, "haproxy")

    def _others(self) -> None:
        """Make the Ubuntu Cloud Archive, with a newer Octavia, and the PPA."""
        cloud = self._directory / "cloud"
        series = self._series
        ubuntu_octavia.make(cloud / "pool", self._debian.fetch, series.cloud_octavia)
        suite = f"{series.name}-updates/{series.openstack}"
        fields = {"Origin": "Canonical", "Label": "Ubuntu Cloud archive"}
        suites.write(
            cloud, suite, {"main": suites.index(cloud, "pool")}, self._signers["cloud"], fields
        )
        ppa = self._directory / "ppa" / _PPA_NAME / "ubuntu"
        debs.make(ppa / "pool", debs.Package("from-ppa", "1"))
        fields = {"Origin": f"LP-PPA-{_PPA_NAME.replace('/', '-')}"}
        index = {"main": suites.index(ppa, "pool")}
        suites.write(ppa, self._series.name, index, self._signers["ppa"], fields)

    def _indexes(self, mirror: pathlib.Path, place: str) -> dict[str, str]:
        return {name: suites.index(mirror, f"pool/{place}/{name}") for name in COMPONENTS}

    def _suite(self, mirror: pathlib.Path, suite: str, indexes: dict[str, str]) -> None:
        about = {"Version": self._series.version, "Codename": self._series.name}
        fields = {"Origin": "Ubuntu", "Label": "Ubuntu", **about}
        mirror.mkdir(parents=True, exist_ok=True)
        suites.write(mirror, suite, indexes, self._signers["ubuntu"], fields)


class _Debian:
    """What is taken from Debian.

    Attributes:
        text: Index of its packages but for those that Ubuntu has others for.
    """

    def __init__(self, release: str, kernel: str) -> None:
        self._release = release
        paragraphs = _paragraphs(release)
        if kernel != release:
            older = _named(_paragraphs(kernel))
            paragraphs += [one for name, one in older if _KERNEL.fullmatch(name)]
        self._files: dict[str, str] = {}
        for name, paragraph in _named(paragraphs):
            found = re.search(r"(?m)^Filename: (.*)$", paragraph)
            assert found is not None
            # The last one is of the security pocket, if there are several.
            self._files[name] = found[1]
        kept = [
            paragraph
            for name, paragraph in _named(paragraphs)
            if name not in ubuntu_packages.REPLACED
        ]
        self.text = "\n\n".join(kept) + "\n\n"

    def fetch(self, name: str) -> pathlib.Path:
        """Return a package."""
        return debian_archive.package(self._release, self._files[name])

    def kernels(self, flavour: str) -> list[str]:
        """Return the packages of a flavour's kernels, oldest first."""
        found = [
            name
            for name in self._files
            if (kernel := _KERNEL.fullmatch(name)) and kernel["flavour"] == flavour
        ]
        return sorted(found, key=lambda name: [int(word) for word in re.findall(r"\d+", name)])


def _paragraphs(release: str) -> list[str]:
    suites = debian_archive.suites(release)
    return [one for suite in suites for one in suite.index().split("\n\n") if one]


def _named(paragraphs: list[str]) -> Iterator[tuple[str, str]]:
    for paragraph in paragraphs:
        yield paragraph.partition("\n")[0].removeprefix("Package: "), paragraph
