"""Base images from a mirror are in the layouts of real ones, and complete."""

from __future__ import annotations

import logging
import pathlib
import re
import shutil
from collections.abc import Iterator

import pytest
from tests.support.base_images import base_images
from tests.support.building import local_archive
from tests.support.host import web_server
from tests.support.publishing import publishing

from retrofit import cloud, errors, model
from retrofit.base_images import bootstrap, origins
from retrofit.base_images.scratch import recipe as recipes
from retrofit.base_images.scratch import shape, system
from retrofit.building.disk import conversion, layout, tree
from retrofit.host import web
from retrofit.host.sandbox import networks, workshop

_LINUX = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"
_BIOS_BOOT = "21686148-6449-6E6F-744E-656564454649"
_ESP = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
_EXTENDED_BOOT = "BC13C2FF-59E6-4262-A352-B275FD6F7172"

_FILES = (
    "boot/grub/grub.cfg",
    "boot/grub/i386-pc/normal.mod",
    "boot/efi/EFI/BOOT/BOOTX64.EFI",
    "etc/fstab",
    "usr/bin/cloud-init",
    "usr/sbin/sshd",
    "usr/lib/systemd/systemd",
)


@pytest.fixture
def work() -> Iterator[pathlib.Path]:
    """A work directory as a build has it."""
    with workshop.work_directory(None) as directory:
        yield directory


@pytest.mark.parametrize("layout_name", ["noble", "jammy"])
def test_a_base_image_is_like_the_real_one(work: pathlib.Path, layout_name: str) -> None:
    image = getattr(base_images, layout_name)()
    raw = work / "disk.raw"
    conversion.to_raw(image, raw)
    workshop.adopt(raw)

    def look(_: object) -> tuple[layout.Layout, dict[str, str], list[str], dict[str, str]]:
        found = layout.read(raw, work)
        with tree.open_tree(raw, found, work) as opened:
            there = [name for name in _FILES if (opened.path / name).exists()]
            apt = opened.path / "etc/apt"
            sources = {
                str(path.relative_to(apt)): path.read_text()
                for path in [apt / "sources.list", *apt.glob("sources.list.d/*")]
            }
            texts = {name: (opened.path / name).read_text() for name in there[:1] + there[3:4]}
            texts["machine-id"] = (opened.path / "etc/machine-id").read_text()
            texts["keys"] = " ".join(map(str, opened.path.glob("etc/ssh/ssh_host_*")))
        return found, texts, there, sources

    found, texts, there, sources = workshop.run(work, look, base_images.Silent())
    assert found.release == model.Release("debian", "12", "bookworm", "amd64")
    assert tuple(there) == _FILES
    assert (texts["machine-id"], texts["keys"]) == ("", "")

    types = {one.number: one.type_code for one in found.table.partitions}
    expected = {1: _LINUX, 14: _BIOS_BOOT, 15: _ESP}
    separate = layout_name == "noble"
    assert types == (expected | {16: _EXTENDED_BOOT} if separate else expected)
    assert max(found.table.partitions, key=lambda one: one.start).number == 1
    assert found.root.filesystem.label == "cloudimg-rootfs"
    assert found.esp is not None and found.esp.filesystem.label == "UEFI"
    assert (found.boot is not None and found.boot.filesystem.label == "BOOT") == separate
    assert "LABEL=cloudimg-rootfs\t/\t" in texts["etc/fstab"]

    kernel = "/vmlinuz-" if separate else "/boot/vmlinuz-"
    assert f"linux\t{kernel}" in texts["boot/grub/grub.cfg"]
    assert f"root=UUID={found.root.filesystem.uuid}" in texts["boot/grub/grub.cfg"]
    assert "console=ttyS0" in texts["boot/grub/grub.cfg"]
    assert ("debian.sources" in str(sources)) == separate
    assert ("deb http" in sources["sources.list"]) != separate

    code = raw.read_bytes()[:512]
    assert code[510:] == b"\x55\xaa" and b"GRUB" in code
    assert image.stat().st_size < 290 * model.MIB
    assert raw.stat().st_size < 3 * model.GIB


@pytest.mark.parametrize(
    "wrong",
    [{"distribution": "gentoo"}, {"layout": "focal"}, {"architecture": "s390x"}],
)
def test_unknown_names_are_refused(tmp_path: pathlib.Path, wrong: dict[str, str]) -> None:
    with pytest.raises(errors.UsageError, match=next(iter(wrong.values()))):
        _bootstrap(tmp_path, **wrong)


def test_a_mirror_that_does_not_answer(work: pathlib.Path) -> None:
    with pytest.raises(errors.Unavailable, match=r"127\.0\.0\.1:9/debian"):
        workshop.run(
            work,
            lambda _: _bootstrap(work, mirror="http://127.0.0.1:9/debian"),
            base_images.Silent(),
        )


def test_the_login_of_a_mirror_is_shown_to_the_mirror_alone(
    work: pathlib.Path, tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    index = tmp_path / "debian/dists/bookworm/InRelease"
    index.parent.mkdir(parents=True)
    index.write_text("signed by nobody\n")
    with web_server.serving(tmp_path) as server:
        server.password = "me:s3cret/x"
        url = server.url.replace("//", "//me:s3cret%2Fx@") + "debian"
        with pytest.raises(errors.Denied, match="not signed with a key") as raised:
            workshop.run(
                work,
                lambda _: _bootstrap(work, mirror=url),
                base_images.Silent(),
                network=networks.Network.HOST,
            )
        [sent] = {answer.sent for answer in server.of("debian/dists/bookworm/InRelease")}
    assert sent == len("signed by nobody\n")
    assert "mmdebstrap" in caplog.text
    told = f"{caplog.text}{raised.value.message}{raised.value.details}"
    assert "s3cret" not in told


def test_a_source_is_told_by_what_the_mirror_has(work: pathlib.Path) -> None:
    mirror = work / "mirror"
    for suite in ("noble", "noble-updates", "noble-security"):
        (mirror / "dists" / suite).mkdir(parents=True)
        there = pathlib.Path("dists", suite, "InRelease")
        shutil.copy(local_archive.archive() / local_archive.NOW / there, mirror / there)

    def find(**other: str) -> origins.Origin:
        wanted = bootstrap.Wanted(**({"series": "noble", "architecture": "x86_64"} | other))
        return wanted.find(_no_cloud, web.Access())

    with web_server.serving(mirror) as server, web_server.serving(mirror) as other:
        first = find(mirror=server.url)
        assert first.name == "bootstrap-ubuntu-noble-amd64"
        assert first.base is not None and len(first.base.version_name) == 8
        assert find(mirror=other.url).content_hash() == first.content_hash()
        with pytest.raises(errors.InputMissing, match="has no list of packages for arm64"):
            find(mirror=server.url, architecture="aarch64")
        with pytest.raises(
            errors.InputMissing, match="dists/jammy/InRelease: the file does not exist"
        ):
            find(mirror=server.url, series="jammy")

        release = mirror / "dists/noble/InRelease"
        text = release.read_text()
        release.write_text(re.sub("\nDate: .*", "\nDate: Sat, 01 Aug 2099 00:00:00 UTC", text))
        anew = find(mirror=server.url)
        assert anew.content_hash() == first.content_hash()
        assert anew.base is not None and anew.base.version_name == "20990801"

        later = local_archive.archive() / local_archive.LATER / "dists/noble-updates/InRelease"
        shutil.copy(later, mirror / "dists/noble-updates/InRelease")
        assert find(mirror=server.url).content_hash() != first.content_hash()
        with pytest.raises(errors.InputMissing, match="expired.*the mirror has changed; plan ag"):
            first.bring(work, publishing.Silent())


def _no_cloud() -> cloud.Cloud:
    raise AssertionError("no cloud is needed")


def _bootstrap(work: pathlib.Path, **other: str) -> None:
    names = {"distribution": "debian", "layout": "noble", "architecture": "amd64", "mirror": ""}
    names |= other
    layout = shape.Shape(names.pop("layout"))
    recipe = recipes.Recipe(version="", release="bookworm", shape=layout, **names)
    system.bootstrap(
        work / "image.qcow2",
        recipe,
        identity="test",
        access=web.Access(),
        image_format=model.ImageFormat.QCOW2,
        work=work,
    )
