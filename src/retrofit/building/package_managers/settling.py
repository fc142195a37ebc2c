"""Finishes what dpkg had begun in a base image, before a build installs anything."""

from __future__ import annotations

import logging
import pathlib
from collections.abc import Callable

from ... import errors
from ...host import rootfs
from ...host.sandbox import cells
from . import dpkg_status

_LOG = logging.getLogger(__name__)

_STATUS = "/var/lib/dpkg/status"
# Where dpkg keeps what it has not yet written to its list.
_UPDATES = "/var/lib/dpkg/updates"
_NEEDED = ("/usr/bin/dpkg", "/usr/bin/apt-get", "/bin/bash")
_TIMEOUT_S = 1800.0
# More would not fit in a line.
_NAMED = 4


def settle(cell: cells.Cell, on_line: Callable[[str], None] | None) -> None:
    """Have dpkg configure the packages that it left half-installed, if there are any.

    Args:
        cell: A cell whose root is the base image.
        on_line: Called with each line dpkg prints.

    Raises:
        errors.ImageError: The base image lacks a program of every build, or dpkg cannot finish.
    """
    for program in _NEEDED:
        if not rootfs.resolve(cell.root, program).is_file():
            raise errors.ImageError(
                f"the base image has no {pathlib.PurePath(program).name} ({program})",
                hint="use an image that can install packages",
            )
    waiting = bool(rootfs.entries(cell.root, _UPDATES))
    if not waiting and not _unsettled(cell):
        return
    _LOG.info("the base image was interrupted amid dpkg, which finishes now")
    done = cell.run(
        ["/usr/bin/dpkg", "--configure", "-a"], timeout_s=_TIMEOUT_S, on_line=on_line, check=False
    )
    left = _unsettled(cell)
    if done.returncode == 0 and not left:
        return
    some = ", ".join(left[:_NAMED]) + (f" and {len(left) - _NAMED} more" * (len(left) > _NAMED))
    raise errors.ImageError(
        "the base image was interrupted amid dpkg, and dpkg cannot finish"
        + (f": {some}" if left else ""),
        hint="repair the base image, or use another one",
        details=done.tail,
    )


def _unsettled(cell: cells.Cell) -> list[str]:
    return dpkg_status.unsettled(rootfs.read(cell.root, _STATUS) or "")
