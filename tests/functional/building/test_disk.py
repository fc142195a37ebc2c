"""Images opened, changed, written back and opened again: nothing may be lost on either path."""

from __future__ import annotations

import hashlib
import os
import pathlib
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest
from tests.support.base_images import base_images
from tests.support.building import tiny_images

from retrofit import errors, model
from retrofit.building.disk import (
    conversion,
    ext4,
    growth,
    layout,
    mounts,
    partitions,
    superblock,
    tree,
)
from retrofit.host import memory
from retrofit.host.sandbox import workshop

ROOT_SIZE = 900 * model.MIB
KINDS = [
    pytest.param("noble", "ext4", id="noble-ext4"),
    pytest.param("jammy", "ext4", id="jammy-ext4"),
    # The guestfs path: half a dozen emulated virtual machines.
    pytest.param("noble", "xfs", id="noble-xfs", marks=pytest.mark.slow),
]
Snapshot = dict[str, tiny_images.Entry]


@pytest.fixture
def work() -> Iterator[pathlib.Path]:
    """A work directory as a build has it."""
    with workshop.work_directory(None) as directory:
        yield directory


def _reopened(raw: pathlib.Path, place: pathlib.Path) -> tuple[layout.Layout, Snapshot]:
    """Open an image as a proof does, and describe its tree."""
    place.mkdir()
    found = layout.read(raw, place)
    with tree.open_tree(raw, found, place, in_memory=True) as opened:
        return found, tiny_images.snapshot(opened.path)


def _identity(found: layout.Layout) -> object:
    """What must stay of a layout: everything but the root partition's size."""
    partitions = [
        (one.number, one.start, one.type_code, one.uuid, one.filesystem)
        for one in found.table.partitions
    ]
    return found.table.kind, partitions, found.release


@pytest.mark.parametrize(("layout_name", "root_filesystem"), KINDS)
def test_everything_survives(work: pathlib.Path, layout_name: str, root_filesystem: str) -> None:
    raw = work / "disk.raw"

    def scenario(_: object) -> tuple[layout.Layout, layout.Layout, list[Snapshot], list[str]]:
        tiny_images.make(raw, work, layout_name=layout_name, root_filesystem=root_filesystem)
        first = work / "first"
        first.mkdir()
        before = layout.read(raw, first)
        grown = growth.grow(raw, before, ROOT_SIZE)
        with tree.open_tree(raw, grown, first) as opened:
            tiny_images.decorate(opened.path)
            opened.write_back()
            decorated = tiny_images.snapshot(opened.path)
        second = work / "second"
        second.mkdir()
        with tree.open_tree(raw, grown, second) as opened:
            read_again = tiny_images.snapshot(opened.path)
            tiny_images.disturb(opened.path)
            disturbed = tiny_images.snapshot(opened.path)
            opened.write_back()
        after, read_in_the_end = _reopened(raw, work / "third")
        mounts = pathlib.Path("/proc/self/mounts").read_text().splitlines()
        left = [line for line in mounts if str(work) in line]
        return before, after, [decorated, read_again, disturbed, read_in_the_end], left

    before, after, snapshots, left = workshop.run(work, scenario, base_images.Silent())
    decorated, read_again, disturbed, read_in_the_end = snapshots
    for entries in (read_again, read_in_the_end):
        assert entries["usr/lib/program"].links == ("usr/lib/program", "usr/lib/program-too")
    assert dict(decorated["var/log/journal"].attributes).keys() == {
        "system.posix_acl_access",
        "system.posix_acl_default",
    }
    assert _without_times(read_again) == _without_times(decorated)
    assert _without_times(read_in_the_end) == _without_times(disturbed)
    assert _identity(after) == _identity(before)
    assert after.root.partition.size >= ROOT_SIZE > before.root.partition.size
    assert left == []
    _table_is_valid(raw)


@pytest.mark.parametrize(
    ("hole", "available", "in_memory"),
    [
        pytest.param(0, 8 * model.GIB, True, id="plenty"),
        pytest.param(0, 64 * model.MIB, False, id="short"),
        # A copy has no holes, and takes more than the blocks in use.
        pytest.param(300 * model.MIB, 8 * model.GIB, False, id="hole"),
    ],
)
def test_files_are_in_memory_where_they_fit(
    work: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    hole: int,
    available: int,
    in_memory: bool,
) -> None:
    raw = work / "disk.raw"
    monkeypatch.setattr(memory, "available", lambda: available)

    def scenario(_: object) -> tuple[bool, int]:
        tiny_images.make(raw, work, layout_name="noble", root_filesystem="ext4")
        first, second = work / "first", work / "second"
        for place in (first, second):
            place.mkdir()
        found = growth.grow(raw, layout.read(raw, first), ROOT_SIZE)
        with tree.open_tree(raw, found, first) as opened:
            with (opened.path / "var/hole").open("wb") as sparse:
                sparse.truncate(hole)
            opened.write_back()
        with tree.open_tree(raw, found, second, in_memory=True) as opened:
            size = (opened.path / "var/hole").stat().st_size
            return (second / "tree/bases").is_mount(), size

    seen = workshop.run(work, scenario, base_images.Silent())

    assert seen == (in_memory, hole)


def test_a_build_goes_on_from_a_layer(work: pathlib.Path) -> None:
    raw, again = work / "disk.raw", work / "again.raw"
    layer = work / "layer"

    def open_one(disk: pathlib.Path, place: pathlib.Path) -> AbstractContextManager[tree.OpenTree]:
        place.mkdir()
        return tree.open_tree(disk, layout.read(disk, place), place)

    def scenario(_: object) -> tuple[list[Snapshot], list[str], bool]:
        tiny_images.make(raw, work, layout_name="noble", root_filesystem="ext4")
        shutil.copyfile(raw, again)
        with open_one(raw, work / "first") as opened:
            tiny_images.disturb(opened.path)
            digests = [opened.digest(())]
            (opened.path / "etc/hostname").chmod(0o600)
            digests += [opened.digest(()), opened.digest(("etc/hostname",))]
            (opened.path / "etc/hostname").unlink()
            digests += [opened.digest(()), opened.digest(("etc/hostname",))]
            (opened.path / "etc/hostname").write_text("earlier")
            opened.keep(layer)
            kept = tiny_images.snapshot(opened.path)
            (opened.path / "etc/hostname").write_text("later")
        with open_one(again, work / "second") as opened:
            tiny_images.disturb(opened.path)
            (opened.path / "etc/lost").write_text("dropped")
            opened.resume(layer)
            resumed = tiny_images.snapshot(opened.path)
            (opened.path / "many/renamed").unlink()
            opened.make_room()
            opened.write_back()
        _, written = _reopened(again, work / "third")
        return [kept, resumed, written], digests, opened.takes_layers

    snapshots, digests, takes_another = workshop.run(work, scenario, base_images.Silent())
    kept, resumed, written = snapshots
    assert _without_times(resumed) == _without_times(kept)
    del resumed["many/renamed"]
    assert _without_times(written) == _without_times(resumed)
    assert written["etc/hostname"].content == hashlib.sha256(b"earlier").hexdigest()
    plain, closed, without, gone, still_without = digests
    assert len({plain, closed, gone}) == 3
    assert without == still_without
    assert not takes_another


def _without_times(entries: Snapshot) -> dict[str, object]:
    """Describe a tree without the times of directories, which reading and cleaning change."""
    return {
        path: (
            entry.mode,
            entry.owner,
            entry.content,
            entry.attributes,
            entry.modified if entry.content else None,
        )
        for path, entry in entries.items()
        # A FAT file system has times of two seconds and neither owners nor modes.
        if not path.startswith("boot/efi/")
    } | {path: entry.content for path, entry in entries.items() if path.startswith("boot/efi/")}


def _table_is_valid(raw: pathlib.Path) -> None:
    """Have two independent programs check the partition table."""
    assert subprocess.run(["sfdisk", "--verify", raw], capture_output=True).returncode == 0
    checked = subprocess.run(["sgdisk", "--verify", raw], capture_output=True, text=True)
    assert "No problems found" in checked.stdout


@pytest.mark.parametrize(
    "options",
    [
        ["-t", "ext2"],
        ["-t", "ext3", "-b", "1024"],
        ["-t", "ext4", "-O", "metadata_csum_seed,orphan_file", "-m", "1", "-e", "remount-ro"],
        ["-t", "ext4", "-O", "^64bit,^metadata_csum", "-I", "128", "-L", "a label"],
    ],
)
def test_a_new_ext4_is_like_the_old_one(work: pathlib.Path, options: list[str]) -> None:
    raw = work / "disk.raw"
    same = ("Filesystem UUID", "Filesystem volume name", "Filesystem features", "Block size")
    same += ("Inode size", "Errors behavior", "Default mount options", "Reserved block count")

    def scenario(_: object) -> tuple[superblock.Parameters, superblock.Parameters]:
        with raw.open("wb") as stream:
            stream.truncate(300 * model.MIB)
        subprocess.run(["sfdisk", "-q", raw], input=b"label: gpt\n1: start=2048\n", check=True)
        files = work / "files"
        files.mkdir()
        tiny_images.plant(files)
        offset = ["-E", f"offset={model.MIB}", "-d", files]
        subprocess.run(["mke2fs", "-q", *options, *offset, raw, "298M"], check=True)
        found = layout.read(raw, work)
        before = superblock.read(raw, model.MIB)
        with tree.open_tree(raw, found, work) as opened:
            (opened.path / "new").write_text("file")
            opened.write_back()
        return before, superblock.read(raw, model.MIB)

    before, after = workshop.run(work, scenario, base_images.Silent())
    assert {name: after.values[name] for name in same} == {
        name: before.values[name] for name in same
    }
    assert after.journal == before.journal


def test_a_journal_is_replayed(work: pathlib.Path) -> None:
    raw = work / "disk.raw"

    def scenario(_: object) -> tuple[str, str]:
        tiny_images.make(raw, work, layout_name="jammy", root_filesystem="ext4")
        found = layout.read(raw, work)
        where = f"{raw}?offset={found.root.partition.start}"
        (work / "block").write_bytes(b"x" * 4096)
        free = superblock.read(raw, found.root.partition.start).number("Block count") - 1
        transaction = f"jo\njw -b {free} {work / 'block'}\njc\n"
        subprocess.run(["debugfs", "-w", "-f", "-", where], input=transaction.encode(), check=True)
        before = superblock.read(raw, found.root.partition.start).values["Filesystem features"]
        with tree.open_tree(raw, found, work) as opened:
            return before, (opened.path / "etc/hostname").read_text()

    before, content = workshop.run(work, scenario, base_images.Silent())
    assert "needs_recovery" in before
    assert content == "tiny\n"


def test_files_that_do_not_fit_say_so_and_leave_the_image(work: pathlib.Path) -> None:
    raw = work / "disk.raw"

    def scenario(_: object) -> tuple[str, list[str], Snapshot, Snapshot]:
        tiny_images.make(raw, work, layout_name="jammy", root_filesystem="ext4")
        _, before = _reopened(raw, work / "first")
        place = work / "second"
        place.mkdir()
        found = layout.read(raw, place)
        with pytest.raises(errors.NoSpace) as failure:
            _overfill(raw, found, place)
        mounts = pathlib.Path("/proc/self/mounts").read_text().splitlines()
        left = [line for line in mounts if str(work) in line]
        return str(failure.value), left, before, _reopened(raw, work / "third")[1]

    message, left, before, after = workshop.run(work, scenario, base_images.Silent())
    assert "partition 1" in message and "MiB" in message
    assert left == []
    assert _without_times(after) == _without_times(before)


def _overfill(raw: pathlib.Path, found: layout.Layout, place: pathlib.Path) -> None:
    """Try to write back as much as the whole partition has room for."""
    with tree.open_tree(raw, found, place) as opened:
        with (opened.path / "large").open("wb") as large:
            for _ in range(found.root.partition.size // model.MIB):
                large.write(b"x" * model.MIB)
        opened.write_back()


@pytest.mark.parametrize(
    ("image_format", "compression"),
    [
        (model.ImageFormat.RAW, model.Compression.ZSTD),
        (model.ImageFormat.QCOW2, model.Compression.ZLIB),
        (model.ImageFormat.QCOW2, model.Compression.ZSTD),
    ],
)
def test_conversion_keeps_every_byte(
    work: pathlib.Path, image_format: model.ImageFormat, compression: model.Compression
) -> None:
    raw, back = work / "disk.raw", work / "back.raw"
    output = work / f"image.{image_format}"

    def scenario(_: object) -> None:
        tiny_images.make(raw, work, layout_name="jammy", root_filesystem="ext4")
        conversion.from_raw(raw, output, image_format, compression)
        conversion.to_raw(output, back)

    workshop.run(work, scenario, base_images.Silent())
    assert subprocess.run(["cmp", raw, back]).returncode == 0
    assert back.stat().st_blocks * 512 < raw.stat().st_size / 2


@pytest.mark.parametrize(
    ("size", "owner", "error", "message"),
    [
        (
            4 * model.MIB,
            0,
            errors.NoSpace,
            "the files of partition 1 cannot be copied out: No space left on device while writing"
            " file",
        ),
        (
            32 * model.MIB,
            70_000,
            errors.ImageError,
            "/owned belongs to user 70000 and group 70000, but the highest id that is supported is"
            " 65535",
        ),
    ],
    ids=["full", "owner"],
)
def test_files_are_copied_whole_or_not_at_all(
    work: pathlib.Path,
    size: int,
    owner: int,
    error: type[errors.RetrofitError],
    message: str,
) -> None:
    raw = work / "disk.raw"
    source = work / "source"
    source.mkdir(mode=0o755)
    (source / "large").write_bytes(bytes(range(1, 251)) * 32_000)
    (source / "owned").touch()
    os.chown(source / "owned", owner, owner)
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-d", source, raw, "32M"], check=True)
    raw.chmod(0o644)
    place = partitions.Partition(1, 0, raw.stat().st_size, "", "", None)

    def scenario(_: object) -> str:
        into = work / "into"
        into.mkdir()
        with mounts.memory(into, size):
            try:
                ext4.extract(raw, place, into / "files", work)
            except error as fault:
                return fault.message
            return "copied"

    said = workshop.run(work, scenario, base_images.Silent())

    assert said == message
