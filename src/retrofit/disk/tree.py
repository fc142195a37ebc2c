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

from .. import rootfs
from . import acl, esp, ext4, grub, guestfs_path, layout, mounts, sparse


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
        alone = self._work / f"alone-{part.volume.partition.number}"
        with mounts.frozen(part.files, alone):
            if part.like is None:
                guestfs_path.apply(new, part.volume, alone, part.files, self._work)
            else:
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
    place.mkdir()
    # All before the first mount: e2fsck takes a file with a mounted file system in it for mounted.
    volumes = [found.root] if found.boot is None else [found.root, found.boot]
    prepared = [_prepare(raw, volume, place) for volume in volumes]
    with contextlib.ExitStack() as stack:
        parts = [
            # The image says what /boot is: a link there must not have a mount land on the host's
            # files, whose programs run in the workshop.
            stack.enter_context(
                _opened(raw, one, place, rootfs.resolve(merged, one.volume.mount_point))
            )
            for one in prepared
        ]
        system = None
        if found.esp is not None:
            system = stack.enter_context(
                esp.opened(
                    raw,
                    found.esp.partition,
                    place / "esp",
                    rootfs.resolve(merged, found.esp.mount_point),
                )
            )
        yield OpenTree(
            path=merged,
            _raw=raw,
            _layout=found,
            _work=place,
            _parts=tuple(parts),
            _esp=system,
        )


@dataclasses.dataclass(frozen=True)
class _Prepared:
    """A file system of the image that is ready to be opened.

    Attributes:
        volume: What it is.
        like: Its parameters if it is an ext4 that can be made anew.
        access_lists: What was taken out of it, to be set again.
    """

    volume: layout.Volume
    like: ext4.Parameters | None = None
    access_lists: tuple[acl.AccessList, ...] = ()


def _prepare(raw: pathlib.Path, volume: layout.Volume, work: pathlib.Path) -> _Prepared:
    """Make a file system of the image readable, and find out the way that fits it."""
    if volume.filesystem.kind not in ext4.KINDS:
        return _Prepared(volume)
    ext4.repair(raw, volume.partition, work)
    like = ext4.parameters(raw, volume.partition.start)
    if not like.supported:
        return _Prepared(volume)
    return _Prepared(volume, like, acl.take_out(raw, volume.partition, work))


@contextlib.contextmanager
def _opened(
    raw: pathlib.Path, prepared: _Prepared, work: pathlib.Path, merged: pathlib.Path
) -> Iterator[_Part]:
    """Open one file system of the image."""
    place = work / f"partition-{prepared.volume.partition.number}"
    lower = place / "lower"
    with contextlib.ExitStack() as stack:
        if prepared.like is None:
            guestfs_path.extract(raw, prepared.volume, lower, place)
        else:
            stack.enter_context(ext4.mounted(raw, prepared.volume.partition, lower))
        files = stack.enter_context(mounts.overlay(lower, place / "changes", merged))
        for access_list in prepared.access_lists:
            access_list.restore(merged)
        yield _Part(prepared.volume, files, prepared.like)
