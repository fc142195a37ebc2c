"""What a tree and a cell get for the time of a build, and lose afterwards."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
from collections.abc import Iterator

from .. import model
from ..host import rootfs
from ..host.sandbox import cells
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

_POLICY = "/usr/sbin/policy-rc.d"
_APT = "/etc/apt/apt.conf.d/00retrofit-build"
_DPKG = "/etc/dpkg/dpkg.cfg.d/retrofit-build"
# man-db rebuilds its index in a trigger only while this file exists; the machine does it daily.
_MAN_INDEX = "/var/lib/man-db/auto-update"


def furnish(cell: cells.Cell, request: model.BuildRequest, work: pathlib.Path) -> cells.Cell:
    """Return the cell with the proxies and certificates of a build.

    Args:
        cell: A cell whose root is the tree.
        request: What names them.
        work: Directory for files of the build.
    """
    # Without it a kernel's hooks call grub-probe, which fails on an overlay.
    container = work / "container"
    container.write_text("retrofit\n", encoding="ascii")
    binds = [*cell.binds, cells.Bind(container, "/run/systemd/container")]
    environment = {
        "DEBIAN_FRONTEND": "noninteractive",
        "SYSTEMD_OFFLINE": "1",
        **request.proxies.environment(),
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
def prepared(tree: pathlib.Path, request: model.BuildRequest) -> Iterator[None]:
    """Keep a tree ready for installing packages, and take all of that away at the end.

    After an error nothing is taken away: the tree is lost.
    """
    placed = {
        _POLICY: ("#!/bin/sh\n# No service starts during a build.\nexit 101\n", 0o755),
        _APT: (_apt_configuration(request), 0o644),
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


def _apt_configuration(request: model.BuildRequest) -> str:
    """Configuration of apt for the time of the build."""
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
    lines = [f'{name} "{value}";\n' for name, value in options.items() if value]
    without_proxy = request.proxies.no_proxy.split(",")
    for kind in ("http", "https"):
        lines += [
            f'Acquire::{kind}::Proxy::{host.strip()} "DIRECT";\n'
            for host in without_proxy
            if host.strip()
        ]
    return "".join(lines)
