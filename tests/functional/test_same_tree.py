"""Whoever builds an image gets the same one: root, or a user who may do nothing on the machine."""

from __future__ import annotations

import json
import pathlib
import shutil
from collections.abc import Iterator

import pytest
from tests.support import contents, images, ordinary_user

pytestmark = pytest.mark.slow

_BUILD_TIMEOUT_S = 1800


@pytest.fixture(scope="module")
def users_image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pathlib.Path]:
    """An image that an ordinary user made from the base of :func:`images.amphora`."""
    base = images.amphora().base
    kept = tmp_path_factory.mktemp("users") / "amphora.qcow2"
    with ordinary_user.user() as user:
        made = user.home / "amphora.qcow2"
        done = user.retrofit(
            *("image", "--json", user.home / "reads" / base.name, made),
            reads=base.parent,
            timeout_s=_BUILD_TIMEOUT_S,
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["image"]["size"] == made.stat().st_size
        assert made.owner() == user.name
        shutil.move(made, kept)
    yield kept
    kept.unlink()


def test_packages_are_the_same(users_image: pathlib.Path) -> None:
    roots = contents.read(images.amphora().path)

    users = contents.read(users_image)

    assert users.packages == roots.packages


def test_files_are_the_same(users_image: pathlib.Path) -> None:
    roots = contents.read(images.amphora().path).entries

    users = contents.read(users_image).entries

    differing = {
        path: (roots.get(path), users.get(path))
        for path in roots.keys() | users.keys()
        if roots.get(path) != users.get(path)
    }
    assert differing == {}
