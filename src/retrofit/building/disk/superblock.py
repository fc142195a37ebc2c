"""What an ext4 was made with, as e2fsprogs print it.

Of their programs, tune2fs and debugfs take ``FILE?offset=BYTES`` in every release; dumpe2fs does
not since 1.47.2.
"""

from __future__ import annotations

import dataclasses
import pathlib
import re

from ... import errors
from ...host import process

# States, not features: they say that a journal or a list of orphans is to be looked at.
_STATES = frozenset({"needs_recovery", "orphan_present"})
_JOURNAL_SIZE = re.compile(r"\bSize: (\d+)")
_TOOL_TIMEOUT_S = 60.0


@dataclasses.dataclass(frozen=True)
class Parameters:
    """What a file system was made with, as far as a new one has to be like it.

    Attributes:
        values: The fields of ``tune2fs -l``.
        features: Its features without mere states.
        journal: Size of its own journal in bytes; 0 without one.
    """

    values: dict[str, str]
    features: frozenset[str]
    journal: int

    def number(self, field: str) -> int:
        """Return a field that is a number."""
        return int(self.values[field])

    @property
    def used(self) -> int:
        """Bytes of its blocks that are in use."""
        blocks = self.number("Block count") - self.number("Free blocks")
        return blocks * self.number("Block size")


def at(raw: pathlib.Path, offset: int) -> str:
    """Name a file system inside a file as e2fsprogs does."""
    return f"{process.plain(raw)}?offset={offset}"


def read(raw: pathlib.Path, offset: int) -> Parameters:
    """Read what the file system at a byte offset was made with."""
    completed = process.run(["tune2fs", "-l", at(raw, offset)], timeout_s=_TOOL_TIMEOUT_S)
    values: dict[str, str] = {}
    for line in completed.stdout.splitlines():
        field, separator, value = line.partition(":")
        if separator:
            values[field] = value.strip()
    features = frozenset(values["Filesystem features"].split())
    inode = values.get("Journal inode")
    return Parameters(
        values=values,
        features=features - _STATES,
        journal=0 if inode is None else _file_size(raw, offset, inode),
    )


def _file_size(raw: pathlib.Path, offset: int, inode: str) -> int:
    """Return the size of the file that an inode describes."""
    # -c: whatever the state of the file system is, so that it can be described.
    completed = process.run(
        ["debugfs", "-c", "-R", f"stat <{inode}>", at(raw, offset)], timeout_s=_TOOL_TIMEOUT_S
    )
    size = _JOURNAL_SIZE.search(completed.stdout)
    if size is None:
        raise errors.ImageError(
            f"the journal of the file system at byte {offset} cannot be read",
            hint="fetch the image again, or repair it with e2fsck",
            details=completed.tail,
        )
    return int(size[1])
