"""ext4 without a kernel: read by debugfs, written by ``mke2fs -d``.

These tools take ``FILE?offset=BYTES`` for a file system inside a larger file, or an offset option,
so no loop device is needed.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
from collections.abc import Sequence

from ... import errors, model
from ...host import process, trees
from ...host.sandbox import cells
from . import inodes, partitions, repeatable, sparse, superblock

KINDS = frozenset({"ext2", "ext3", "ext4"})

# What mke2fs can make again. A file system with another feature (encryption, quotas, inline data,
# multiple-mount protection …) is left to a kernel.
_FEATURES = frozenset(
    {
        "64bit",
        "dir_index",
        "dir_nlink",
        "ext_attr",
        "extent",
        "extra_isize",
        "filetype",
        "flex_bg",
        "has_journal",
        "huge_file",
        "large_file",
        "metadata_csum",
        "metadata_csum_seed",
        "orphan_file",
        "resize_inode",
        "sparse_super",
        "uninit_bg",
    }
)
# Inodes 1 to 10 are the file system's own; among them is the root directory.
_RESERVED_INODES = 10
_REPAIRED = 1
# What tune2fs calls the answers to an error, and what mke2fs does.
_ON_ERROR = {"Continue": "continue", "Remount read-only": "remount-ro", "Panic": "panic"}
# What libext2fs says when blocks or inodes run out.
_FULL = ("Could not allocate", "No free space", "ENOSPC", "No space left")
_TOOL_TIMEOUT_S = 60.0
_CHECK_TIMEOUT_S = 900.0
_WRITE_TIMEOUT_S = 3600.0


def supported(found: superblock.Parameters) -> bool:
    """Tell whether :func:`write` can make another file system like it."""
    return found.features <= _FEATURES


def read_file(
    raw: pathlib.Path, partition: partitions.Partition, path: str, work: pathlib.Path
) -> bytes | None:
    """Return the content of a file of an unmounted file system; ``None`` if it has none such."""
    copy = work / "debugfs.out"
    copy.unlink(missing_ok=True)
    process.run(
        [
            "debugfs",
            "-R",
            f'dump "{path}" "{process.plain(copy)}"',
            superblock.at(raw, partition.start),
        ],
        timeout_s=_TOOL_TIMEOUT_S,
    )
    # debugfs ends with status 0 whatever happened; only the file tells.
    if not copy.exists():
        return None
    content = copy.read_bytes()
    copy.unlink()
    return content


def is_empty(raw: pathlib.Path, partition: partitions.Partition, directory: str) -> bool:
    """Tell whether a directory of an unmounted file system is empty or missing."""
    completed = process.run(
        ["debugfs", "-R", f'ls -p "{directory}"', superblock.at(raw, partition.start)],
        timeout_s=_TOOL_TIMEOUT_S,
    )
    # /INODE/MODE/UID/GID/NAME/SIZE/
    lines = [line.split("/") for line in completed.stdout.splitlines() if line.startswith("/")]
    return all(line[5] in (".", "..", "lost+found") for line in lines)


def repair(raw: pathlib.Path, partition: partitions.Partition, work: pathlib.Path) -> None:
    """Make a file system right that was not unmounted cleanly.

    Args:
        raw: The image, changed in place.
        partition: Where the file system is.
        work: Directory for temporary files.

    Raises:
        errors.ImageError: It is damaged beyond what may be repaired without asking.
    """
    values = superblock.read(raw, partition.start).values
    if "needs_recovery" in values["Filesystem features"].split():
        # e2fsprogs forget the offset when they have replayed a journal, so it is done beside.
        alone = work / "journal.img"
        sparse.copy_out(raw, alone, partition.start, partition.end)
        _repair(partition.number, os.fspath(alone))
        sparse.copy_into(alone, raw, partition.start)
        alone.unlink()
    elif _is_right(superblock.at(raw, partition.start)):
        # Not even written to: a proof is of the image as it is.
        return
    _repair(partition.number, superblock.at(raw, partition.start))


def _is_right(where: str) -> bool:
    """Tell whether e2fsck has nothing to repair, however clean the file system says it is."""
    command = ["e2fsck", "-f", "-n", where]
    completed = process.run(command, timeout_s=_CHECK_TIMEOUT_S, check=False)
    return completed.returncode == 0


def _repair(number: int, where: str) -> None:
    """Let e2fsck repair what it may repair without asking."""
    # The whole of it, however clean it says it is: what is read next has to be in order.
    completed = process.run(["e2fsck", "-f", "-p", where], timeout_s=_CHECK_TIMEOUT_S, check=False)
    if completed.returncode not in (0, _REPAIRED):
        raise errors.ImageError(
            f"the file system of partition {number} is damaged",
            hint="fetch the image again, or repair it with e2fsck",
            details=completed.tail,
        )


def extract(
    raw: pathlib.Path, partition: partitions.Partition, into: pathlib.Path, work: pathlib.Path
) -> None:
    """Copy all files of an unmounted, repaired file system into a new directory.

    Device nodes stay behind: a workshop cannot make them, and a booted system has its own.

    Args:
        raw: The image.
        partition: Where the file system is.
        into: The directory to make.
        work: Directory for temporary files.

    Raises:
        errors.ImageError: A file cannot be read.
        errors.NoSpace: The disk of ``into`` is full.
    """
    into.mkdir(parents=True)
    # Names in it are the image's, and debugfs follows whatever they lead to.
    dump = [
        "debugfs",
        "-R",
        f'rdump / "{process.plain(into)}"',
        superblock.at(raw, partition.start),
    ]
    completed = process.run(cells.confined(dump, into, work), timeout_s=_WRITE_TIMEOUT_S)
    # debugfs ends with status 0 whatever happened; only its words and the files tell.
    if complaints := [line for line in completed.tail if line.startswith("rdump: ")]:
        raise _incomplete(partition, complaints)
    special = inodes.special(raw, partition.start, work)
    for inode in special:
        inode.restore(into)
    found = _count_inodes(into) + sum(inode.is_device for inode in special)
    expected = _used_inodes(superblock.read(raw, partition.start))
    if found != expected:
        raise errors.ImageError(
            f"{found} files and directories of partition {partition.number} can be read,"
            f" but it has {expected}",
            hint="fetch the image again, or repair it with e2fsck",
            details=completed.tail,
        )


def _incomplete(
    partition: partitions.Partition, complaints: Sequence[str]
) -> errors.RetrofitError:
    """Return an error for files that were not copied as they are."""
    what = f"the files of partition {partition.number} cannot be copied out"
    last = complaints[-1].removeprefix("rdump: ")
    if any(reason in last for reason in _FULL):
        return errors.NoSpace(f"{what}: {last}", details=tuple(complaints))
    return errors.ImageError(
        f"{what}: {last}",
        hint="fetch the image again, or repair it with e2fsck",
        details=tuple(complaints),
    )


def write(
    raw: pathlib.Path,
    partition: partitions.Partition,
    tree: pathlib.Path,
    like: superblock.Parameters,
    moment: int | None = None,
) -> None:
    """Make a file system that fills a partition and holds a tree, and check it.

    Args:
        raw: The image; the partition's bytes in it are a hole.
        partition: Where the file system goes.
        tree: What goes in; other file systems mounted below it would go in too.
        like: Identity and parameters that the new file system gets.
        moment: When it is to say that it was made, in seconds since 1970, if the same tree is to
            make the same bytes; ``None`` if not.

    Raises:
        errors.NoSpace: The tree does not fit.
        errors.ImageError: What was written is not what should have been.
        errors.ToolMissing: disorderfs is not installed, and the same bytes are wanted.
    """
    clock = repeatable.clock(moment)
    with contextlib.ExitStack() as held:
        files = tree
        if moment is not None:
            # Beside the image: beside the tree may be in another tree.
            files = raw.with_name(f"sorted-{partition.number}")
            held.enter_context(repeatable.sorted_view(tree, files))
        completed = process.run(
            _mke2fs(
                raw, partition, files, like, repeatable.EXTENDED if moment is not None else ""
            ),
            timeout_s=_WRITE_TIMEOUT_S,
            extra_environment=clock,
            check=False,
        )
    if completed.returncode != 0:
        raise _failure(completed, partition, tree)
    if moment is not None:
        repeatable.finish(raw, partition.start, tree, moment)
    # mke2fs makes a lost+found where there is none.
    expected = _count_inodes(tree) + (not (tree / "lost+found").exists())
    _check(raw, partition, like, expected)

    defaults = like.values["Default mount options"]
    if defaults != superblock.read(raw, partition.start).values["Default mount options"]:
        wanted = "" if defaults == "(none)" else defaults.replace(" ", ",")
        options = f"^acl,^user_xattr{',' if wanted else ''}{wanted}"
        process.run(
            ["tune2fs", "-o", options, superblock.at(raw, partition.start)],
            timeout_s=_TOOL_TIMEOUT_S,
            extra_environment=clock,
        )


def _mke2fs(
    raw: pathlib.Path,
    partition: partitions.Partition,
    tree: pathlib.Path,
    like: superblock.Parameters,
    more: str,
) -> list[str | pathlib.Path]:
    """The command that makes a file system like another one, with more extended options."""
    block = like.number("Block size")
    blocks = like.number("Block count")
    label = like.values["Filesystem volume name"]
    words: list[str | pathlib.Path] = ["mke2fs", "-q", "-F"]
    words += ["-O", ",".join(["none", *sorted(like.features)])]
    words += ["-U", like.values["Filesystem UUID"], "-L", "" if label == "<none>" else label]
    words += ["-b", str(block), "-I", like.values["Inode size"]]
    words += ["-i", str(max(block, blocks * block // like.number("Inode count")))]
    words += ["-m", f"{100 * like.number('Reserved block count') / blocks:.2f}"]
    words += ["-e", _ON_ERROR[like.values["Errors behavior"]]]
    if "has_journal" in like.features:
        words += ["-J", f"size={max(1, like.journal // model.MIB)}"]
    # The partition is a hole, so nothing has to be zeroed: assume_storage_prezeroed says the same,
    # in one word, but is unknown before 1.47.
    extended = f"offset={partition.start},lazy_itable_init=1,lazy_journal_init=1"
    seed = like.values.get("Directory Hash Seed")
    if "dir_index" in like.features and seed:
        extended += f",hash_seed={seed}"
    words += ["-E", extended + more, "-d", tree]
    return [*words, raw, str(partition.size // block)]


def _failure(
    completed: process.Completed, partition: partitions.Partition, tree: pathlib.Path
) -> errors.RetrofitError:
    """Say why mke2fs failed."""
    said = " ".join(completed.tail)
    if any(reason in said for reason in _FULL):
        return errors.NoSpace(
            f"the files for partition {partition.number} do not fit in its"
            f" {partition.size // model.MIB} MiB",
            hint="use a larger root file system",
            details=completed.tail,
        )
    return errors.OutputError(
        f"the file system of partition {partition.number} cannot be written from {tree}",
        details=completed.tail,
    )


def _check(
    raw: pathlib.Path, partition: partitions.Partition, like: superblock.Parameters, expected: int
) -> None:
    """Compare what was written with what should have been: an exit status is not enough.

    Raises:
        errors.OutputError: The file system is damaged or holds another number of files.
    """
    process.run(
        ["e2fsck", "-f", "-n", superblock.at(raw, partition.start)], timeout_s=_CHECK_TIMEOUT_S
    )
    made = superblock.read(raw, partition.start)
    count = _used_inodes(made)
    same = made.features == like.features
    if count != expected or not same:
        raise errors.OutputError(
            f"partition {partition.number} has {count} files and directories instead of {expected}"
            f" after writing, and its features are {'the same' if same else 'different'}"
        )


def _used_inodes(found: superblock.Parameters) -> int:
    """Return how many inodes are in use by files and directories other than the root."""
    own = _RESERVED_INODES + ("orphan_file" in found.features)
    return found.number("Inode count") - found.number("Free inodes") - own


def _count_inodes(tree: pathlib.Path) -> int:
    """Count the inodes of the files and directories below a directory."""
    seen: set[tuple[int, int]] = set()
    count = 0
    for _, entry in trees.walk(tree):
        status = entry.stat(follow_symlinks=False)
        if status.st_nlink > 1 and not entry.is_dir(follow_symlinks=False):
            seen.add((status.st_dev, status.st_ino))
            continue
        count += 1
    return count + len(seen)
