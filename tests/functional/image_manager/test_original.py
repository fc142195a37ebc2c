"""The image files that come with OpenStack Image Manager: read, checked, and imported."""

from __future__ import annotations

import os
import pathlib
import subprocess
from collections.abc import Callable, Iterator

import click.testing
import pytest
from tests.support.cloud import cloud
from tests.support.host import web_server
from tests.support.image_manager import image_files, original

from retrofit.cli import main
from retrofit.image_manager import reading

_THREE = "^(Cirros|Debian 13|Ubuntu 24.04)$"

Retrofit = Callable[..., click.testing.Result]


@pytest.fixture(scope="module")
def running_cloud() -> Iterator[cloud.Cloud]:
    """A cloud that fetches images itself, and takes uploads."""
    with cloud.running(options=cloud.Options(import_methods="web-download")) as running:
        yield running


@pytest.fixture(params=original.PINNED, ids=lambda release: release[0])
def directory(
    request: pytest.FixtureRequest, server: web_server.Server, tmp_path: pathlib.Path
) -> pathlib.Path:
    """Image files of a release, whose images are all at the test's own server."""
    image, files = tmp_path / "image.qcow2", tmp_path / "images"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", image, "1M"], check=True)
    files.mkdir()
    original.served(original.pinned(*request.param), files, server, image)
    return files


@pytest.fixture
def manage(
    running_cloud: cloud.Cloud,
    directory: pathlib.Path,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Retrofit:
    settings = running_cloud.clouds_yaml(tmp_path / "clouds.yaml")
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(settings))

    def run(*words: str | os.PathLike[str]) -> click.testing.Result:
        usual = ("--images", directory, "--os-cloud", cloud.RETROFIT, "--tag", image_files.TAG)
        more = map(os.fspath, (*usual, "--work-dir", tmp_path, *words))
        return click.testing.CliRunner().invoke(main.retrofit, ["manage", *more])

    return run


def test_three_images_are_imported(
    running_cloud: cloud.Cloud, server: web_server.Server, manage: Retrofit
) -> None:
    before = {image["id"] for image in running_cloud.images(visibility="all")}
    told = manage("--filter", _THREE, "--dry-run")
    assert told.exception is None, told.output
    assert {answer.sent for answer in server.answers} == {0}

    done = manage("--filter", _THREE)

    assert (done.exception, done.stdout) == (None, told.stdout)
    assert manage("--filter", _THREE).output == ""
    made = {
        image["name"]: image
        for image in running_cloud.images(visibility="all")
        if image["id"] not in before
    }
    assert sorted(made) == ["Cirros 0.6.2", "Cirros 0.6.3", "Debian 13", "Ubuntu 24.04"]
    for name, user in (("Cirros 0.6.3", "cirros"), ("Debian 13", "debian")):
        assert made[name]["image_original_user"] == user
        assert (made[name]["status"], made[name]["visibility"]) == ("active", "public")
    for image in made.values():
        with running_cloud.admin() as admin:
            admin.image.delete(f"/images/{image['id']}")


def test_a_check_names_what_is_gone(
    directory: pathlib.Path, server: web_server.Server, manage: Retrofit
) -> None:
    assert (manage("--check-only").exit_code, manage("--check-only").output) == (0, "")
    (file,) = server.directory.glob("cdimage.debian.org/**/debian-12-*-202*.qcow2")
    file.unlink()
    for mirrored in server.directory.glob("**/*-debian-12.qcow2"):
        mirrored.unlink()

    checked, rehearsed = manage("--check-only"), manage("--dry-run", "--filter", "^Debian 12$")

    for done in (checked, rehearsed):
        assert f"{directory}/debian.yml:" in str(done.exception)
        assert f"{file.name}: the file does not exist" in str(done.exception)


@pytest.mark.parametrize(("version", "digest"), original.PINNED)
def test_all_files_of_a_release_are_read(
    version: str, digest: str, caplog: pytest.LogCaptureFixture
) -> None:
    directory = original.pinned(version, digest)

    _check(directory)

    assert caplog.messages == []


@pytest.mark.slow
def test_all_files_of_the_newest_release_are_read(tmp_path: pathlib.Path) -> None:
    _check(original.newest(tmp_path))


def _check(directory: pathlib.Path) -> None:
    files = sorted(directory.glob("*.yml"))
    assert len(files) >= 12

    found = reading.read(directory, check=True, force=True)

    assert (found.problems, found.skipped) == ((), ())
    assert {product.place.rpartition(":")[0] for product in found.products} == set(map(str, files))
