"""What is kept of where an image came from, and reading it back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.provenance import records

from retrofit import __version__, errors, model
from retrofit.provenance import description


def written(**options: Any) -> dict[str, Any]:
    """Return the JSON of the property."""
    properties = dict(description.properties(records.described(**options), records.PACKAGES))
    said: dict[str, Any] = json.loads(properties[description.PROVENANCE])
    return said


def test_what_is_kept_is_read_back() -> None:
    record = records.record()

    assert record.packages == records.PACKAGES
    assert record.provenance == records.described()
    assert record.provenance.engine == __version__


def test_where_packages_come_from_is_read_back() -> None:
    settings = model.ArchiveSettings(
        texts=(("/etc/apt/sources.list", "deb http://mirror.example/ubuntu noble main"),),
        keys=(("/usr/share/keyrings/ubuntu-archive-keyring.gpg", b"\x99\x00"),),
        left=(("linux-image-virtual", "6.8.0-31.31"),),
    )
    described = records.described().model_copy(update={"archives": settings})
    properties = dict(description.properties(described, records.PACKAGES))

    assert description.read(records.image(properties)).provenance.archives == settings
    assert "mirror.example" not in properties[description.PROVENANCE]
    del properties[description.ARCHIVES]
    assert description.read(records.image(properties)).provenance.archives is None


def test_the_record_has_our_names() -> None:
    said = written()

    assert said["elements-digest"] == "e" * 64
    assert said["releases"] == {"diskimage-builder": "3.42.0", "octavia": "19.0.0"}
    assert said["base"] == {
        "id": "4d1b",
        "name": "auto-sync/noble",
        "hash": f"sha512:{'ab' * 64}",
        "product": "com.ubuntu.cloud.daily:server:24.04:amd64",
        "version": "20260801",
    }
    assert said["built"] == "2026-08-02T03:04:05Z"


@pytest.mark.parametrize(
    ("mirror", "kept"),
    [
        ("http://mirror.example/ubuntu", "http://mirror.example/ubuntu"),
        ("https://user:secret@mirror.example/ubuntu", "https://mirror.example/ubuntu"),
        ("https://user:se/cr@et@mirror.example/ubuntu", "https://mirror.example/ubuntu"),
        ("https://token@mirror.example:8443/ubuntu", "https://mirror.example:8443/ubuntu"),
        (
            "deb [arch=amd64] https://u:secret@one.example/u noble main\n"
            "deb https://v:secret@two.example/u noble main",
            "deb [arch=amd64] https://one.example/u noble main\n"
            "deb https://two.example/u noble main",
        ),
    ],
)
def test_no_credentials_are_kept(mirror: str, kept: str) -> None:
    options = written(archives=model.Archives(mirror=mirror, uca_mirror=mirror))["options"]

    assert options == {"mirror": kept, "uca-mirror": kept}


def test_no_value_of_a_variable_is_kept() -> None:
    said = written(environment=(("DIB_PASSWORD", "hunter2"),))

    assert said["options"] == {"variables": ["DIB_PASSWORD"]}
    assert "hunter2" not in json.dumps(said)


def test_what_is_too_long_for_glance_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    long = tuple(f"element-{number:05}" for number in range(5000))

    told = dict(description.properties(records.described(elements=long), records.PACKAGES))

    assert list(told) == [description.PACKAGES]
    assert "the property retrofit_provenance is omitted" in caplog.text


@pytest.mark.parametrize("missing", [description.PACKAGES, description.PROVENANCE])
def test_an_image_of_others_is_told(missing: str) -> None:
    properties = dict(description.properties(records.described(), records.PACKAGES))
    del properties[missing]

    with pytest.raises(
        errors.ImageError, match=f"no provenance metadata: the property {missing} is missing"
    ):
        description.read(records.image(properties))


OPTIONS_OF_APT = json.dumps(
    written() | {"system": written()["system"] | {"architecture": 'amd64"; Dir::Bin::x "/tmp/x'}}
)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        (description.PACKAGES, "????", "the list of packages is damaged"),
        (description.ARCHIVES, "????", "the list of archives is damaged"),
        (description.PROVENANCE, "{", "Invalid JSON"),
        (description.PROVENANCE, "[" * 60_000, "Invalid JSON"),
        (description.PROVENANCE, "{}", "engine: Field required"),
        (description.PROVENANCE, '"' + "é" * 40_000 + '"', "too long"),
        (description.PROVENANCE, '{"engine": 1}', "engine: Input should be a valid string"),
        (description.PROVENANCE, OPTIONS_OF_APT, "system.architecture: String should match"),
    ],
)
def test_a_damaged_record_is_told(name: str, value: str, reason: str) -> None:
    properties = dict(description.properties(records.described(), records.PACKAGES))
    properties[name] = value

    with pytest.raises(errors.ImageError, match=f"damaged provenance.*{reason}") as raised:
        description.read(records.image(properties))
    assert len(str(raised.value)) < 400


def test_what_newer_versions_write_in_addition_is_passed_over() -> None:
    said = written() | {"weather": "fine"}
    properties = dict(description.properties(records.described(), records.PACKAGES))
    properties[description.PROVENANCE] = json.dumps(said)

    assert description.read(records.image(properties)).provenance == records.described()
