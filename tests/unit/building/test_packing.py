"""Archives of file trees."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import pathlib
import subprocess
import tarfile

import pytest

from retrofit import errors, model
from retrofit.building import oci, packing
from retrofit.host import process

_RELEASE = model.Release("debian", "12", "bookworm", "ppc64el")


@pytest.fixture
def tree(tmp_path: pathlib.Path) -> pathlib.Path:
    root = tmp_path / "tree"
    for name in ("etc", "proc/1", "sys/class", "usr/sys"):
        (root / name).mkdir(parents=True)
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n")
    os.setxattr(root / "etc/hosts", "user.told", b"yes")
    (root / "etc/link").symlink_to("hosts")
    return root


def _packed(tree: pathlib.Path, output: pathlib.Path, file_format: model.FileFormat) -> bytes:
    packing.pack(tree, output, file_format, recipe="amphora", release=_RELEASE)
    return output.read_bytes()


@pytest.mark.parametrize("file_format", [model.FileFormat.TAR, model.FileFormat.TGZ])
def test_a_tar_has_all_but_the_kernel_s_own(
    file_format: model.FileFormat, tree: pathlib.Path, tmp_path: pathlib.Path
):
    _packed(tree, tmp_path / "made", file_format)

    with tarfile.open(tmp_path / "made") as archive:
        assert archive.getnames() == [
            *(".", "./etc", "./etc/hosts", "./etc/link", "./usr", "./usr/sys")
        ]
        hosts = archive.getmember("./etc/hosts")
        assert hosts.pax_headers["SCHILY.xattr.user.told"] == "yes"
    zipped = (tmp_path / "made").read_bytes()[:2] == b"\x1f\x8b"
    assert zipped == (file_format is model.FileFormat.TGZ)


def test_a_squashfs_has_the_same(tree: pathlib.Path, tmp_path: pathlib.Path):
    _packed(tree, tmp_path / "made", model.FileFormat.SQUASHFS)

    subprocess.run(
        ["unsquashfs", "-quiet", "-no-progress", "-d", tmp_path / "back", tmp_path / "made"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    found = sorted(
        str(path.relative_to(tmp_path / "back")) for path in (tmp_path / "back").rglob("*")
    )
    assert found == ["etc", "etc/hosts", "etc/link", "usr", "usr/sys"]
    assert os.getxattr(tmp_path / "back/etc/hosts", "user.told") == b"yes"


def test_a_container_image_is_one_layer_that_its_digests_tell(
    tree: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    place = tmp_path / "out"
    place.mkdir()
    archive = io.BytesIO(_packed(tree, place / "made.oci", model.FileFormat.OCI))

    assert [path.name for path in place.iterdir()] == ["made.oci"]
    with tarfile.open(fileobj=archive) as opened:
        held = {one.name: opened.extractfile(one).read() for one in opened}  # type: ignore[union-attr]
    assert json.loads(held["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    (image,) = json.loads(held["index.json"])["manifests"]
    assert image["annotations"] == {"org.opencontainers.image.ref.name": "amphora:debian-12"}
    manifest = json.loads(_blob(held, image))
    config = json.loads(_blob(held, manifest["config"]))
    assert (config["architecture"], config["os"]) == ("ppc64le", "linux")
    (layer,) = manifest["layers"]
    content = gzip.decompress(_blob(held, layer))
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(content).hexdigest()}"]
    with tarfile.open(fileobj=io.BytesIO(content)) as files:
        assert files.getnames() == [
            *(".", "./etc", "./etc/hosts", "./etc/link", "./usr", "./usr/sys")
        ]
    # Nothing but what is named.
    (docker,) = json.loads(held["manifest.json"])
    assert docker["RepoTags"] == ["amphora:debian-12"]
    assert held.keys() == {
        *("oci-layout", "index.json", "manifest.json"),
        *(_place(one) for one in (image, manifest["config"], layer)),
    }
    assert [docker["Config"], *docker["Layers"]] == [_place(manifest["config"]), _place(layer)]


def _place(descriptor: dict[str, str]) -> str:
    return "blobs/" + descriptor["digest"].replace(":", "/")


def _blob(held: dict[str, bytes], descriptor: dict[str, str]) -> bytes:
    found = held[_place(descriptor)]
    assert len(found) == int(descriptor["size"])
    assert f"sha256:{hashlib.sha256(found).hexdigest()}" == descriptor["digest"]
    return found


@pytest.mark.parametrize(
    "file_format", [model.FileFormat.TAR, model.FileFormat.SQUASHFS, model.FileFormat.OCI]
)
def test_the_same_tree_makes_the_same_archive(
    tree: pathlib.Path,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    file_format: model.FileFormat,
) -> None:
    # Of the archive itself, which mksquashfs has in its head.
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    first = _packed(tree, tmp_path / "first", file_format)

    assert _packed(tree, tmp_path / "second", file_format) == first


@pytest.mark.parametrize("file_format", model.TREE_FORMATS)
def test_a_full_disk_is_told(
    tree: pathlib.Path,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    file_format: model.FileFormat,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise errors.CommandError("tar failed", details=("tar: cannot write: No space left",))

    monkeypatch.setattr(process, "run", fail)

    with pytest.raises(errors.NoSpace, match="no space for made in"):
        _packed(tree, tmp_path / "made", file_format)


def test_a_disk_that_fills_with_a_container_image_is_told(
    tree: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(oci.shutil, "copyfileobj", fail)

    with pytest.raises(errors.NoSpace, match="no space for made in"):
        _packed(tree, tmp_path / "made", model.FileFormat.OCI)
