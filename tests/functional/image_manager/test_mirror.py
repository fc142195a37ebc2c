"""``retrofit mirror`` to a directory and to a real S3 server, and images taken from there."""

from __future__ import annotations

import lzma
import os
import pathlib
import tarfile
from collections.abc import Iterator

import click.testing
import pytest
from tests.support.cloud import cloud
from tests.support.host import web_server
from tests.support.image_manager import image_files, s3_server

from retrofit import errors
from retrofit.cli import main

_NAMES = (
    "openstack-images/kept-short/7/disk.raw",
    "openstack-images/named/2-named.raw",
    "openstack-images/no-short-name/1-no-short-name.raw",
)


@pytest.fixture(scope="module")
def s3() -> Iterator[s3_server.Server]:
    with s3_server.running() as running:
        yield running


@pytest.fixture
def path(server: web_server.Server, tmp_path: pathlib.Path) -> pathlib.Path:
    """Return a file of three images that a web server has."""
    served = server.directory
    checksums = {name: image_files.content(served / name, name) for name in ("1.raw", "2.raw")}
    with lzma.open(served / "2.raw.xz", "wb") as packed:
        packed.write((served / "2.raw").read_bytes())
    with tarfile.open(served / "7.tar.xz", "w:xz") as bundle:
        bundle.add(served / "1.raw", "images/disk.raw")
        bundle.add(pathlib.Path(__file__), "README")
    common = {"visibility": "private"}
    return image_files.write(
        tmp_path / "images.yml",
        image_files.image(
            "Mirrored in a bundle",
            image_files.version(
                "7",
                url=f"{server.url}7.tar.xz",
                mirror_url=f"https://s3.example.org/bucket/{_NAMES[0]}",
                checksum=checksums["1.raw"],
            ),
            shortname="kept-short",
            **common,
        ),
        image_files.image(
            "Mirrored packed",
            image_files.version("2", url=f"{server.url}2.raw.xz", checksum=checksums["2.raw"]),
            shortname="named",
            **common,
        ),
        image_files.image(
            "No short name",
            image_files.version("1", url=f"{server.url}1.raw", checksum=checksums["1.raw"]),
            **common,
        ),
    )


def _retrofit(*words: str | os.PathLike[str]) -> tuple[list[str], BaseException | None]:
    """Run a command; return its lines, and the error that ended it."""
    runner = click.testing.CliRunner()
    done = runner.invoke(main.retrofit, [os.fspath(word) for word in words])
    return done.stdout.splitlines(), done.exception


def test_to_a_directory(
    path: pathlib.Path, server: web_server.Server, tmp_path: pathlib.Path
) -> None:
    target = tmp_path / "mirror"
    words = ("mirror", target, "--images", path, "--work-dir", tmp_path)

    lines, error = _retrofit(*words, "--dry-run")
    assert error is None
    assert [line.split()[1] for line in lines] == list(_NAMES)
    assert not target.exists()

    assert _retrofit(*words) == (lines, None)
    assert {str(file.relative_to(target)) for file in target.rglob("*") if file.is_file()} == set(
        _NAMES
    )
    assert (target / _NAMES[1]).read_bytes() == (server.directory / "2.raw").read_bytes()

    # What is there is not even asked for; what is missing is copied again.
    asked = len(server.answers)
    assert _retrofit(*words) == ([], None)
    assert len(server.answers) == asked
    (target / _NAMES[2]).unlink()
    (server.directory / "1.raw").write_bytes(b"something else")
    _, error = _retrofit(*words)
    assert isinstance(error, errors.ImageError)
    assert not (target / _NAMES[2]).exists()


def test_to_and_from_s3(
    path: pathlib.Path,
    server: web_server.Server,
    s3: s3_server.Server,
    running_cloud: cloud.Cloud,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in s3.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv(
        "OS_CLIENT_CONFIG_FILE", str(running_cloud.clouds_yaml(tmp_path / "c.yaml"))
    )
    target = f"s3://{s3_server.BUCKET}/some/where/"
    words = ("--images", path, "--work-dir", tmp_path)

    lines, error = _retrofit("mirror", target, *words)
    assert error is None
    assert [line.split()[1] for line in lines] == list(_NAMES)
    assert _retrofit("mirror", target, *words) == ([], None)
    listed = s3.client().list_objects_v2(Bucket=s3_server.BUCKET)["Contents"]
    assert [found["Key"] for found in listed] == [f"some/where/{name}" for name in _NAMES]

    # The makers have nothing any more.
    for file in server.directory.iterdir():
        file.unlink()
    asked = len(server.answers)
    manage = ("manage", *words, "--os-cloud", cloud.RETROFIT, "--tag", image_files.TAG)
    lines, error = _retrofit(
        *manage, "--mirror", target, "--prefetch", "always", "--stuck-retry", "2"
    )
    assert error is None
    assert len(server.answers) == asked
    for name in ("Mirrored in a bundle", "Mirrored packed", "No short name"):
        ((_, shown, visibility, status),) = image_files.shown(running_cloud, name)
        assert (shown, visibility, status) == (name, "private", "active")


@pytest.mark.parametrize(
    ("target", "changes", "kind", "message"),
    [
        ("s3://", {}, errors.ConfigError, "has no bucket"),
        ("s3://absent", {}, errors.InputMissing, "bucket absent: .* the bucket does not exist"),
        ("s3://images", {"AWS_SECRET_ACCESS_KEY": "x"}, errors.Denied, "bucket images: "),
        ("s3://images", {"AWS_ACCESS_KEY_ID": ""}, errors.ConfigError, "credentials"),
        (
            "s3://images",
            {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"},
            errors.Unavailable,
            "Could not connect",
        ),
        ("s3://images", {"AWS_ENDPOINT_URL": "nonsense"}, errors.ConfigError, "nonsense"),
        ("s3://images", {"AWS_PROFILE": "absent"}, errors.ConfigError, "absent"),
        ("/proc/none", {}, errors.OutputError, "cannot write /proc/none/openstack-images"),
    ],
)
def test_bad_targets(
    target: str,
    changes: dict[str, str],
    kind: type[errors.RetrofitError],
    message: str,
    path: pathlib.Path,
    s3: s3_server.Server,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in s3.environment(**changes).items():
        if value:
            monkeypatch.setenv(name, value)
        else:
            monkeypatch.delenv(name, raising=False)

    _, error = _retrofit("mirror", target, "--images", path, "--work-dir", tmp_path)

    assert isinstance(error, kind)
    with pytest.raises(kind, match=message):
        raise error
    assert "testing" not in str(error)


def test_garden_linux_is_found_by_its_release(
    server: web_server.Server, tmp_path: pathlib.Path
) -> None:
    checksum = image_files.content(server.directory / "1.raw", "garden")
    path = "openstack-images/gardenlinux/1877.10/openstack-gardener_prod-amd64-1877.10"
    version = image_files.version(
        "1877.10",
        url=f"{server.url}1.raw",
        mirror_url=f"https://s3.example.org/bucket/{path}-3d56ba62.qcow2",
        checksum=checksum,
    )
    image = image_files.image("Garden Linux", version, shortname="gardenlinux", format="qcow2")
    file = image_files.write(tmp_path / "images.yml", image)
    target = tmp_path / "mirror"

    words = ("mirror", target, "--images", file, "--work-dir", tmp_path)
    assert _retrofit(*words)[1] is None
    assert _retrofit(*words) == ([], None)

    digest = checksum.partition(":")[2]
    assert (target / f"{path}.qcow2.sha256").read_text() == (
        f"{digest}  openstack-gardener_prod-amd64-1877.10.qcow2\n"
    )
    for name in (f"{path}.qcow2", f"{path}-3d56ba62.qcow2"):
        assert (target / name).read_bytes() == (server.directory / "1.raw").read_bytes()
    assert len([each for each in target.rglob("*") if each.is_file()]) == 3
