"""The file tree of an image, opened for changes and written back.

The image's own file systems are copied out, and the copies are read-only lower directories of
overlays; what a build changes goes to upper directories. An ext4 is copied by debugfs and made
anew by mke2fs; any other root takes the guestfs path.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import pathlib
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import thread

from ... import errors
from ...host import memory, rootfs, source_date, trees
from . import (
    changes,
    esp,
    ext4,
    grub,
    guestfs_path,
    layout,
    mounts,
    repeatable,
    sparse,
    superblock,
    volume,
)

# Of the memory that is available, files of an image take one part in so many at most.
_MEMORY_SHARE = 3


@dataclasses.dataclass(frozen=True)
class _Part:
    """One file system of the image, copied out.

    Attributes:
        volume: What it is.
        base: Its files as the image has them.
        place: Directory for what changes.
        like: What a new ext4 has to be like; ``None`` if it takes the guestfs path.
    """

    volume: volume.Volume
    base: pathlib.Path
    place: pathlib.Path
    like: superblock.Parameters | None

    @property
    def name(self) -> str:
        """Name of its directory."""
        return self.place.name

    @property
    def changes(self) -> pathlib.Path:
        """Where the overlay keeps what changes."""
        return self.place / "changes"


class OpenTree:
    """The files of an image, while :func:`open_tree` holds them open.

    What changed so far can be kept as a layer, on which the trees of other builds of the same
    image go on.

    Attributes:
        path: The merged tree, writable, with all file systems in their places.
        place: Directory that holds all its files, and stays when the tree is closed.
    """

    def __init__(
        self,
        raw: pathlib.Path,
        found: layout.Layout,
        place: pathlib.Path,
        parts: Sequence[_Part],
        system: esp.Directory | None,
    ) -> None:
        self.path = place / "merged"
        self.place = place
        self._raw = raw
        self._layout = found
        self._parts = tuple(parts)
        self._esp = system
        self._mounted = contextlib.ExitStack()
        self._overlays: list[mounts.Overlay] = []
        self._layer: pathlib.Path | None = None

    @property
    def takes_layers(self) -> bool:
        """Whether :meth:`keep` or :meth:`resume` works: once, and not on the guestfs path."""
        return self._layer is None and all(part.like is not None for part in self._parts)

    def mount(self) -> None:
        """Show the tree, as the image or its layer has it."""
        self._overlays.clear()
        for part in self._parts:
            # The image says what /boot is: a link there must not have a mount land on the host's
            # files, whose programs run in the workshop.
            at = rootfs.resolve(self.path, part.volume.mount_point)
            layers = [part.base]
            if self._layer is not None:
                layers.insert(0, self._layer / part.name)
            overlay = mounts.overlay(layers, part.changes, at)
            self._overlays.append(self._mounted.enter_context(overlay))
        if self._esp is not None and self._layout.esp is not None:
            at = rootfs.resolve(self.path, self._layout.esp.mount_point)
            self._mounted.enter_context(mounts.bind(self._esp.path, at))

    def unmount(self) -> None:
        """Hide the tree; what changed stays."""
        self._mounted.close()

    def check_repeatable(self) -> None:
        """Refuse file systems that :meth:`write_back` cannot make the same bytes of again.

        Raises:
            errors.ImageError: There is one.
            errors.ToolMissing: What sorts directories is not installed.
        """
        repeatable.check()
        for part in self._parts:
            if part.like is None:
                about = part.volume
                raise errors.ImageError(
                    f"the {about.filesystem.kind} file system at {about.mount_point} cannot be"
                    " written bit for bit",
                    hint=f"use a base image whose file systems are ext4, or unset"
                    f" {source_date.VARIABLE}",
                )

    def digest(self, ignored: Sequence[str]) -> str:
        """Return the SHA-256 of all that changed since the tree was opened.

        Args:
            ignored: Paths of the root file system that do not count, relative to it.
        """
        directories = [overlay.upper for overlay in self._overlays]
        if self._esp is not None:
            directories.append(self._esp.path)
        found = [changes.digest(directory, ignored) for directory in directories]
        return hashlib.sha256("\n".join(found).encode()).hexdigest()

    def keep(self, layer: pathlib.Path) -> None:
        """Move all that changed to a new directory, the layer, and go on from there.

        Args:
            layer: The directory, on the disk of the work directory; it is complete or not there.
        """
        new = layer.with_suffix(".new")
        new.mkdir()
        self.unmount()
        for part, overlay in zip(self._parts, self._overlays, strict=True):
            overlay.upper.rename(new / part.name)
            trees.remove(part.changes)
        if self._esp is not None:
            shutil.copytree(self._esp.path, new / "esp")
        self._layer = new.rename(layer)
        self.mount()

    def resume(self, layer: pathlib.Path) -> None:
        """Drop all that changed, and go on from a layer that a tree of the same image kept."""
        self.unmount()
        for part in self._parts:
            trees.remove(part.changes)
        if self._esp is not None:
            trees.remove(self._esp.path)
            shutil.copytree(layer / "esp", self._esp.path)
        self._layer = layer
        self.mount()

    def update_grub(self) -> None:
        """Have the image's own tools write its ``grub.cfg`` for the kernels it has now.

        Raises:
            errors.OutputError: The result would not boot the image.
        """
        grub.update(self.path, self._layout, self.place)

    def make_room(self) -> None:
        """Give the disk back what :meth:`write_back` makes anew; without that, nothing is left."""
        self._without_anew().replace(self._raw)

    def write_back(self, moment: int | None = None) -> None:
        """Make the image hold what the tree holds, under the same identifiers.

        Args:
            moment: See :func:`ext4.write`.

        Raises:
            errors.NoSpace: It does not fit; the image is as it was.
            errors.OutputError: What was written is not what should have been.
        """
        new = self._without_anew()
        pairs = list(zip(self._parts, self._overlays, strict=True))
        by_kernels = [pair for pair in pairs if pair[0].like is None]
        groups = [by_kernels, *([pair] for pair in pairs if pair[0].like is not None)]
        with thread.ThreadPoolExecutor() as pool:
            for done in [pool.submit(self._write_all, group, new, moment) for group in groups]:
                done.result()
        if self._esp is not None:
            self._esp.write_back(new)
        new.replace(self._raw)

    def _without_anew(self) -> pathlib.Path:
        """Copy the image, with holes for the file systems that are made anew."""
        new = self._raw.with_name(self._raw.name + ".new")
        anew = [part.volume.partition for part in self._parts if part.like is not None]
        sparse.copy(self._raw, new, [(one.start, one.end) for one in anew])
        return new

    def _write_all(
        self,
        pairs: Sequence[tuple[_Part, mounts.Overlay]],
        new: pathlib.Path,
        moment: int | None,
    ) -> None:
        """Write file systems into the new image, one after the other."""
        for part, files in pairs:
            try:
                self._write(part, files, new, moment)
            except errors.NoSpace as failure:
                at = part.volume.mount_point
                if at == "/":
                    raise
                raise errors.NoSpace(
                    f"{failure.message}, which is mounted at {at}",
                    hint=f"use a base image with a larger file system at {at}",
                    details=failure.details,
                ) from failure

    def _write(
        self, part: _Part, files: mounts.Overlay, new: pathlib.Path, moment: int | None
    ) -> None:
        """Write one file system into the new image."""
        alone = part.place / "alone"
        with mounts.frozen(files, alone):
            if part.like is None:
                guestfs_path.apply(new, part.volume, alone, files, part.place)
            else:
                ext4.write(new, part.volume.partition, alone, part.like, moment)


@contextlib.contextmanager
def open_tree(
    raw: pathlib.Path, found: layout.Layout, work: pathlib.Path, *, in_memory: bool = False
) -> Iterator[OpenTree]:
    """Open the files of an image for as long as the context lasts.

    Args:
        raw: The image; only :meth:`OpenTree.write_back` changes what is in its files.
        found: What is where on it.
        work: Directory for its files and what changes, on a disk with extended attributes.
        in_memory: Whether to have its files in memory, where there is plenty: for those that are
            to be looked at and forgotten.

    Raises:
        errors.ImageError: A file system of it is damaged.
    """
    place = work / "tree"
    place.mkdir()
    bases = place / "bases"
    bases.mkdir()
    parts = [_prepare(raw, volume, place, bases) for volume in found.volumes]
    system = None
    if found.esp is not None:
        system = esp.read(raw, found.esp.partition, place / "esp")
    opened = OpenTree(raw, found, place, parts, system)
    with contextlib.ExitStack() as held:
        size = _room(parts) if in_memory else None
        if size is None or not _read_into_memory(raw, parts, bases, size, held):
            for part in parts:
                _read(raw, part)
        try:
            opened.mount()
            yield opened
        finally:
            opened.unmount()


def _prepare(
    raw: pathlib.Path, volume: volume.Volume, work: pathlib.Path, bases: pathlib.Path
) -> _Part:
    """Have one file system of the image in order, and say how its files are copied."""
    name = volume.device.replace("/", "-") or f"-{volume.partition.number}"
    place = work / f"partition{name}"
    place.mkdir()
    like = None
    if volume.filesystem.kind in ext4.KINDS and not volume.device:
        ext4.repair(raw, volume.partition, place)
        like = superblock.read(raw, volume.partition.start)
        if not ext4.supported(like):
            like = None
    return _Part(volume, bases / place.name, place, like)


def _read(raw: pathlib.Path, part: _Part) -> None:
    """Copy the files of one file system of the image."""
    if part.like is not None:
        ext4.extract(raw, part.volume.partition, part.base, part.place)
    else:
        guestfs_path.extract(raw, part.volume, part.base, part.place)


def _room(parts: Sequence[_Part]) -> int | None:
    """Return the bytes that copies of file systems take; ``None`` if that is not known."""
    sizes = [part.like.used for part in parts if part.like is not None]
    return sum(sizes) if len(sizes) == len(parts) else None


def _read_into_memory(
    raw: pathlib.Path,
    parts: Sequence[_Part],
    bases: pathlib.Path,
    size: int,
    held: contextlib.ExitStack,
) -> bool:
    """Copy file systems into memory; tell whether that was possible."""
    if size * _MEMORY_SHARE > memory.available():
        return False
    with contextlib.ExitStack() as mounted:
        mounted.enter_context(mounts.memory(bases, size))
        try:
            with thread.ThreadPoolExecutor() as pool:
                for done in [pool.submit(_read, raw, part) for part in parts]:
                    done.result()
        except (errors.ImageError, errors.NoSpace):
            # Files with holes may take more than their blocks.
            return False
        held.enter_context(mounted.pop_all())
    return True
