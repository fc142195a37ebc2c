"""What tells base images from a mirror apart, and what is said if one cannot be made."""

from __future__ import annotations

import pathlib

import pytest

from retrofit import errors, model
from retrofit.base_images.scratch import boot_loader, contents, debian, debian_systems, disk, shape
from retrofit.building.disk import firmware, grub, layout


@pytest.mark.parametrize(
    ("line", "kind", "text"),
    [
        (
            "E: Unable to locate package linux-imgae",
            errors.ConfigError,
            "http://mirror has no package linux-imgae for noble",
        ),
        (
            "W: GPG error: http://mirror noble InRelease: NO_PUBKEY 871920D1991BC93C",
            errors.Denied,
            "http://mirror is not signed with a key that is trusted",
        ),
        (
            "Err: Sub-process /usr/bin/sqv returned an error code: Missing key F6ECB376",
            errors.Denied,
            "http://mirror is not signed with a key that is trusted",
        ),
        (
            "E: Could not connect to mirror:80",
            errors.Unavailable,
            "no base system of noble can be installed from http://mirror",
        ),
    ],
)
def test_mmdebstrap_s_complaint(line: str, kind: type[errors.RetrofitError], text: str):
    failure = errors.CommandError("mmdebstrap failed", details=("I: running", line))

    complaint = debian._complaint(failure, "noble", "http://mirror")

    assert type(complaint) is kind
    assert complaint.message == text
    assert complaint.details == failure.details


def test_the_usual_contents_are_no_input():
    # What was published before is still the same.
    assert contents.Contents().inputs() == {}


@pytest.mark.parametrize(
    "other",
    [
        contents.Contents(minimal=True),
        contents.Contents(kernel="linux-generic"),
        contents.Contents(keys=b"keys"),
    ],
)
def test_other_contents_are_an_input(other: contents.Contents):
    assert len(other.inputs()) == 1


@pytest.mark.parametrize(
    ("keys", "name"),
    [(b"\x99\x01", "archive.gpg"), (b"-----BEGIN PGP PUBLIC KEY BLOCK-----", "archive.asc")],
)
def test_a_keyring_is_named_by_its_form(keys: bytes, name: str):
    assert contents.Contents(keys=keys).keyring == name


def test_a_disk_that_is_too_small_is_refused_before_it_is_made(tmp_path: pathlib.Path):
    tree, raw = tmp_path / "tree", tmp_path / "disk.raw"
    (tree / "etc").mkdir(parents=True)
    (tree / "large").write_bytes(bytes(range(256)) * 4096 * 20)

    with pytest.raises(errors.NoSpace, match=r"a disk of 120 MiB is too small: .* needs 13\d MiB"):
        disk.make(
            tree,
            raw,
            like=shape.Shape("jammy", 120 * model.MIB),
            release=model.Release("debian", "12", "bookworm", "amd64"),
            identity="any",
            moment=None,
            work=tmp_path,
        )
    assert not raw.exists()


_PREP, _BIOS_BOOT, _ESP = firmware.PREP_TYPES[0], firmware.BIOS_BOOT, firmware.ESP_TYPES[0]


def _partitioned(place: pathlib.Path, architecture: str, layout_name: str) -> layout.Layout:
    """Return what is where on an empty disk of an architecture, which is made."""
    slots = disk._slots(shape.Shape(layout_name), architecture)
    release = model.Release("debian", "12", "bookworm", architecture)
    return disk._partition(place / "raw", slots, 2 * model.GIB, release, disk._Names("any"))


@pytest.mark.parametrize(
    ("architecture", "layout_name", "numbers", "types", "mounts"),
    [
        ("amd64", "jammy", [14, 15, 1], {14: _BIOS_BOOT, 15: _ESP}, ["/", "/boot/efi"]),
        ("arm64", "jammy", [15, 1], {15: _ESP}, ["/", "/boot/efi"]),
        ("ppc64el", "jammy", [2, 1], {2: _PREP}, ["/"]),
        ("ppc64el", "noble", [2, 16, 1], {2: _PREP}, ["/", "/boot"]),
    ],
)
def test_a_disk_has_what_the_firmware_of_its_architecture_starts(
    architecture: str,
    layout_name: str,
    numbers: list[int],
    types: dict[int, str],
    mounts: list[str],
    tmp_path: pathlib.Path,
):
    found = _partitioned(tmp_path, architecture, layout_name)

    by_start = sorted(found.table.partitions, key=lambda one: one.start)
    assert [one.number for one in by_start] == numbers
    assert types.items() <= {one.number: one.type_code for one in by_start}.items()
    assert (found.esp is None) == (architecture == "ppc64el")
    fstab = disk._fstab(disk._slots(shape.Shape(layout_name), architecture))
    assert [line.split("\t")[1] for line in fstab.splitlines()] == mounts


def test_grub_is_where_open_firmware_starts_it(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
):
    found = _partitioned(tmp_path, "ppc64el", "jammy")
    tree, system_files, work = tmp_path / "tree", tmp_path / "system", tmp_path / "work"
    # The package's own attempt has left the directory.
    for directory in (tree / "boot/grub/powerpc-ieee1275", system_files, work):
        directory.mkdir(parents=True)
    modules = tree / "usr/lib/grub/powerpc-ieee1275"
    modules.mkdir(parents=True)
    (modules / "normal.mod").touch()

    def image(
        program: str, _: object, place: pathlib.Path, platform: str, linked: object, prefix: str
    ) -> pathlib.Path:
        assert (program, prefix) == ("grub-mkimage", "/boot/grub")
        assert linked == boot_loader._DISK_MODULES
        (place / platform).write_bytes(b"\x7fELF core")
        return place / platform

    monkeypatch.setattr(boot_loader, "_image", image)
    monkeypatch.setattr(grub, "update", lambda *_: None)

    assert boot_loader.has_loader(tree, "ppc64el")
    assert not boot_loader.has_loader(tmp_path, "ppc64el")
    boot_loader.install(tree, system_files, tmp_path / "raw", found, work)

    assert firmware.open_firmware_fault(tmp_path / "raw", found.table) == ""
    assert (tree / "boot/grub/powerpc-ieee1275/normal.mod").exists()
    assert not list(system_files.iterdir())


def test_a_core_that_is_larger_than_its_partition_is_refused(tmp_path: pathlib.Path):
    found = _partitioned(tmp_path, "ppc64el", "jammy")

    with pytest.raises(errors.OutputError, match="does not fit in partition 2"):
        boot_loader._write_program(tmp_path / "raw", found, bytes(9 * model.MIB))


def test_an_architecture_goes_without_what_it_does_not_have():
    about = debian_systems.DISTRIBUTIONS["debian"]

    usual = {
        name: debian_systems.packages(about, name, minimal=False)
        for name in debian_systems.ARCHITECTURES
    }

    assert [name for name, all_of_it in usual.items() if "dmidecode" not in all_of_it] == [
        "ppc64el"
    ]
    assert usual["ppc64el"][-1] == "grub-ieee1275"


@pytest.mark.parametrize("distribution", debian_systems.DISTRIBUTIONS)
def test_every_architecture_has_a_kernel(distribution: str):
    assert (
        debian_systems.DISTRIBUTIONS[distribution].kernels.keys()
        == debian_systems.ARCHITECTURES.keys()
    )
