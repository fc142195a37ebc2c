"""Requests for images from scratch."""

from __future__ import annotations

import pathlib
import platform

import pytest

from retrofit import errors, model
from retrofit.base_images import bootstrap
from retrofit.base_images.scratch import debian_systems
from retrofit.definitions import creation
from retrofit.model import architectures
from retrofit.publishing import file_target

_OUTPUTS = [(model.FileFormat.QCOW2, pathlib.Path("out"))]


def _request(monkeypatch: pytest.MonkeyPatch, **values: object) -> bootstrap.Wanted:
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    source = creation.request(creation.Creation(**values), _OUTPUTS).source  # type: ignore[arg-type]
    assert isinstance(source, bootstrap.Wanted)
    return source


def test_a_disk_of_a_size_does_not_grow(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    asked = creation.request(creation.Creation(disk_size=2 * model.GIB), _OUTPUTS)
    usual = creation.request(creation.Creation(), _OUTPUTS, root_size="8G")

    assert asked.build.root_size == 1
    assert usual.build.root_size == 8 * model.GIB
    assert asked.build.files == (model.FileFormat.QCOW2,)
    assert isinstance(asked.target, file_target.FilesTarget)


def test_sources_of_the_image_name_the_keys_of_the_mirror(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
):
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    (tmp_path / "keys").write_bytes(b"keys")
    given = creation.Creation(
        series="noble", mirror="http://mirror/ubuntu", keyring=tmp_path / "keys"
    )

    lines = creation.request(given, _OUTPUTS).build.archives.mirror.splitlines()

    source = "deb [signed-by=/etc/apt/keyrings/archive.gpg] http://mirror/ubuntu"
    assert lines == [
        f"{source} {suite} main universe" for suite in ("noble", "noble-updates", "noble-security")
    ]


def test_nothing_in_the_base_and_in_the_image_is_younger_than_the_time_of_the_source(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")

    asked = creation.request(creation.Creation(source_date=1796083200), _OUTPUTS)

    assert isinstance(asked.source, bootstrap.Wanted)
    assert asked.source.holds.inputs() == {"source-date": "1796083200"}
    assert asked.build.source_date == 1796083200


def test_there_is_no_separate_boot_partition(monkeypatch: pytest.MonkeyPatch):
    assert bootstrap.recipe(_request(monkeypatch, series="noble")).shape.layout == "jammy"


@pytest.mark.parametrize(
    ("values", "kind", "text"),
    [
        (
            {"architecture": "s390x"},
            errors.ConfigError,
            "images for s390x cannot be created: their boot loader uses block addresses",
        ),
        (
            {"architecture": "i386"},
            errors.ConfigError,
            "images for i386 cannot be created: the architecture is not supported",
        ),
        ({"disk_size": model.MIB}, errors.ConfigError, "a disk of 1 MiB is too small"),
        ({"series": "nobel"}, errors.ConfigError, "ubuntu has no series 'nobel'"),
        ({"series": "trusty"}, errors.ConfigError, "images of ubuntu trusty are not supported"),
        ({"mirror": "deb http://x y z"}, errors.ConfigError, "the mirror must be a base URL"),
        ({"kernel": "linux image"}, errors.ConfigError, "wrong kernel 'linux image': it must be"),
        (
            {"keyring": pathlib.Path("/nonexistent")},
            errors.InputMissing,
            "cannot read the keyring /nonexistent: No such file",
        ),
    ],
)
def test_what_cannot_be_is_refused(
    values: dict[str, object],
    kind: type[Exception],
    text: str,
    monkeypatch: pytest.MonkeyPatch,
):
    with pytest.raises(kind, match=text):
        _request(monkeypatch, **values)


def test_a_base_system_can_be_made_for_every_architecture_of_images():
    assert sorted(debian_systems.ARCHITECTURES) == sorted(architectures.OF_IMAGES)


def test_glance_is_no_file():
    with pytest.raises(errors.ConfigError, match="written to files, and not to glance:"):
        creation.request(creation.Creation(), [(model.FileFormat.QCOW2, pathlib.Path("glance:"))])


@pytest.mark.parametrize(
    ("output", "formats", "names"),
    [
        ("a.qcow2", ("qcow2",), ["a.qcow2"]),
        ("a.qcow2", ("qcow2", "raw"), ["a.qcow2", "a.raw"]),
        ("a.qcow2", ("raw",), ["a.qcow2.raw"]),
        ("a", ("tar",), ["a.tar"]),
    ],
)
def test_files_have_the_names_of_their_formats(
    output: str, formats: tuple[str, ...], names: list[str]
):
    wanted = [model.FileFormat(name) for name in formats]
    paths = creation.named(pathlib.Path("x", output), wanted)

    assert [path.name for _, path in paths] == names
    assert {path.parent.name for _, path in paths} == {"x"}
