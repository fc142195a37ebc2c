"""The EFI system partition, read and written by mtools."""

from __future__ import annotations

import dataclasses
import hashlib
import pathlib

from ... import errors
from ...host import process, trees
from . import partitions

_TOOL_TIMEOUT_S = 120.0
# mtools checks geometry that only floppies have, and asks before it overwrites.
_ENVIRONMENT = {"MTOOLS_SKIP_CHECK": "1"}

_Contents = dict[str, str]


@dataclasses.dataclass(frozen=True)
class Directory:
    """The files of a system partition.

    Attributes:
        path: Directory that holds them.
        partition: Where they came from.
    """

    path: pathlib.Path
    partition: partitions.Partition
    _before: _Contents

    def write_back(self, raw: pathlib.Path) -> None:
        """Make the partition in ``raw`` hold what the directory holds, if that changed.

        Raises:
            errors.NoSpace: It does not fit.
            errors.OutputError: What was written is not what should have been.
        """
        wanted = _contents(self.path)
        if wanted == self._before:
            return
        drive = f"{raw}@@{self.partition.start}"
        top_level = sorted({name.partition("/")[0] for name in self._before})
        if top_level:
            _mtools(["mdeltree", "-i", drive, *(f"::/{name}" for name in top_level)])
        try:
            write(raw, self.partition.start, self.path)
        except errors.CommandError as failure:
            raise errors.NoSpace(
                f"the files of the EFI system partition {self.partition.number} do not fit",
                details=failure.details,
            ) from failure
        copy = self.path.with_name("esp-check")
        _read(raw, self.partition.start, copy)
        if _contents(copy) != wanted:
            raise errors.OutputError("the EFI system partition was not written correctly")


def read(raw: pathlib.Path, partition: partitions.Partition, path: pathlib.Path) -> Directory:
    """Copy the files of a system partition to a new directory."""
    _read(raw, partition.start, path)
    return Directory(path, partition, _contents(path))


def write(raw: pathlib.Path, offset: int, tree: pathlib.Path) -> None:
    """Copy everything in a directory into the FAT file system at a byte offset."""
    entries = sorted(tree.iterdir())
    if entries:
        _mtools(["mcopy", "-s", "-Q", "-m", "-i", f"{raw}@@{offset}", *entries, "::/"])


def _read(raw: pathlib.Path, offset: int, into: pathlib.Path) -> None:
    """Copy everything in the FAT file system at a byte offset into a new directory."""
    into.mkdir(parents=True)
    drive = f"{raw}@@{offset}"
    if _mtools(["mdir", "-b", "-i", drive, "::/"]).stdout.strip():
        _mtools(["mcopy", "-s", "-n", "-m", "-i", drive, "::/*", into])


def _mtools(words: list[str | pathlib.Path]) -> process.Completed:
    """Run one of mtools."""
    return process.run(words, timeout_s=_TOOL_TIMEOUT_S, extra_environment=_ENVIRONMENT)


def _contents(tree: pathlib.Path) -> _Contents:
    """Return the paths below a directory, with hashes of what is in files.

    Raises:
        errors.OutputError: Something is there that FAT cannot hold, such as a link, which would
            be followed to files of the host.
    """
    contents: _Contents = {}
    for place, entry in trees.walk(tree):
        if entry.is_dir(follow_symlinks=False):
            contents[place] = "directory"
            continue
        if not entry.is_file(follow_symlinks=False):
            raise errors.OutputError(
                f"/boot/efi/{place} is not a file or a directory; the EFI system partition can"
                " contain nothing else"
            )
        contents[place] = hashlib.sha256(pathlib.Path(entry).read_bytes()).hexdigest()
    return contents
