"""Packages of a day come from the snapshots of a mirror, whose index has run out."""

from __future__ import annotations

import datetime
import pathlib
import subprocess
import tempfile
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from tests.support.base_images import stream_tree
from tests.support.building import apt_archive

from retrofit import errors
from retrofit.base_images.scratch import archives, snapshots
from retrofit.host import web

_DAY = datetime.datetime(2026, 8, 1, tzinfo=datetime.UTC)
_ID = "20260801T000000Z"
_SUITES = ("bookworm", "bookworm-updates")


class _Mirror(NamedTuple):
    """A mirror with snapshots: its URL, and the file of its keys."""

    url: str
    keyring: pathlib.Path


@pytest.fixture
def mirror(tmp_path: pathlib.Path) -> Iterator[_Mirror]:
    with tempfile.TemporaryDirectory(prefix="gpg-") as home:
        signer = stream_tree.Signer(pathlib.Path(home, "own"))
        now = apt_archive.Archive(tmp_path / "now", signer)
        then = apt_archive.Archive(tmp_path / "at" / _ID, signer)
        with apt_archive.serving(tmp_path) as server:
            for suite in _SUITES:
                place = f"{server.url}/at/@SNAPSHOTID@/"
                now.publish(suite, {"haproxy": "2.0"}, snapshots=place)
                then.publish(suite, {"haproxy": "1.0"}, date=_DAY)
            yield _Mirror(server.url, signer.keyring)


def _candidate(suites: list[archives.Archive], keyring: pathlib.Path, place: pathlib.Path) -> str:
    """Return the version of haproxy that apt would install from archives."""
    for part in ("lists/partial", "cache/archives/partial"):
        (place / part).mkdir(parents=True)
    (place / "status").touch()
    (place / "sources").write_text("\n".join(one.line(str(keyring)) for one in suites) + "\n")
    options = {
        "Dir::State": place,
        "Dir::State::status": place / "status",
        "Dir::Cache": place / "cache",
        "Dir::Etc::sourcelist": place / "sources",
        "Dir::Etc::sourceparts": "-",
        "Dir::Etc::parts": "-",
        "APT::Architecture": apt_archive.ARCHITECTURE,
        "APT::Sandbox::User": "root",
    }
    words = [f"--option={name}={value}" for name, value in options.items()]
    subprocess.run(["apt-get", *words, "update", "--error-on=any"], check=True)
    shown = subprocess.run(
        ["apt-cache", *words, "madison", "haproxy"], stdout=subprocess.PIPE, text=True, check=True
    )
    return shown.stdout.split("|")[1].strip()


def test_packages_are_those_of_the_day(mirror: _Mirror, tmp_path: pathlib.Path) -> None:
    present = archives.of_release("debian", "bookworm", "amd64", f"{mirror.url}/now")
    pinned = archives.of_release("debian", "bookworm", "amd64", f"{mirror.url}/now", _ID)

    assert [one.url for one in pinned] == [f"{mirror.url}/at/{_ID}"] * 2
    assert _candidate(present, mirror.keyring, tmp_path / "first") == "2.0"
    assert _candidate(pinned, mirror.keyring, tmp_path / "second") == "1.0"


def test_a_url_may_have_the_word_itself(mirror: _Mirror, tmp_path: pathlib.Path) -> None:
    url = snapshots.expand(f"{mirror.url}/at/@SNAPSHOTID@", _ID)
    pinned = archives.of_release("debian", "bookworm", "amd64", url, _ID)

    assert _candidate(pinned, mirror.keyring, tmp_path / "apt") == "1.0"


def test_a_mirror_without_snapshots(mirror: _Mirror) -> None:
    with pytest.raises(errors.ConfigError, match="names no snapshots"):
        snapshots.of(f"{mirror.url}/at/{_ID}", "bookworm", "20260701T000000Z", web.Access())
    with pytest.raises(errors.ConfigError, match="is one of snapshots; set the day"):
        snapshots.expand("http://mirror/@SNAPSHOTID@", "")
