"""What tells base images from a mirror apart, and what is said if one cannot be made."""

from __future__ import annotations

import pathlib

import pytest

from retrofit import errors, model
from retrofit.base_images.scratch import contents, disk, shape, system


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

    complaint = system._complaint(failure, "noble", "http://mirror")

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
