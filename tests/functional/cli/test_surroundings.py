"""The main commands do the same in whatever surroundings they are started."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import stat
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import yaml
from tests.support import scratch
from tests.support.base_images import base_images
from tests.support.building import mirror, simple_disks, tiny_images
from tests.support.cli import surroundings
from tests.support.cloud import cloud

from retrofit import model
from retrofit.building.disk import conversion, sparse
from retrofit.host.sandbox import workshop

_BARE = "tests.support.cli.bare_retrofit"
_PLAN = ("plan", "request.json", "--json")
_LIST = ("list", "--definitions", "request.yaml", "--offline", "--json")
_VERIFY = ("verify", "tiny.qcow2", "--depth", "rest", "--json", "--work-dir", "WORK")
_VERIFY_XFS = ("verify", "xfs.raw", *_VERIFY[2:])
_BOOTSTRAP = ("bootstrap", "made.raw", "--distribution", "debian", "--release", "bookworm")
_BOOTSTRAP += ("--layout", "jammy", "--format", "raw", "--work-dir", "WORK")
_REFUSED = (*_BOOTSTRAP, "--architecture", "s390x")
# What builds share.
_SHARED = "var/cache/octavia-diskimage-retrofit"
_TIMES = ("created", "ended", "seconds")
_COMMANDS = (_LIST, _PLAN, _VERIFY, _REFUSED)
_BUILD = ("image", os.fspath(simple_disks.installable()), "made.raw", "--format", "raw")
_BUILD += ("--recipe", "bare", "--work-dir", "WORK", "--mirror")


@pytest.fixture(params=surroundings.ALL, ids=lambda one: one.name.replace(" ", "-"))
def around(request: pytest.FixtureRequest) -> surroundings.Surroundings:
    """One surrounding after the other."""
    assert isinstance(request.param, surroundings.Surroundings)
    return request.param


@pytest.fixture(scope="module")
def operator(running_cloud: cloud.Cloud) -> Iterator[pathlib.Path]:
    """A directory with all that the commands read."""
    with scratch.directory("surroundings") as directory:
        raw, tiny = directory / "tiny.raw", directory / "tiny.qcow2"
        simple_disks.system(raw, distribution="ubuntu", version="24.04", series="noble")
        conversion.from_raw(raw, tiny, model.ImageFormat.QCOW2)
        raw.unlink()
        base = running_cloud.upload_base(tiny, name="of surroundings", version_name="20260801")
        running_cloud.clouds_yaml(directory / "clouds.yaml")
        request = {
            "source": f"glance:{base}",
            "target": "glance:",
            "recipe": "bare",
            "amp-image-tag": "surroundings",
            "cloud": cloud.RETROFIT,
        }
        (directory / "request.json").write_text(json.dumps(request))
        images = [{"name": "one", "releases": ["noble"], "tags": ["one"]}]
        (directory / "request.yaml").write_text(yaml.safe_dump({"images": images}))
        yield directory


@pytest.fixture
def place(operator: pathlib.Path, open_directory: pathlib.Path) -> pathlib.Path:
    """Where a command runs, with what it reads, which root alone may do."""
    for file in operator.iterdir():
        (open_directory / file.name).write_bytes(file.read_bytes())
        (open_directory / file.name).chmod(0o600)
    return open_directory


@pytest.fixture(scope="module")
def plain(operator: pathlib.Path) -> dict[Sequence[str], Any]:
    """What commands say in plain surroundings."""
    with scratch.directory("plain") as directory:
        for file in operator.iterdir():
            (directory / file.name).symlink_to(file)
        return {words: _said(surroundings.PLAIN, directory, words) for words in _COMMANDS}


def _said(
    around: surroundings.Surroundings, place: pathlib.Path, words: Sequence[str]
) -> tuple[int, Any]:
    """Run a command; return its exit code, and what it says but for times."""
    ended = around.run(place, *words, module=_BARE)
    assert "Traceback" not in ended.stderr
    if not ended.stdout:
        return ended.returncode, ended.stderr
    said = json.loads(ended.stdout)
    if isinstance(said, dict):
        said = {name: value for name, value in said.items() if name not in _TIMES}
    return ended.returncode, said


@pytest.mark.parametrize("words", _COMMANDS, ids=lambda words: str(words[0]))
def test_a_command_does_the_same(
    words: Sequence[str],
    around: surroundings.Surroundings,
    place: pathlib.Path,
    plain: dict[Sequence[str], Any],
) -> None:
    code, said = _said(around, place, words)

    expected, expected_said = plain[words]
    assert code == expected, said
    if not around.without_streams:
        assert said == expected_said


@pytest.fixture(scope="module")
def archive() -> Iterator[str]:
    with mirror.serving() as url:
        yield url


def test_a_whole_build_in_the_hardest(place: pathlib.Path, archive: str) -> None:
    ended = surroundings.HARDEST.run(place, *_BUILD, archive, module=_BARE)

    assert ended.returncode == 0, ended.stderr
    assert stat.S_IMODE((place / "made.raw").stat().st_mode) == 0o600
    assert list((place / "home" / surroundings.HARDEST.work).iterdir()) == []


def test_a_build_writes_nowhere_but_where_it_is_told(place: pathlib.Path, archive: str) -> None:
    ended = surroundings.RECORDED.run(place, *_BUILD, archive, module=_BARE)

    assert ended.returncode == 0, ended.stderr
    assert all(path.startswith(_SHARED) for path in surroundings.written(place))
    assert list((place / "work").iterdir()) == []


@pytest.mark.slow
def test_an_appliance_writes_nowhere_but_where_it_is_told(place: pathlib.Path) -> None:
    with workshop.work_directory(None) as work:
        raw = work / "xfs.raw"

        def make(_: object) -> None:
            tiny_images.make(raw, work, layout_name="jammy", root_filesystem="xfs")

        workshop.run(work, make, base_images.Silent())
        sparse.copy(raw, place / "xfs.raw", holes=())
    elsewhere = {"LIBGUESTFS_CACHEDIR": "/var/tmp/appliances", "TMPDIR": "/var/tmp"}
    around = dataclasses.replace(surroundings.RECORDED, environment=elsewhere)

    code, said = _said(around, place, _VERIFY_XFS)

    assert code == 4, said
    assert said["checks"][0]["evidence"] == "debian bookworm amd64"
    assert surroundings.written(place) == set()


def test_it_was_something(plain: dict[Sequence[str], Any]) -> None:
    codes = [code for code, _ in plain.values()]
    assert codes == [0, 0, 4, 64]
