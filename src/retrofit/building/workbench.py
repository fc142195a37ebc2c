"""What a cell gets for the time of a build: devices, proxies, certificates and settings."""

from __future__ import annotations

import dataclasses
import pathlib

from .. import model
from ..host import source_date
from ..host.sandbox import cells
from . import certificates, package_managers, sysfs


def furnish(
    cell: cells.Cell,
    request: model.BuildRequest,
    release: model.Release,
    work: pathlib.Path,
) -> cells.Cell:
    """Return the cell with all that programs of a build are to find there.

    Args:
        cell: A cell whose root is the tree.
        request: What names it.
        release: What runs in the tree.
        work: Directory for files of the build.

    Raises:
        errors.ConfigError: The package manager cannot read the login of an archive.
    """
    packages = package_managers.of(release.distribution)
    # Without it a kernel's hooks call grub-probe, which fails on an overlay.
    container = work / "container"
    container.write_text("retrofit\n", encoding="ascii")
    devices = work / "sys"
    sysfs.make(devices)
    authorities, told = certificates.show(cell.root, request.ca_certificate, work)
    binds = (
        *cell.binds,
        cells.Bind(container, "/run/systemd/container"),
        cells.Bind(devices, "/sys"),
        *packages.binds(cell.root, request, release, work),
        *authorities,
    )
    environment = {
        **cell.environment,
        **packages.variables,
        # By the order in which packages are named, package managers choose between alternatives,
        # and diskimage-builder has them in sets of Python.
        "PYTHONHASHSEED": "0",
        "SYSTEMD_OFFLINE": "1",
        **request.proxies.environment(),
        **source_date.variables(request.source_date),
        **told,
    }
    return dataclasses.replace(cell, binds=binds, environment=environment)
