"""Layers: what installing packages made of a tree, kept for builds that come to the same point.

A layer is named by the digest of all that went into it, so it is never out of date: a build either
finds its own, or makes it. Beside it stands the digest of what it holds: one that was damaged is
set aside, and made again. The directory of layers may be deleted whenever no build runs.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import logging
import os
import pathlib
import shutil
from collections.abc import Callable, Sequence
from typing import Protocol

from .. import __version__, errors, model
from ..host import caches, files, locks, trees
from ..host.sandbox import workshop
from .disk import changes

_LOG = logging.getLogger(__name__)

# Part of every name: changes when what is done beside the packages' own scripts does.
_SCHEME = "3"
# Nobody waits until a layer is on the disk: after a crash it may be there in part.
_BOOT_ID = pathlib.Path("/proc/sys/kernel/random/boot_id")
# Nothing is installed in dependence on these, and they are never the same twice.
_VOLATILE = ("var/cache/apt", "var/cache/dnf", "var/lib/apt/lists/lock", "var/log")
# A layer of an amphora has some 500 MiB. A build needs the room of several more.
_KEPT = 4
_RESERVE = 6 * model.GIB
_DAMAGED = ".damaged"


class Tree(Protocol):
    """What is to be known of a tree here; see :class:`retrofit.building.disk.tree.OpenTree`."""

    @property
    def takes_layers(self) -> bool:
        """Whether what changed in it can be kept."""

    def digest(self, ignored: Sequence[str]) -> str:
        """Return the hash of all that changed in it."""

    def keep(self, layer: pathlib.Path) -> None:
        """Move all that changed to a new directory."""

    def resume(self, layer: pathlib.Path) -> None:
        """Go on from such a directory."""


def directory(given: pathlib.Path | None) -> pathlib.Path | None:
    """Return the directory of layers in a cache, made if it is missing.

    Args:
        given: Directory of the cache; ``None`` for the user's own. That one is done without if
            it cannot be made.

    Raises:
        errors.OutputError: The cache that was named cannot be used.
    """
    path = (given or caches.of_builds()).resolve() / "layers"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
        workshop.adopt(path)
    except OSError as error:
        if given is None:
            _LOG.info("no layers are kept: %s: %s", path, error.strerror)
            return None
        raise errors.OutputError(
            f"the cache {given} cannot be used: {error.strerror}",
            hint="set another directory with --cache-dir",
        ) from error
    return path


class Layers:
    """The layers of one base image.

    Args:
        directory: Where layers are, root of the workshop's own.
        base: Hash of the base image.
        held: Takes the locks of the layers in use, until nothing of the tree is needed any more.
    """

    def __init__(self, directory: pathlib.Path, base: str, held: contextlib.ExitStack) -> None:
        self._directory = directory
        self._base = base
        self._held = held

    def recall(self, tree: Tree, inputs: str, install: Callable[[], None]) -> None:
        """Bring about what ``install`` does to a tree: from a layer, or by calling it.

        Builds that come to the same point at the same time wait for the first one of them.

        Args:
            tree: The tree, as it is before.
            inputs: Whatever else than the tree decides what ``install`` does.
            install: Installs the packages.
        """
        if not tree.takes_layers:
            install()
            return
        boot = _BOOT_ID.read_text(encoding="ascii")
        parts = (_SCHEME, __version__, boot, self._base, tree.digest(_VOLATILE), inputs)
        name = hashlib.sha256("\n".join(parts).encode()).hexdigest()
        layer = self._directory / name
        self._held.enter_context(locks.held(self._lock(name), fcntl.LOCK_SH))
        with locks.held(layer.with_suffix(".making"), fcntl.LOCK_EX):
            if _is_whole(layer):
                _LOG.info("the packages are in the cache: %s", layer)
                os.utime(layer)
                tree.resume(layer)
                return
            self._tidy()
            install()
            # What a killed build left of it.
            with contextlib.suppress(FileNotFoundError):
                trees.remove(layer.with_suffix(".new"))
            tree.keep(layer)
            files.write(_digest_of(layer), changes.digest(layer, ()), mode=0o600)

    def _lock(self, name: str) -> pathlib.Path:
        """File that builds lock while they use a layer."""
        return self._directory / f"{name}.lock"

    def _tidy(self) -> None:
        """Remove the layers used longest ago, but for those in use."""
        found = [path for path in self._directory.iterdir() if path.is_dir()]
        found.sort(key=lambda path: path.stat().st_mtime, reverse=True)
        whole = [path for path in found if path.suffix != _DAMAGED]
        damaged = [path for path in found if path.suffix == _DAMAGED]
        short = shutil.disk_usage(self._directory).free < _RESERVE
        for layer in [*damaged, *whole[0 if short else _KEPT - 1 :]]:
            name = layer.stem
            with (
                contextlib.suppress(BlockingIOError),
                locks.held(self._lock(name), fcntl.LOCK_EX | fcntl.LOCK_NB),
            ):
                _LOG.info("removing %s, which nobody uses", layer)
                _digest_of(layer).unlink(missing_ok=True)
                trees.remove(layer)


def _digest_of(layer: pathlib.Path) -> pathlib.Path:
    """Return the file with the digest of what a layer holds."""
    return layer.with_suffix(".sha256")


def _is_whole(layer: pathlib.Path) -> bool:
    """Tell whether a layer is there and as it was made; set it aside if it is not.

    It is not removed, for another build may work on it.
    """
    if not layer.is_dir():
        return False
    try:
        expected = _digest_of(layer).read_text(encoding="ascii")
    except (OSError, ValueError):
        expected = ""
    if changes.digest(layer, ()) == expected:
        return True
    _LOG.warning("the layer %s is damaged; its packages are installed again", layer)
    aside = layer.with_suffix(_DAMAGED)
    if aside.exists():
        trees.remove(aside)
    layer.rename(aside)
    return False
