"""A workshop works in directories behind closed ones, whatever the caller's umask."""

from __future__ import annotations

import os
import pathlib
import stat
from collections.abc import Iterator

import pytest
from tests.support.base_images import base_images

from retrofit.host import files
from retrofit.host.sandbox import workshop


@pytest.fixture
def closed(open_directory: pathlib.Path) -> Iterator[pathlib.Path]:
    """A directory that only root may enter, as root's home is, with a secret in it."""
    directory = open_directory / "closed, and deep"
    directory.mkdir(mode=0o700)
    (directory / "secret").write_text("secret")
    yield directory
    assert (directory / "secret").read_text() == "secret"


def test_it_works_behind_a_closed_directory_and_sees_nothing_else_there(
    closed: pathlib.Path,
) -> None:
    within = closed / "within" / "deeper"
    within.mkdir(parents=True, mode=0o700)
    shared = closed / "shared"
    shared.mkdir(mode=0o700)
    workshop.adopt(shared)

    with workshop.work_directory(within) as work:

        def look(_: object) -> list[str]:
            (work / "made").write_text("made")
            (shared / "made").write_text("made, too")
            return sorted(os.fspath(path.relative_to(closed)) for path in closed.rglob("*"))

        seen = workshop.run(work, look, base_images.Silent(), further=[shared])
        assert (work / "made").read_text() == "made"
        name = work.name

    assert seen == [
        "shared",
        "shared/made",
        "within",
        "within/deeper",
        f"within/deeper/{name}",
        f"within/deeper/{name}/made",
    ]
    assert (shared / "made").read_text() == "made, too"
    assert list(within.iterdir()) == []


@pytest.mark.parametrize("open_way", [True, False])
def test_all_of_an_outer_directory_of_its_own_is_seen(
    closed: pathlib.Path, open_directory: pathlib.Path, open_way: bool
) -> None:
    with workshop.work_directory(open_directory if open_way else closed) as work:
        (work / "image").write_text("built")
        proof = work / "proof"
        proof.mkdir(mode=0o700)
        workshop.adopt(proof)

        read = workshop.run(proof, lambda _: (work / "image").read_text(), base_images.Silent())

    assert read == "built"


def test_a_link_through_a_closed_directory_is_followed(
    closed: pathlib.Path, open_directory: pathlib.Path
) -> None:
    (open_directory / "elsewhere").mkdir()
    (closed / "link").symlink_to(open_directory / "elsewhere")

    with workshop.work_directory(closed / "link") as work:
        made = workshop.run(
            work, lambda _: (work / "made").write_text("made"), base_images.Silent()
        )
        assert made == 4


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_what_is_made_does_not_depend_on_the_callers_umask(
    umask: int, open_directory: pathlib.Path
) -> None:
    def make(_: object) -> tuple[int, int]:
        directory = work / "directory"
        directory.mkdir()
        (directory / "file").touch()
        return directory.stat().st_mode, (directory / "file").stat().st_mode

    previous = os.umask(umask)
    try:
        with workshop.work_directory(open_directory) as work:
            modes = workshop.run(work, make, base_images.Silent())
    finally:
        os.umask(previous)

    assert tuple(map(stat.S_IMODE, modes)) == (0o755, 0o644)


def test_two_ways_to_one_disk_are_told_apart(closed: pathlib.Path) -> None:
    shared = closed / "shared"
    shared.mkdir(mode=0o700)
    workshop.adopt(shared)

    with workshop.work_directory(closed) as work:
        assert files.moves(work, shared)
        moves = workshop.run(
            work, lambda _: files.moves(work, shared), base_images.Silent(), further=[shared]
        )
        assert not moves
        assert (list(work.iterdir()), list(shared.iterdir())) == ([], [])
