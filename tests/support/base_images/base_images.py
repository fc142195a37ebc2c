"""Base images that tests share: made once from a mirror by the engine's own source of them."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import pathlib
import shutil
from collections.abc import Iterator
from typing import Any
from unittest import mock

from retrofit import model
from retrofit.base_images import bootstrap
from retrofit.base_images.scratch import debian, shape
from retrofit.base_images.scratch import recipe as recipes
from retrofit.building.disk import conversion
from retrofit.host import process, web
from retrofit.host.sandbox import workshop

from .. import artefacts, paths
from . import debian_cloud as debian_cloud_image

_TAR_TIMEOUT_S = 600.0


class Silent:
    """A reporter that says nothing."""

    def step_started(self, name: str) -> None:
        """Say nothing."""

    def step_ended(self, record: model.StepRecord) -> None:
        """Say nothing."""

    def advanced(self, done: int, total: int) -> None:
        """Say nothing."""

    def doing(self, text: str) -> None:
        """Say nothing."""


def noble() -> pathlib.Path:
    """Return Debian 12 in the layout of Ubuntu's noble: separate ``/boot``, deb822 sources."""
    return _image("noble")


def jammy() -> pathlib.Path:
    """Return Debian 12 in Ubuntu's jammy layout: no separate ``/boot``, one-line sources."""
    return _image("jammy")


@functools.cache
def debian_cloud() -> pathlib.Path:
    """Return Debian 13 as Debian's own cloud image is, with grub-cloud-amd64."""
    makers = paths.REPOSITORY / "src" / "retrofit" / "base_images"
    habits = pathlib.Path(debian_cloud_image.__file__)
    made_from = artefacts.digest(makers / "bootstrap.py", makers / "scratch", habits)
    name = f"base-debian-cloud-{made_from}"

    def build(directory: pathlib.Path) -> None:
        trixie = bootstrap.recipe(bootstrap.Wanted(series="trixie", architecture="x86_64"))
        recipe = dataclasses.replace(trixie, shape=shape.Shape(debian_cloud_image.LAYOUT))
        with debian_cloud_image.habits():
            _make(recipe, directory / f"{name}.qcow2")

    return artefacts.once(name, build) / f"{name}.qcow2"


def _make(
    recipe: recipes.Recipe, image: pathlib.Path, *, kept: pathlib.Path | None = None
) -> None:
    """Make a base image, with packages installed anew or as they were kept."""
    origin = bootstrap.Origin(recipe, bootstrap.find(recipe, web.Access()), web.Access())
    with workshop.work_directory(None) as work:
        with _installed_once(kept, work) if kept else contextlib.nullcontext():
            raw = origin.bring(work, Silent())
        conversion.from_raw(raw, image, model.ImageFormat.QCOW2)


@functools.cache
def _image(layout_name: str) -> pathlib.Path:
    makers = paths.REPOSITORY / "src" / "retrofit" / "base_images"
    made_from = artefacts.digest(makers / "bootstrap.py", makers / "scratch")
    name = f"base-{layout_name}-ext4-{made_from}"

    def build(directory: pathlib.Path) -> None:
        bookworm = bootstrap.recipe(bootstrap.Wanted(series="bookworm", architecture="x86_64"))
        recipe = dataclasses.replace(bookworm, shape=shape.Shape(layout_name))
        kept = paths.cache() / f"system-{made_from}.tar"
        _make(recipe, directory / f"{name}.qcow2", kept=kept)

    return artefacts.once(name, build) / f"{name}.qcow2"


@contextlib.contextmanager
def _installed_once(kept: pathlib.Path, work: pathlib.Path) -> Iterator[None]:
    """Have the packages of a base image installed once for all layouts, which share them."""
    archive, install = work / "system.tar", debian._install
    words = ["tar", "--numeric-owner", "--xattrs", "--xattrs-include=*", "-f", archive]
    known = kept.exists()
    if known:
        shutil.copyfile(kept, archive)
        workshop.adopt(archive)

    def installed(tree: pathlib.Path, *others: Any) -> None:
        if known:
            tree.mkdir()
            process.run([*words, "-xp", "-C", tree], timeout_s=_TAR_TIMEOUT_S)
        else:
            install(tree, *others)
            process.run([*words, "-c", "-C", tree, "."], timeout_s=_TAR_TIMEOUT_S)

    with mock.patch.object(debian, "_install", installed):
        yield
    if not known:
        half = kept.with_suffix(f".{os.getpid()}")
        shutil.copyfile(archive, half)
        for former in kept.parent.glob("system-*.tar"):
            former.unlink()
        half.rename(kept)
    archive.unlink()
