"""Base images that tests share: made once from a mirror by the engine's own bootstrap."""

from __future__ import annotations

import functools
import pathlib
import shutil

from retrofit import model, progress
from retrofit.sandbox import workshop
from retrofit.sources import bootstrap

from . import artefacts, paths

# The modules that decide what is in a base image.
_MAKERS = ("bootcode", "bootdisk", "bootstrap")


class Silent:
    """A reporter that says nothing."""

    def step_started(self, name: str) -> None:
        """Say nothing."""

    def step_ended(self, record: model.StepRecord) -> None:
        """Say nothing."""

    def advanced(self, done: int, total: int) -> None:
        """Say nothing."""


def noble() -> pathlib.Path:
    """Return Debian 12 in the layout of Ubuntu's noble: separate ``/boot``, deb822 sources."""
    return _image("noble")


def jammy() -> pathlib.Path:
    """Return Debian 12 in Ubuntu's jammy layout: no separate ``/boot``, one-line sources."""
    return _image("jammy")


@functools.cache
def _image(layout_name: str) -> pathlib.Path:
    sources = paths.REPOSITORY / "src" / "retrofit" / "sources"
    made_from = artefacts.digest(*(sources / f"{name}.py" for name in _MAKERS))
    name = f"base-{layout_name}-ext4-{made_from}"

    def build(directory: pathlib.Path) -> None:
        with workshop.work_directory(None) as work:
            output = work / "base.qcow2"

            def make(_: progress.Reporter) -> None:
                bootstrap.bootstrap(
                    output,
                    distribution="debian",
                    release="bookworm",
                    architecture="amd64",
                    layout_name=layout_name,
                    mirror="",
                    size=None,
                    image_format=model.ImageFormat.QCOW2,
                    work=work,
                    root_filesystem="ext4",
                )

            workshop.run(work, make, Silent())
            shutil.copyfile(output, directory / f"{name}.qcow2")

    return artefacts.once(name, build) / f"{name}.qcow2"
