"""The file tree of an image, opened for changes and written back.

The image's own file systems are never changed in place: they are read-only lower directories of
overlays, and what a build changes goes to the work directory. ext4 is read by fuse2fs and made
anew; any other root takes the guestfs path.
"""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
from collections.abc import Iterator
from concurrent import futures

from . import esp, ext4, grub, guestfs_path, layout, mounts, sparse


@dataclasses.dataclass(frozen=True)
class _Part:
    """One file system of the open tree.

    Attributes:
        volume: What it is.
        files: Its files, with what changed.
        like: What a new ext4 has to be like; ``None`` if it takes the guestfs path.
    """

    volume: layout.Volume
    files: mounts.Overlay
    like: ext4.Parameters | None


@dataclasses.dataclass(frozen=True)
class OpenTree:
    """The files of an image.

    Attributes:
        path: The merged tree, writable, with ``/boot`` and ``/boot/efi`` in their places.
    """

    path: pathlib.Path
    _raw: pathlib.Path
    _layout: layout.Layout
    _work: pathlib.Path
    _parts: tuple[_Part, ...]
    _esp: esp.Directory | None

    def update_grub(self) -> None:
        """Have the image's own tools write its ``grub.cfg`` for the kernels it has now.

        Raises:
            errors.OutputError: The result would not boot the image.
        """
        grub.update(self.path, self._layout, self._work)

    def write_back(self) -> None:
        """Make the image hold what the tree holds, under the same identifiers.

        Raises:
            errors.NoSpace: It does not fit.
            errors.OutputError: What was written is not what should have been.
        """
        # The overlays still read the old image while the new one is written.
        new = self._raw.with_name(self._raw.name + ".new")
        anew = [part.volume.partition for part in self._parts if part.like is not None]
        sparse.copy(self._raw, new, [(one.start, one.end) for one in anew])
        with futures.ThreadPoolExecutor() as pool:
            for done in [pool.submit(self._write, part, new) for part in self._parts]:
                done.result()
        if self._esp is not None:
            self._esp.write_back(new)
        new.replace(self._raw)

    def _write(self, part: _Part, new: pathlib.Path) -> None:
        """Write one file system into the new image."""
        if part.like is None:
            guestfs_path.apply(new, part.volume, part.files, self._work)
            return
        # A bind shows the file system without /boot and whatever else is mounted in it.
        alone = self._work / f"alone-{part.volume.partition.number}"
        with mounts.bind(part.files.merged, alone):
            ext4.write(new, part.volume.partition, alone, part.like)


@contextlib.contextmanager
def open_tree(raw: pathlib.Path, found: layout.Layout, work: pathlib.Path) -> Iterator[OpenTree]:
    """Open the files of an image for as long as the context lasts.

    Args:
        raw: The image; only :meth:`OpenTree.write_back` changes what is in its files.
        found: What is where on it.
        work: Directory for what changes, on a disk with extended attributes.

    Raises:
        errors.ImageError: A file system of it is damaged.
    """
    place = work / "tree"
    merged = place / "merged"
    with contextlib.ExitStack() as stack:
        parts = [stack.enter_context(_opened(raw, found.root, place / "root", merged))]
        if found.boot is not None:
            boot = _opened(raw, found.boot, place / "boot", merged / "boot")
            parts.append(stack.enter_context(boot))
        system = None
        if found.esp is not None:
            system = stack.enter_context(
                esp.opened(raw, found.esp.partition, place / "esp", merged / "boot/efi")
            )
        yield OpenTree(
            path=merged,
            _raw=raw,
            _layout=found,
            _work=place,
            _parts=tuple(parts),
            _esp=system,
        )


@contextlib.contextmanager
def _opened(
    raw: pathlib.Path, volume: layout.Volume, place: pathlib.Path, merged: pathlib.Path
) -> Iterator[_Part]:
    """Open one file system of the image by the way that fits it."""
    lower = place / "lower"
    with contextlib.ExitStack() as stack:
        like = None
        if volume.filesystem.kind in ext4.KINDS:
            ext4.repair(raw, volume.partition)
            like = ext4.parameters(raw, volume.partition.start)
        if like is not None and like.supported:
            stack.enter_context(ext4.mounted(raw, volume.partition, lower))
        else:
            like = None
            guestfs_path.extract(raw, volume, lower, place)
        files = stack.enter_context(mounts.overlay(lower, place / "changes", merged))
        yield _Part(volume, files, like)
