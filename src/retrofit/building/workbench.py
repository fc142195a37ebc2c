"""What a tree and a cell get for the time of a build, and lose afterwards."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import re
import urllib.parse
from collections.abc import Iterator

from .. import model
from ..host import files, proxies, rootfs, source_date
from ..host.sandbox import cells
from . import sysfs
from .archives import logins
from .elements import standins

_CERTIFICATES = "/tmp/retrofit-certificates.pem"
# The variables by which OpenSSL, curl, git, pip and requests are told of certificates.
_CERTIFICATE_VARIABLES = (
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "PIP_CERT",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
)
_SYSTEM_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"

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


def furnish(cell: cells.Cell, request: model.BuildRequest, work: pathlib.Path) -> cells.Cell:
    """Return the cell with the devices, proxies, certificates and settings of apt of a build.

    Args:
        cell: A cell whose root is the tree.
        request: What names them.
        work: Directory for files of the build.

    Raises:
        errors.ConfigError: apt cannot read the login of an archive.
    """
    # Without it a kernel's hooks call grub-probe, which fails on an overlay.
    container = work / "container"
    container.write_text("retrofit\n", encoding="ascii")
    devices = work / "sys"
    sysfs.make(devices)
    binds = [
        *cell.binds,
        cells.Bind(container, "/run/systemd/container"),
        cells.Bind(devices, "/sys"),
    ]
    binds += _apt_files(cell.root, request, work)
    environment = {
        "APT_CONFIG": _APT_FIRST,
        "DEBIAN_FRONTEND": "noninteractive",
        # By the order in which packages are named, apt chooses between alternatives, and
        # diskimage-builder has them in sets of Python.
        "PYTHONHASHSEED": "0",
        "SYSTEMD_OFFLINE": "1",
        **request.proxies.environment(),
        **source_date.variables(request.source_date),
    }
    if request.ca_certificate:
        bundle = work / "certificates.pem"
        system = rootfs.read(cell.root, _SYSTEM_CERTIFICATES) or ""
        bundle.write_text(f"{system}\n{request.ca_certificate}\n", encoding="utf-8")
        bundle.chmod(0o644)
        binds.append(cells.Bind(bundle, _CERTIFICATES))
        environment |= dict.fromkeys(_CERTIFICATE_VARIABLES, _CERTIFICATES)
    return dataclasses.replace(
        cell, binds=tuple(binds), environment={**cell.environment, **environment}
    )


@contextlib.contextmanager
def prepared(tree: pathlib.Path) -> Iterator[None]:
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


def _apt_files(
    tree: pathlib.Path, request: model.BuildRequest, work: pathlib.Path
) -> list[cells.Bind]:
    """Write the settings of apt for the time of a build, and show them in the cell."""
    first = f'Dir::Etc::main "{_APT_MAIN}";\nDir::Etc::netrc "{_APT_LOGINS}";\n'
    main = f"{rootfs.read(tree, _MAIN_OF_BASE) or ''}\n{_apt_configuration(request)}"
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


def _apt_configuration(request: model.BuildRequest) -> str:
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
        "Acquire::https::CaInfo": _CERTIFICATES if request.ca_certificate else "",
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
