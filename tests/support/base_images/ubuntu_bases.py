"""Base images that pass for Ubuntu's, made by the engine from archives that pass for its own."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import pathlib
import shutil
from collections.abc import Iterator
from typing import Any
from unittest import mock

from retrofit import model
from retrofit.base_images import bootstrap
from retrofit.base_images.scratch import debian, debian_systems
from retrofit.building.disk import conversion
from retrofit.host import web
from retrofit.host.sandbox import workshop

from .. import artefacts, paths
from ..building import ubuntu_archive, ubuntu_hosts
from . import base_images

# As Ubuntu's cloud images have them, up to jammy in one-line form.
_ONE_LINE = """\
## See http://help.ubuntu.com/community/UpgradeNotes for how to upgrade to
## newer versions of the distribution.
deb http://archive.ubuntu.com/ubuntu/ {0} main restricted
# deb-src http://archive.ubuntu.com/ubuntu/ {0} main restricted
deb http://archive.ubuntu.com/ubuntu/ {0}-updates main restricted
deb http://archive.ubuntu.com/ubuntu/ {0} universe
deb http://archive.ubuntu.com/ubuntu/ {0}-updates universe
deb http://archive.ubuntu.com/ubuntu/ {0} multiverse
deb http://archive.ubuntu.com/ubuntu/ {0}-updates multiverse
deb http://archive.ubuntu.com/ubuntu/ {0}-backports main restricted universe multiverse
deb http://security.ubuntu.com/ubuntu/ {0}-security main restricted
deb http://security.ubuntu.com/ubuntu/ {0}-security universe
deb http://security.ubuntu.com/ubuntu/ {0}-security multiverse
"""
_DEB822 = f"""\
Types: deb
URIs: http://archive.ubuntu.com/ubuntu/
Suites: {{0}} {{0}}-updates {{0}}-backports
Components: main universe restricted multiverse
Signed-By: /{ubuntu_archive.KEYRING}

Types: deb
URIs: http://security.ubuntu.com/ubuntu/
Suites: {{0}}-security
Components: main universe restricted multiverse
Signed-By: /{ubuntu_archive.KEYRING}
"""


@functools.cache
def base(series: ubuntu_archive.Series) -> pathlib.Path:
    """Return a cloud image of a series, as it was made on the day of the release."""
    makers = paths.REPOSITORY / "src" / "retrofit" / "base_images"
    made_from = artefacts.digest(
        ubuntu_archive.archive(series).name,
        pathlib.Path(__file__),
        makers / "bootstrap.py",
        makers / "scratch",
    )
    name = f"base-{series.name}-{made_from}"

    def build(directory: pathlib.Path) -> None:
        raw = directory / "disk.raw"
        with ubuntu_hosts.serving(series) as hosts, workshop.work_directory(None) as work:
            access = web.Access(model.Proxies(http=hosts.url))
            wanted = bootstrap.Wanted(series.name, "x86_64", "http://archive.ubuntu.com/ubuntu")
            made = work / "base.raw"
            with _as_ubuntu(series, work):
                recipe = bootstrap.recipe(wanted)
                bootstrap.make(recipe, made, access, work, base_images.Silent(), identity=name)
            shutil.move(made, raw)
        conversion.from_raw(raw, directory / f"{name}.qcow2", model.ImageFormat.QCOW2)
        raw.unlink()

    return artefacts.once(name, build) / f"{name}.qcow2"


@contextlib.contextmanager
def _as_ubuntu(series: ubuntu_archive.Series, work: pathlib.Path) -> Iterator[None]:
    """Have the engine make what passes for Ubuntu, signed by a key that this host lacks."""
    key = work / "ubuntu.gpg"
    shutil.copyfile(ubuntu_archive.archive(series) / "keys/ubuntu.gpg", key)
    key.chmod(0o644)
    packages = list(debian_systems._PACKAGES)
    if series.has_rust:
        packages[packages.index("initramfs-tools")] = "dracut"
    about = dataclasses.replace(debian_systems.DISTRIBUTIONS["ubuntu"], keyring=str(key))
    configure = debian._configure

    def configured(tree: pathlib.Path, *others: Any, deb822: bool, **further: Any) -> None:
        configure(tree, *others, deb822=deb822, **further)
        place = "sources.list.d/ubuntu.sources" if deb822 else "sources.list"
        text = (_DEB822 if deb822 else _ONE_LINE).format(series.name)
        (tree / "etc/apt" / place).write_text(text)

    with (
        mock.patch.dict(debian_systems.DISTRIBUTIONS, ubuntu=about),
        mock.patch.object(debian_systems, "_PACKAGES", packages),
        mock.patch.object(debian, "_configure", configured),
    ):
        yield
