"""The container image: built as its file says, and run as a pipeline runs it."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence

import pytest
from tests.support import paths
from tests.support.charm import container
from tests.support.cli import podman
from tests.support.image_manager import image_files

pytestmark = [pytest.mark.slow, pytest.mark.in_order]

_BASE = "localhost/retrofit-test-base"
_IMAGE = "localhost/retrofit-test-image"
_TIMEOUT_S = 1200
# How this machine reaches packages.
_PIP_CONF = pathlib.Path("/etc/pip.conf")
_AUTHORITIES = "/usr/local/share/ca-certificates"
_VARIABLES = ("PIP_", "http_proxy", "https_proxy", "no_proxy")


def _run(image: str, *words: str, options: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    return podman.call("run", "--rm", "--network=host", *podman.LIMITS, *options, image, *words)


def _text() -> str:
    return (paths.REPOSITORY / "Containerfile").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A small Debian of the default's release, in place of the one in a registry."""
    default = re.search(r"^ARG BASE=\S+/debian:(\w+)-slim$", _text(), re.MULTILINE)
    assert default is not None
    series = default[1]
    root = tmp_path_factory.mktemp("base") / "root.tar"
    hooks = [f"sync-in {_AUTHORITIES} {_AUTHORITIES}", 'chroot "$1" update-ca-certificates']
    hooks += [f"copy-in {_PIP_CONF} /etc"] if _PIP_CONF.exists() else []
    minimal = ["mmdebstrap", "--quiet", "--variant=minbase", "--include=ca-certificates"]
    minimal += [*(f"--customize-hook={hook}" for hook in hooks), series, os.fspath(root)]
    subprocess.run([*minimal, *container.apt_sources(series)], check=True, timeout=_TIMEOUT_S)
    imported = podman.call("import", "--quiet", root, _BASE)
    assert imported.returncode == 0, imported.stderr
    yield _BASE
    for image in (_IMAGE, _BASE):
        podman.call("rmi", "--force", image)


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """What of a clone is sent to the build, the wheel among it."""
    directory = tmp_path_factory.mktemp("context")
    (directory / "requirements").mkdir()
    for name in ("Containerfile", ".containerignore", "requirements/engine.txt"):
        shutil.copy(paths.REPOSITORY / name, directory / name)
    subprocess.run([paths.REPOSITORY / "tools" / "wheel", directory / "dist"], check=True)
    return directory


def test_it_is_built(base: str, context: pathlib.Path) -> None:
    names = [name for name in os.environ if name.startswith(_VARIABLES)]
    variables = [f"--env={name}={os.environ[name]}" for name in names]
    words = (f"--build-arg=BASE={base}", f"--tag={_IMAGE}")

    built = podman.call("build", "--layers=false", "--network=host", *variables, *words, context)

    assert built.returncode == 0, built.stdout + built.stderr


def test_it_checks_image_files(tmp_path: pathlib.Path) -> None:
    version = image_files.version("1", url="file:///work/images.yml")
    image_files.write(tmp_path / "images.yml", image_files.image("One", version))
    (tmp_path / "wrong.yml").write_text("images: 1\n")
    mounted = [f"--volume={tmp_path}:/work:ro"]

    checked = _run(_IMAGE, "manage", "--check-only", "--images", "images.yml", options=mounted)
    wrong = _run(_IMAGE, "manage", "--check-only", "--images", "wrong.yml", options=mounted)

    assert (checked.returncode, checked.stderr) == (0, "")
    assert (wrong.returncode, "wrong.yml:1" in wrong.stderr) == (9, True), wrong.stderr
