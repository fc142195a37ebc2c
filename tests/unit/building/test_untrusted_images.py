"""What an image could reach out of its tree with: links, labels and variables."""

from __future__ import annotations

import contextlib
import os
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest

from retrofit import errors, model
from retrofit.building.disk import esp, grub, inodes, layout, mounts, partitions, tree, volume
from retrofit.host import process
from retrofit.host.sandbox import cells

_UUID = "6f3c2f0e-3b3c-4c1e-9d1c-0b5f3a0c7d11"


def _volume(mount_point: str, number: int, *, label: str = "") -> volume.Volume:
    filesystem = partitions.Filesystem("ext4", _UUID, label)
    partition = partitions.Partition(
        number=number, start=0, size=model.MIB, type_code="", uuid=_UUID, filesystem=filesystem
    )
    return volume.Volume(mount_point, partition, filesystem)


def _layout(*, boot: volume.Volume | None = None, label: str = "") -> layout.Layout:
    root = _volume("/", 1, label=label)
    volumes = [root] if boot is None else [root, boot]
    table = partitions.Table(
        kind="gpt", sector_size=512, partitions=tuple(one.partition for one in volumes)
    )
    release = model.Release("debian", "12", "bookworm", "amd64")
    return layout.Layout(table=table, root=root, boot=boot, esp=None, release=release)


@pytest.fixture
def root(tmp_path: pathlib.Path) -> pathlib.Path:
    """Return a tree beside a directory of the host."""
    (tmp_path / "host").mkdir()
    (tmp_path / "root/etc").mkdir(parents=True)
    return tmp_path / "root"


@pytest.mark.parametrize(
    ("link", "path"),
    [
        ("../run/systemd/resolve/stub-resolv.conf", "/run/systemd/resolve/stub-resolv.conf"),
        ("/run/resolvconf/resolv.conf", "/run/resolvconf/resolv.conf"),
        ("../../../../oldroot/etc/new", "/oldroot/etc/new"),
        ("/out/new", "/host/new"),
    ],
)
def test_the_resolver_configuration_stays_in_the_cell(
    root: pathlib.Path, monkeypatch: pytest.MonkeyPatch, link: str, path: str
) -> None:
    (root / "out").symlink_to("../host")
    (root / "etc/resolv.conf").symlink_to(link)

    words = _words(root, monkeypatch)

    assert words[words.index(str(root.parent / "resolv.conf")) + 1] == path


@pytest.mark.parametrize("link", ["../../..", "resolv.conf", "."])
def test_a_resolver_configuration_that_is_no_file_is_the_images_fault(
    root: pathlib.Path, monkeypatch: pytest.MonkeyPatch, link: str
) -> None:
    (root / "etc/resolv.conf").symlink_to(link)
    with pytest.raises(errors.ImageError, match=r"/etc/resolv\.conf"):
        _words(root, monkeypatch)


def test_a_bind_lands_where_the_tree_itself_says(
    root: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "usr").symlink_to("/oldroot/usr")
    bind = cells.Bind(root.parent / "probe", "/usr/probe")

    words = _words(root, monkeypatch, bind)

    assert words[words.index(str(bind.source)) + 1] == "/oldroot/usr/probe"


def _words(
    root: pathlib.Path, monkeypatch: pytest.MonkeyPatch, *binds: cells.Bind, **variables: str
) -> list[str]:
    """Return the command line of a cell."""
    seen: list[str] = []

    def run(argv: list[str], **options: Any) -> process.Completed:
        descriptor = options["pass_fds"][0]
        assert argv[argv.index("--args") + 1] == str(descriptor)
        given = os.pread(descriptor, 65536, 0).decode().split("\0")
        # What bubblewrap itself runs with is set anew, or its programs would see it.
        assert given[::3] == ["--setenv"] * (len(given) // 3) + [""]
        assert options["only_environment"].keys() <= set(given[1::3])
        for name, value in variables.items():
            assert given[given.index(name) - 1 : given.index(name) + 2] == [
                "--setenv",
                name,
                value,
            ]
            assert name not in options["only_environment"] or name == "PATH"
            assert value not in options["only_environment"].values()
        seen.extend(argv)
        return process.Completed(tuple(argv), 0, "", ())

    monkeypatch.setattr(process, "run", run)
    cells.Cell(root=root, work=root.parent, binds=binds, environment=variables).run(
        ["true"], timeout_s=1
    )
    return seen


def test_variables_of_a_cell_count_in_it_only_and_are_on_no_command_line(
    root: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = _words(
        root,
        monkeypatch,
        LD_PRELOAD="/var/tmp/evil.so",
        PATH="/tmp/programs",
        http_proxy="http://user:secret@proxy:3128",
    )

    assert not any("secret" in word or "evil" in word for word in words)


def test_a_link_in_place_of_boot_has_nothing_mounted_outside(
    root: pathlib.Path, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    mounted: list[pathlib.Path] = []

    @contextlib.contextmanager
    def overlay(
        layers: tuple[pathlib.Path, ...], changes: pathlib.Path, merged: pathlib.Path
    ) -> Iterator[mounts.Overlay]:
        if not mounted:
            merged.mkdir()
            (merged / "boot").symlink_to(tmp_path / "host")
        mounted.append(merged)
        yield mounts.Overlay(layers, changes, merged)

    monkeypatch.setattr(
        tree, "_prepare", lambda _raw, volume, work, bases: tree._Part(volume, bases, work, None)
    )
    monkeypatch.setattr(tree, "_read", lambda _raw, _part: None)
    monkeypatch.setattr(mounts, "overlay", overlay)
    found = _layout(boot=_volume("/boot", 2))
    with tree.open_tree(tmp_path / "raw", found, tmp_path) as opened_tree:
        root_at, boot_at = mounted
        assert root_at == opened_tree.path
        assert boot_at.is_relative_to(opened_tree.path)
        assert boot_at.resolve().is_relative_to(opened_tree.path)


def test_what_a_copy_lacks_is_given_to_files_of_the_tree_only(
    root: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[pathlib.Path] = []
    monkeypatch.setattr(os, "setxattr", lambda path, *_, **__: given.append(path))
    (root / "link").symlink_to(root.parent / "host")
    lists = (("system.posix_acl_access", b""),)

    inside = root / (root.parent / "host/key").relative_to("/")
    for file in (inside, root / "host/key"):
        file.parent.mkdir(parents=True)
        file.touch()

    for path in ("link/key", "../host/key"):
        inodes.Inode(0o100644, (0, 0), 0, (path,), lists).restore(root)

    assert given == [inside, root / "host/key"]


@pytest.mark.parametrize("kind", ["link", "directory link", "pipe"])
def test_the_system_partition_takes_no_file_of_the_host(root: pathlib.Path, kind: str) -> None:
    secret = root.parent / "host/secret"
    secret.write_text("secret")
    raw = root.parent / "raw"
    raw.write_bytes(b"raw")
    if kind == "pipe":
        os.mkfifo(root / "etc/new")
    else:
        (root / "etc/new").symlink_to(secret if kind == "link" else secret.parent)
    system = esp.Directory(root, _volume("/boot/efi", 15).partition, {"etc": "directory"})

    with pytest.raises(errors.OutputError, match="/boot/efi/etc/new is not a file"):
        system.write_back(raw)
    assert raw.read_bytes() == b"raw"


def test_a_label_makes_no_file_outside(tmp_path: pathlib.Path) -> None:
    grub.binds(tmp_path, _layout(label=f"{tmp_path}/new"), tmp_path)
    grub.binds(tmp_path, _layout(label="../../new ü"), tmp_path)

    assert not (tmp_path / "new").exists()
    names = {path.name for path in (tmp_path / "grub/disk/by-label").iterdir()}
    assert "..\\x2f..\\x2fnew\\x20ü" in names
