"""Packs the file tree of an image, without its disk: for containers and network boots."""

from __future__ import annotations

import contextlib
import errno
import pathlib
from collections.abc import Iterator

from .. import errors, model
from ..host import process
from . import oci

_TIMEOUT_S = 1800.0
# mksquashfs takes 15, which needs several times as long for a few percent.
_ZSTD_LEVEL = "6"
# As diskimage-builder leaves them out; whoever starts the tree mounts them.
_LEFT_OUT = ("proc", "sys")
# When files were read or made here, and the number of the process, are nothing of the tree's.
_HEADERS = "exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime"


def pack(
    tree: pathlib.Path,
    output: pathlib.Path,
    file_format: model.FileFormat,
    *,
    recipe: str,
    release: model.Release,
) -> None:
    """Write an archive of a tree, with owners, modes, links and extended attributes.

    Args:
        tree: The files, with all file systems in their places.
        output: The archive to write.
        file_format: One of :data:`retrofit.model.TREE_FORMATS`.
        recipe: By which the tree was made; names a container image.
        release: What is in the tree; likewise.

    Raises:
        errors.NoSpace: The disk of ``output`` is full.
        errors.ToolMissing: The program for this format is not installed.
    """
    with _room(output):
        if file_format is model.FileFormat.SQUASHFS:
            _squash(tree, output)
        elif file_format is model.FileFormat.OCI:
            layer = output.with_suffix(".layer")
            _tar(tree, layer)
            name = f"{recipe}:{release.distribution}-{release.version}"
            oci.write(layer, output, name=name, architecture=release.architecture)
        else:
            _tar(tree, output, *(["--gzip"] if file_format is model.FileFormat.TGZ else []))


def _squash(tree: pathlib.Path, output: pathlib.Path) -> None:
    command = ["mksquashfs", str(tree), str(output), "-noappend", "-no-progress", "-quiet"]
    command += ["-comp", "zstd", "-Xcompression-level", _ZSTD_LEVEL]
    process.run([*command, "-e", *_LEFT_OUT], timeout_s=_TIMEOUT_S)


def _tar(tree: pathlib.Path, output: pathlib.Path, *options: str) -> None:
    command = ["tar", "--create", "--numeric-owner", "--sort=name"]
    command += ["--xattrs", "--xattrs-include=*", f"--pax-option={_HEADERS}"]
    command += ["--file", str(output), "--directory", str(tree)]
    command += [f"--exclude=./{name}" for name in _LEFT_OUT]
    process.run([*command, *options, "."], timeout_s=_TIMEOUT_S)


@contextlib.contextmanager
def _room(output: pathlib.Path) -> Iterator[None]:
    """Say so if there is no room for a file, or for what it is made of."""
    what = f"no space for {output.name} in {output.parent}"
    try:
        yield
    except errors.CommandError as failure:
        if "No space left" in " ".join(failure.details):
            raise errors.NoSpace(what, details=failure.details) from failure
        raise
    except OSError as failure:
        if failure.errno == errno.ENOSPC:
            raise errors.NoSpace(what) from failure
        raise
