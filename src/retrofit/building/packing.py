"""Packs the file tree of an image, without its disk: for containers and network boots."""

from __future__ import annotations

import pathlib

from .. import errors, model
from ..host import process

_TIMEOUT_S = 1800.0
# mksquashfs takes 15, which needs several times as long for a few percent.
_ZSTD_LEVEL = "6"
# As diskimage-builder leaves them out; whoever starts the tree mounts them.
_LEFT_OUT = ("proc", "sys")


def pack(tree: pathlib.Path, output: pathlib.Path, file_format: model.FileFormat) -> None:
    """Write an archive of a tree, with owners, modes, links and extended attributes.

    Args:
        tree: The files, with all file systems in their places.
        output: The archive to write.
        file_format: One of :data:`retrofit.model.TREE_FORMATS`.

    Raises:
        errors.NoSpace: The disk of ``output`` is full.
        errors.ToolMissing: The program for this format is not installed.
    """
    if file_format is model.FileFormat.SQUASHFS:
        command = ["mksquashfs", str(tree), str(output), "-noappend", "-no-progress", "-quiet"]
        command += ["-comp", "zstd", "-Xcompression-level", _ZSTD_LEVEL]
        command += ["-e", *_LEFT_OUT]
    else:
        command = ["tar", "--create", "--numeric-owner", "--sort=name"]
        command += ["--xattrs", "--xattrs-include=*"]
        command += ["--file", str(output), "--directory", str(tree)]
        command += [f"--exclude=./{name}" for name in _LEFT_OUT]
        command += ["--gzip"] if file_format is model.FileFormat.TGZ else []
        command += ["."]
    try:
        process.run(command, timeout_s=_TIMEOUT_S)
    except errors.CommandError as failure:
        if "No space left" in " ".join(failure.details):
            raise errors.NoSpace(
                f"no space for {output.name} in {output.parent}", details=failure.details
            ) from failure
        raise
