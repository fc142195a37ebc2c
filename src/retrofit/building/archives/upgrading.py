"""Brings the packages of a base image up to date, before others are installed."""

from __future__ import annotations

from collections.abc import Callable

from ... import model
from ...host import rootfs
from ...host.sandbox import cells
from .. import archives
from . import policy

_PINS = "/etc/apt/preferences.d/00retrofit-build"
_TIMEOUT_S = 3600.0


def upgrade(
    cell: cells.Cell, given: model.Archives, on_line: Callable[[str], None] | None
) -> None:
    """Have apt upgrade all packages but boot loaders, within the archives it was told of.

    A kernel comes as a package of its own beside the previous one; the system starts the newer one
    once ``update-grub`` has run.

    Args:
        cell: A cell whose root is the system, with its lists of packages fetched.
        given: The user's archives, for messages.
        on_line: Called with each line apt prints.

    Raises:
        errors.Unavailable: An archive does not give what it lists.
        errors.ConfigError: An archive lacks what it lists.
        errors.RecipeError: A package's script failed.
    """
    pins = f"Package: {' '.join(policy.BOOT_LOADERS)}\nPin: release *\nPin-Priority: -1\n"
    rootfs.write(cell.root, _PINS, pins)
    words = ["dist-upgrade", "--assume-yes"]
    archives.apt(cell, words, given, on_line, timeout_s=_TIMEOUT_S)
    rootfs.remove(cell.root, _PINS)
