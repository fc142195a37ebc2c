"""``retrofit create`` where disks fill up, where signals arrive, and wherever it is started."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import pathlib
import shutil
import signal
import stat
import subprocess
import tarfile
from collections.abc import Callable

import pytest
from tests.support import paths, scratch
from tests.support.cli import command, surroundings

_SYSTEM = ("--series=bookworm", "--package-set=minimal", "--recipe=plain", "--compression=none")
_MIB = 2**20
# With less than 256 MiB of free space, a build stops.
_SMALL_MIB, _LITTLE_MIB = 320, 300
# What a build of a minimal system takes, and what a disk of it takes.
_AMPLE_MIB = 8 * 1024
_FULL = "retrofit: error: the disk of the work directory {} is full; free space, or set another"
_INTERRUPTED = "retrofit: error: interrupted; unfinished work was removed"
_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
_NOWHERE = "--mirror=http://127.0.0.1:9/debian"
_NO_LOCALE = dict.fromkeys(("LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LC_MESSAGES"))
_SURROUNDINGS = (
    surroundings.Surroundings("LANG=C", environment=_NO_LOCALE | {"LANG": "C", "LC_ALL": "C"}),
    # Whether this system has it or not.
    surroundings.Surroundings(
        "German", environment=dict.fromkeys(_NO_LOCALE, "de_DE.UTF-8") | {"LANGUAGE": "de"}
    ),
    surroundings.Surroundings("no locale, umask 077", umask=0o077, environment=_NO_LOCALE),
)


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a command runs.

    Attributes:
        files: Directory of its output.
        work: Directory for its temporary files.
    """

    files: pathlib.Path
    work: pathlib.Path

    def create(
        self, *formats: str, cache: pathlib.Path, output: str = "made"
    ) -> contextlib.AbstractContextManager[command.Command]:
        """Start to create an image; see :func:`command.started`."""
        return command.started(
            ["create", output, *_SYSTEM, *(f"--format={one}" for one in formats)]
            + [f"--work-dir={self.work}", f"--cache-dir={cache}"],
            cwd=self.files,
            work=self.work,
        )

    def has(self, name: str) -> Callable[[str], bool]:
        """Return what tells whether a build has begun with a file of its work directory."""
        return lambda _: any(self.work.glob(f"retrofit-work-*/{name}"))


@pytest.fixture
def place(open_directory: pathlib.Path) -> Place:
    found = Place(open_directory / "files", open_directory / "work")
    for directory in (found.files, found.work):
        directory.mkdir()
    return found


@pytest.fixture
def empty(open_directory: pathlib.Path) -> pathlib.Path:
    """Return a cache with nothing in it, where nobody looks for what a command leaves."""
    return open_directory / "cache"


@pytest.fixture
def kept() -> pathlib.Path:
    """Return a cache that has the base system from an earlier test, or an earlier run."""
    directory = paths.cache() / "created-minimal"
    directory.mkdir(exist_ok=True)
    return directory


def _files(directory: pathlib.Path) -> list[pathlib.Path]:
    return [path for path in directory.rglob("*") if path.is_file()]


def test_a_disk_that_fills_up_during_the_bootstrap(place: Place, empty: pathlib.Path) -> None:
    with (
        scratch.file_system(place.work, mebibytes=_SMALL_MIB),
        place.create("tar", cache=empty) as running,
    ):
        outcome = running.end()

    assert outcome.code == 74, outcome.stderr
    assert outcome.line.startswith(_FULL.format(place.work))
    assert (outcome.stdout, outcome.left, _files(empty)) == ("", (), [])


@pytest.mark.slow
@pytest.mark.parametrize("step", ["bootstrap", "customise"])
def test_a_disk_that_fills_up_later(step: str, place: Place, kept: pathlib.Path) -> None:
    with (
        scratch.file_system(place.work, mebibytes=_AMPLE_MIB),
        place.create("tar", "qcow2", cache=kept) as running,
    ):
        running.wait_for(lambda printed: f"{step}:" in printed)
        used = shutil.disk_usage(place.work).used // _MIB
        size = f"remount,size={used + _LITTLE_MIB}m"
        subprocess.run(["mount", "-o", size, place.work], check=True)
        outcome = running.end()

    assert outcome.code == 74, outcome.stderr
    assert outcome.line.startswith(_FULL.format(place.work))
    assert (outcome.stdout, outcome.left) == ("", ())


@pytest.mark.slow
def test_a_disk_of_the_output_that_is_full(place: Place, kept: pathlib.Path) -> None:
    with scratch.file_system(place.files / "small", mebibytes=16) as target:
        with place.create("tar", cache=kept, output="small/made.tar") as running:
            outcome = running.end()
        left = list(target.iterdir())

    assert outcome.code == 74, outcome.stderr
    assert outcome.line.startswith("retrofit: error: the disk of small/made.tar is full")
    assert (outcome.stdout, outcome.left, left) == ("", (), [])


@pytest.mark.parametrize("number", _CODES, ids=lambda number: number.name)
def test_interruption_of_the_bootstrap(
    number: signal.Signals, place: Place, empty: pathlib.Path
) -> None:
    with place.create("tar", cache=empty) as running:
        running.wait_for(place.has("bootstrap/tree/usr"))
        running.send(number)
        outcome = running.end()

    assert (outcome.code, outcome.line) == (_CODES[number], _INTERRUPTED), outcome.stderr
    assert (outcome.stdout, outcome.left, _files(empty)) == ("", (), [])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("formats", "second", "number"),
    [
        (("tar", "tgz"), "tree.tgz", signal.SIGINT),
        (("raw", "vhd"), "disk-of.vhd", signal.SIGTERM),
    ],
    ids=["tgz-SIGINT", "vhd-SIGTERM"],
)
def test_interruption_of_the_second_file(
    formats: tuple[str, ...],
    second: str,
    number: signal.Signals,
    place: Place,
    kept: pathlib.Path,
) -> None:
    with place.create(*formats, cache=kept) as running:
        running.wait_for(place.has(second))
        running.send(number)
        outcome = running.end()

    assert (outcome.code, outcome.line) == (_CODES[number], _INTERRUPTED), outcome.stderr
    assert (outcome.stdout, outcome.left) == ("", ())


@pytest.mark.parametrize("around", _SURROUNDINGS, ids=lambda one: one.name)
def test_an_error_is_the_same(
    around: surroundings.Surroundings, open_directory: pathlib.Path
) -> None:
    words = ("create", "made.tar", "--format=tar", *_SYSTEM, _NOWHERE, "--work-dir", "WORK")

    ended = around.run(open_directory, *words)

    assert (ended.returncode, ended.stdout) == (69, "")
    assert ended.stderr == (
        "retrofit: error: cannot fetch http://127.0.0.1:9/debian/dists/bookworm/InRelease: no"
        " connection: [Errno 111] Connection refused; check the address, the network and the"
        " service\n"
    )
    assert not list(open_directory.glob("made*"))
    assert not list((open_directory / "work").iterdir())


# Permissions, owner and type of every file by its name, and the packages.
System = tuple[dict[str, tuple[int, int, int, bytes]], list[dict[str, str]]]


def _made(around: surroundings.Surroundings, place: pathlib.Path) -> System:
    """Create a system that begins with the mirror; return what is in it."""
    words = ("create", "made.tar", "--format=tar", *_SYSTEM, "--work-dir", "WORK")
    ended = around.run(place, *words, f"--cache-dir={place / 'cache'}")
    assert ended.returncode == 0, ended.stderr
    assert not list((place / around.work).iterdir())
    tar, manifest = place / "made.tar", place / "made.tar.manifest"
    assert {stat.S_IMODE(file.stat().st_mode) for file in (tar, manifest)} == {
        0o666 & ~around.umask
    }
    with tarfile.open(tar) as archive:
        files = {entry.name: (entry.mode, entry.uid, entry.gid, entry.type) for entry in archive}
    return files, json.loads(manifest.read_text())["packages"]


@pytest.fixture(scope="module")
def plain() -> System:
    with scratch.directory("plain") as directory:
        return _made(surroundings.PLAIN, directory)


@pytest.mark.slow
@pytest.mark.parametrize("around", _SURROUNDINGS, ids=lambda one: one.name)
def test_a_system_is_the_same(
    around: surroundings.Surroundings, open_directory: pathlib.Path, plain: System
) -> None:
    assert _made(around, open_directory) == plain
