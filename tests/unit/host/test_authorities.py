"""Certification authorities are read if they are valid, and named if not."""

import pathlib

import pytest
from tests.support.host import certificates

from retrofit import errors
from retrofit.host import authorities


def test_bundle_is_read_whole(tmp_path: pathlib.Path):
    bundle = tmp_path / "ca.pem"
    one = certificates.make("one", first_day=-1, last_day=1)
    bundle.write_bytes(one + certificates.make("two", first_day=-1, last_day=1))

    assert authorities.read(bundle).count("BEGIN CERTIFICATE") == 2


def test_expired_one_is_named(tmp_path: pathlib.Path):
    bundle = tmp_path / "ca.pem"
    bundle.write_bytes(
        certificates.make("good", first_day=-1, last_day=1)
        + certificates.make("old", first_day=-9, last_day=-2)
    )

    with pytest.raises(errors.ConfigError, match="CN=old in .*ca.pem expired on 20"):
        authorities.read(bundle)


def test_future_one_points_at_the_clock(tmp_path: pathlib.Path):
    bundle = tmp_path / "ca.pem"
    bundle.write_bytes(certificates.make("new", first_day=2, last_day=9))

    with pytest.raises(errors.ConfigError, match="clock"):
        authorities.read(bundle)


def test_other_files_are_refused(tmp_path: pathlib.Path):
    bundle = tmp_path / "ca.pem"
    bundle.write_text("no certificate\n")

    with pytest.raises(errors.ConfigError, match="has no CA certificate"):
        authorities.read(bundle)


def test_missing_file(tmp_path: pathlib.Path):
    with pytest.raises(errors.InputMissing, match="cannot read the CA certificate"):
        authorities.read(tmp_path / "none")
