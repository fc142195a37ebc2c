"""apt and dpkg."""

from __future__ import annotations

import contextlib
import pathlib
import re
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping

from ... import model
from ...host import files, proxies, rootfs
from ...host.sandbox import cells
from .. import archives as apt_archives
from .. import certificates
from ..archives import logins, recording, security, upgrading
from ..elements import standins
from . import dpkg_status, manager, settling

_SERVER = re.compile(r"https?://[\w.:@%\[\]-]+")

_POLICY = "/usr/sbin/policy-rc.d"
# The settings of apt for a build lie beside the tree: no hook of the base image copies them, and
# no fault leaves them there. apt reads the file that APT_CONFIG names before all others, and its
# main one after all others, so that no setting of the base image counts more (apt.conf(5)).
_APT_FIRST = "/run/retrofit-apt-first.conf"
_APT_MAIN = "/run/retrofit-apt.conf"
_APT_LOGINS = "/run/retrofit-apt-logins.conf"
_MAIN_OF_BASE = "/etc/apt/apt.conf"
_LOGINS_OF_BASE = "/etc/apt/auth.conf"
# What a base image may say of proxies: those for one host count more than those for all.
_KINDS = ("http", "https")
_OF_PROXIES = ("Proxy", "Proxy-Auto-Detect", "ProxyAutoDetect")
_DPKG = "/etc/dpkg/dpkg.cfg.d/retrofit-build"
# man-db rebuilds its index in a trigger only while this file exists; the machine does it daily.
_MAN_INDEX = "/var/lib/man-db/auto-update"
_APT = "/usr/bin/apt-get"
_TIMEOUT_S = 3600.0


class Apt:
    """The package manager of Debian and Ubuntu; see :class:`.manager.PackageManager`."""

    repeatable = True

    def binds(
        self,
        tree: pathlib.Path,
        request: model.BuildRequest,
        _release: model.Release,
        work: pathlib.Path,
    ) -> list[cells.Bind]:
        """Write the settings of apt for the time of a build, and show them in the cell."""
        first = f'Dir::Etc::main "{_APT_MAIN}";\nDir::Etc::netrc "{_APT_LOGINS}";\n'
        main = f"{rootfs.read(tree, _MAIN_OF_BASE) or ''}\n{_configuration(request)}"
        of_base = rootfs.read(tree, _LOGINS_OF_BASE) or ""
        binds = []
        for name, text in (
            (_APT_FIRST, first),
            (_APT_MAIN, main),
            (_APT_LOGINS, logins.file(request.archives) + of_base),
        ):
            file = work / pathlib.PurePath(name).name
            files.write(file, text, mode=0o600)
            binds.append(cells.Bind(file, name))
        return binds

    def identity_of_lists(self, _work: pathlib.Path) -> str:
        """Return nothing: apt's lists lie in the tree."""
        return ""

    @property
    def variables(self) -> Mapping[str, str]:
        """Variables of all programs of a build."""
        return {"APT_CONFIG": _APT_FIRST, "DEBIAN_FRONTEND": "noninteractive"}

    @contextlib.contextmanager
    def prepared(self, tree: pathlib.Path, _request: model.BuildRequest) -> Iterator[None]:
        """Keep a tree ready for installing packages, and take all of that away at the end.

        After an error nothing is taken away: the tree is lost.
        """
        placed = {
            _POLICY: ("#!/bin/sh\n# No service starts during a build.\nexit 101\n", 0o755),
            _DPKG: ("force-unsafe-io\nforce-confdef\nforce-confold\n", 0o644),
        }
        paths = (*placed, _MAN_INDEX)
        before = {path: rootfs.read(tree, path) for path in paths}
        rootfs.remove(tree, _MAN_INDEX)
        for path, (text, mode) in placed.items():
            rootfs.write(tree, path, text, mode=mode)
        yield
        for path in placed:
            rootfs.remove(tree, path)
        for path, previous in before.items():
            if previous is not None:
                rootfs.write(tree, path, previous, mode=0o755 if path == _POLICY else 0o644)

    def settle(self, cell: cells.Cell, on_line: manager.OnLine) -> None:
        """Have dpkg finish; see :func:`settling.settle`."""
        settling.settle(cell, on_line)

    def point(self, tree: pathlib.Path, archives: model.Archives, release: model.Release) -> None:
        """Tell apt of a mirror; see :func:`retrofit.building.archives.write`."""
        apt_archives.write(tree, archives, release)

    def refresh(
        self,
        cell: cells.Cell,
        request: model.BuildRequest,
        release: model.Release,
        on_line: manager.OnLine,
    ) -> None:
        """Have apt fetch its lists; see :func:`retrofit.building.archives.refresh`."""
        apt_archives.refresh(cell, request, release, on_line)

    def upgrade(self, cell: cells.Cell, archives: model.Archives, on_line: manager.OnLine) -> None:
        """Have apt upgrade; see :func:`upgrading.upgrade`."""
        upgrading.upgrade(cell, archives, on_line)

    def clean(self, cell: cells.Cell) -> None:
        """Remove the packages that were fetched."""
        cell.run([_APT, "clean"], timeout_s=_TIMEOUT_S)

    def installed(self, cell: cells.Cell) -> tuple[model.Package, ...]:
        """Return what is installed; see :func:`dpkg_status.read`."""
        return dpkg_status.read(cell.root)

    def secured(
        self, cell: cells.Cell, packages: Iterable[model.Package]
    ) -> tuple[model.Package, ...]:
        """Mark what a security pocket offers; see :func:`security.mark`."""
        return security.mark(cell, packages)

    def settings(
        self, cell: cells.Cell, packages: Iterable[model.Package], release: model.Release
    ) -> model.ArchiveSettings | None:
        """Return what apt was told of; see :func:`recording.read`."""
        return recording.read(cell, packages, release.architecture)


def _configuration(request: model.BuildRequest) -> str:
    """Settings of apt for the time of the build, which come after those of the base image."""
    options = {
        "APT::Install-Recommends": "false",
        "APT::Install-Suggests": "false",
        # Which machines take an update early is no question of images; a plan expects it there.
        "APT::Get::Always-Include-Phased-Updates": "true",
        # A source that does not answer is an error, not a warning that nobody reads.
        "APT::Update::Error-Mode": "any",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
        # apt sets the path of maintainer scripts itself.
        "DPkg::Path": f"{standins.DIRECTORY}:/usr/sbin:/usr/bin:/sbin:/bin",
        "Dpkg::Use-Pty": "false",
        "Acquire::http::Proxy": request.proxies.http,
        "Acquire::https::Proxy": request.proxies.https,
        "Acquire::https::CaInfo": certificates.FILE if request.ca_certificate else "",
    }
    lines = []
    if request.proxies.http or request.proxies.https:
        lines = [f"#clear Acquire::{kind}::{name};\n" for kind in _KINDS for name in _OF_PROXIES]
    lines += [f'{name} "{value}";\n' for name, value in options.items() if value]
    # apt knows names only: neither networks nor ends of names.
    no_proxy = request.proxies.no_proxy
    mirrors = _SERVER.findall(f"{request.archives.mirror} {request.archives.uca_mirror}")
    direct = {
        urllib.parse.urlsplit(url).hostname or ""
        for url in mirrors
        if proxies.bypassed(url, no_proxy)
    }
    without_proxy = sorted({*map(str.strip, no_proxy.split(",")), *direct} - {""})
    for kind in _KINDS:
        lines += [f'Acquire::{kind}::Proxy::{host} "DIRECT";\n' for host in without_proxy]
    return "".join(lines)
