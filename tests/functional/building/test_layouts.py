"""Where people have their file systems: all of them are there and written back, or named."""

from __future__ import annotations

import pathlib
import subprocess
from collections.abc import Iterator, Sequence

import pytest
from tests.support.base_images import base_images
from tests.support.building import many_disks, tiny_images
from tests.support.building.many_disks import Part

from retrofit import errors, model
from retrofit.building.disk import growth, layout, partitions, tree
from retrofit.host.sandbox import workshop

_BOOT_TYPE = "BC13C2FF-59E6-4262-A352-B275FD6F7172"
_VAR_TYPE = "4D21B016-B534-45C2-A9FB-5C16E091FD2D"
_HOME_TYPE = "933AC7E1-2EB4-4F13-B844-0E14E2AEF915"
_SRV_TYPE = "3B8F8425-20E0-4F3B-907F-1A25A76F98E8"
_ROOT_SIZE = 100 * model.MIB
_EIGHT = (
    Part("/boot", "PARTLABEL=part\\0401"),
    Part("/home", "LABEL=home"),
    Part("/opt", "/dev/disk/by-label/opt"),
    Part("/srv", "/dev/sda4"),
    Part("/var", "LABEL=var"),
    Part("/var/log", "/dev/disk/by-partlabel/part\\x206"),
    Part("/usr/local", "/dev/vda7"),
    Part("/", "LABEL=root"),
)


@pytest.fixture
def work() -> Iterator[pathlib.Path]:
    """A work directory as a build has it."""
    with workshop.work_directory(None) as directory:
        yield directory


def _files(top: pathlib.Path) -> dict[str, str]:
    """Return the text of each file of a tree."""
    files = (path for path in top.rglob("*") if path.is_file())
    return {str(path.relative_to(top)): path.read_text() for path in files}


def _changed(
    work: pathlib.Path, raw: pathlib.Path
) -> tuple[layout.Layout, dict[str, str], dict[str, str]]:
    """Open a disk, write below each mount point, and read it again; call it in a workshop."""
    (work / "first").mkdir()
    found = growth.grow(raw, layout.read(raw, work / "first"), _ROOT_SIZE)
    with tree.open_tree(raw, found, work / "first") as opened:
        before = _files(opened.path)
        for one in found.volumes:
            (opened.path / one.mount_point.lstrip("/") / "new").write_text(one.mount_point)
        (opened.path / "var/log/file").unlink()
        opened.make_room()
        opened.write_back()
    (work / "second").mkdir()
    again = layout.read(raw, work / "second")
    with tree.open_tree(raw, again, work / "second") as opened:
        return again, before, _files(opened.path)


def _retrofitted(
    work: pathlib.Path, raw: pathlib.Path
) -> tuple[layout.Layout, dict[str, str], dict[str, str]]:
    """Do that, and return what was on the disk before and after."""
    workshop.adopt(raw)
    return workshop.run(work, lambda _: _changed(work, raw), base_images.Silent())


@pytest.mark.parametrize(
    ("parts", "label"),
    [
        pytest.param(_EIGHT, "gpt", id="eight"),
        pytest.param(
            (
                Part("/boot", "", _BOOT_TYPE),
                Part("/var", "", _VAR_TYPE),
                Part("/home", "", _HOME_TYPE),
                Part("/", "LABEL=root"),
            ),
            "gpt",
            id="by type alone",
        ),
        pytest.param(
            (Part("/var/lib", "LABEL=var-lib"), Part("/usr", "LABEL=usr"), Part("/", "/dev/vda3")),
            "gpt",
            id="the system itself elsewhere",
        ),
        pytest.param(
            (Part("/boot", "/dev/sda1", "83"), Part("/", "LABEL=root", "83")), "dos", id="mbr"
        ),
    ],
)
def test_every_file_system_is_there_and_written_back(
    work: pathlib.Path, parts: Sequence[Part], label: str
) -> None:
    raw = work / "disk.raw"
    many_disks.make(raw, parts, label=label)
    many_disks.plant(work / "expected")
    expected = _files(work / "expected")

    found, before, after = _retrofitted(work, raw)

    assert [one.mount_point for one in found.volumes] == sorted(one.mount_point for one in parts)
    assert found.release.series == "bookworm"
    assert {name: before[name] for name in expected} == expected
    del expected["var/log/file"]
    places = {(one.mount_point.strip("/") + "/new").lstrip("/"): one.mount_point for one in parts}
    assert {name: after[name] for name in {**expected, **places}} == {**expected, **places}
    assert "var/log/file" not in after
    root = found.root.partition
    assert root.size >= _ROOT_SIZE


def test_a_partition_that_nothing_mounts_stays_as_it_is(work: pathlib.Path) -> None:
    raw = work / "disk.raw"
    # The root file system has files in /home: systemd mounts nothing there.
    many_disks.make(raw, (Part("/opt", "", _HOME_TYPE), Part("/", "LABEL=root")))

    found, _, after = _retrofitted(work, raw)

    assert [one.mount_point for one in found.volumes] == ["/"]
    assert after["home/me/file"] == "mine\n"


def test_a_root_in_a_logical_partition_grows(work: pathlib.Path) -> None:
    raw = work / "disk.raw"
    content = work / "content"
    many_disks.plant(content)
    (content / "etc").mkdir()
    (content / "etc/fstab").write_text("/dev/vda5 / ext4 defaults 0 1\n")
    with raw.open("wb") as image:
        image.truncate(60 * model.MIB)
    table = "label: dos\n1: start=1MiB, size=50MiB, type=5\n5: start=2MiB, size=48MiB, type=83\n"
    subprocess.run(["sfdisk", "--quiet", raw], input=table, text=True, check=True)
    many_disks.fill(raw, 2, Part("/", size=48), content)

    found, _, after = _retrofitted(work, raw)

    assert (found.root.partition.number, after["new"]) == (5, "/")
    assert found.root.partition.size >= _ROOT_SIZE
    [extended] = [one for one in found.table.partitions if one.number == 1]
    assert extended.end >= found.root.partition.end


@pytest.mark.slow
def test_a_file_system_beside_an_xfs_root_is_written_back(work: pathlib.Path) -> None:
    raw, content = work / "disk.raw", work / "content"

    def make(_: object) -> None:
        tiny_images.make(raw, work, layout_name="jammy", root_filesystem="xfs")

    workshop.run(work, make, base_images.Silent())
    start = raw.stat().st_size // model.MIB
    with raw.open("r+b") as image:
        image.truncate((start + 18) * model.MIB)
    content.mkdir()
    (content / "file").write_text("served\n")
    quiet = ["sfdisk", "--quiet"]
    subprocess.run([*quiet, "--relocate", "gpt-bak-std", raw], check=True)
    line = f"start={start}MiB, size=16MiB, type={_SRV_TYPE}\n"
    subprocess.run([*quiet, "--append", raw], input=line, text=True, check=True)
    many_disks.fill(raw, start, Part("/srv"), content)

    def change(_: object) -> list[str]:
        for name, path in (("first", "srv/file"), ("second", "srv/new")):
            (work / name).mkdir()
            found = layout.read(raw, work / name)
            with tree.open_tree(raw, found, work / name) as opened:
                texts.append((opened.path / path).read_text())
                texts.append((opened.path / "etc/hostname").read_text())
                (opened.path / "srv/new").write_text("new\n")
                (opened.path / "etc/hostname").write_text("changed\n")
                if name == "first":
                    opened.write_back()
        return texts

    texts: list[str] = []
    found = workshop.run(work, change, base_images.Silent())
    assert found == ["served\n", "tiny\n", "new\n", "changed\n"]


def test_a_file_system_that_is_too_small_is_named(work: pathlib.Path) -> None:
    raw = work / "disk.raw"
    many_disks.make(raw, (Part("/opt", "LABEL=opt"), Part("/", "LABEL=root")))

    workshop.adopt(raw)

    def overfill(_: object) -> None:
        found = layout.read(raw, work)
        with tree.open_tree(raw, found, work) as opened:
            (opened.path / "opt/large").write_bytes(bytes([1]) * 17 * model.MIB)
            opened.write_back()

    with pytest.raises(errors.NoSpace) as raised:
        workshop.run(work, overfill, base_images.Silent())
    assert raised.value.message.endswith("its 16 MiB, which is mounted at /opt")


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        ("vmdk", "the image is a VMDK disk"),
        ("vhdx", "the image is a VHDX disk"),
        ("vdi", "the image is a VDI disk"),
        ("vpc", "the image is a VHD disk"),
        ("qed", "the image is a QED disk"),
    ],
)
def test_disks_of_other_machines_are_named(tmp_path: pathlib.Path, kind: str, fault: str) -> None:
    image = tmp_path / "image"
    subprocess.run(["qemu-img", "create", "-q", "-f", kind, image, "8M"], check=True)
    with pytest.raises(errors.ImageError, match=fault) as raised:
        partitions.read(image)
    assert "qemu-img convert" in raised.value.hint


@pytest.mark.parametrize(
    ("command", "fault"),
    [
        ("gzip --stdout", "packed with gzip"),
        ("xz --stdout", "packed with xz"),
        ("bzip2 --stdout", "packed with bzip2"),
        ("zstd --quiet --stdout", "packed with zstd"),
        ("tar --create --file=-", "a tar archive"),
    ],
)
def test_packed_images_are_named(tmp_path: pathlib.Path, command: str, fault: str) -> None:
    (tmp_path / "disk").write_bytes(bytes(model.MIB))
    with (tmp_path / "packed").open("wb") as packed:
        subprocess.run([*command.split(), "disk"], cwd=tmp_path, stdout=packed, check=True)
    with pytest.raises(errors.ImageError, match=f"the image is {fault}"):
        partitions.read(tmp_path / "packed")


def test_sectors_of_another_size_are_named(tmp_path: pathlib.Path) -> None:
    image = tmp_path / "image"
    image.write_bytes(bytes(64 * model.MIB))
    commands = "g\nn\n1\n\n\nw\n"
    fdisk = ["fdisk", "--sector-size", "4096", image]
    subprocess.run(fdisk, input=commands, text=True, check=True, stdout=subprocess.DEVNULL)
    with pytest.raises(errors.ImageError, match="sectors of 4096 bytes"):
        partitions.read(image)
