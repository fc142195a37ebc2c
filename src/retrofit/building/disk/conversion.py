"""Image formats: from what an operator has to a sparse raw file, and back."""

from __future__ import annotations

import json
import pathlib
import re
import tempfile
from collections.abc import Iterable
from typing import Any

from ... import errors, model
from ...host import process

_QCOW2_MAGIC = b"QFI\xfb"
_INFO_TIMEOUT_S = 60.0
_CONVERT_TIMEOUT_S = 3600.0
# zstd finds more in larger clusters than in the usual 64 KiB: of an amphora image 5.6 % more in
# these. Twice this size saves another 1 %, but a reader unpacks a whole cluster for every small
# read.
_ZSTD_CLUSTER = "256k"
# Disk formats to which qemu-img gives another name, or that mean something with options only: a
# VHD of exactly the size of the disk, a VMDK that is one compressed file.
_DRIVERS = {
    "vhd": ["vpc", "-o", "force_size=on"],
    "vmdk": ["vmdk", "-o", "subformat=streamOptimized"],
}
# An option without a path, and none that has the image need another file, or a key.
# What asks for it.
_FORMER = frozenset(("compat=0.10", "compat=v2"))
_OPTION = re.compile(r"(?!backing|data_file|encrypt|size=)[A-Za-z0-9_]+=[A-Za-z0-9_.+-]+")
# Of qemu-img check: exit statuses that say what the image is like, not that the check failed.
_CHECK_DAMAGED, _CHECK_LEAKS = 2, 3


def to_raw(source: pathlib.Path, raw: pathlib.Path) -> None:
    """Turn an image into a sparse raw file.

    Args:
        source: A qcow2 or raw image; it is not trusted.
        raw: The file to write.

    Raises:
        errors.ImageError: It is damaged or truncated, or would read other files of the host.
        errors.NoSpace: The disk of ``raw`` is full.
    """
    with source.open("rb") as stream:
        magic = stream.read(len(_QCOW2_MAGIC))
    # The format is never left to qemu to guess: a raw image may begin like any other format, and
    # some formats name further files to read.
    source_format = "qcow2" if magic == _QCOW2_MAGIC else "raw"
    if source_format == "qcow2":
        _check_qcow2(source)
    _convert(["-f", source_format, "-O", "raw"], source, raw)


def from_raw(
    raw: pathlib.Path,
    output: pathlib.Path,
    image_format: model.ImageFormat | model.FileFormat,
    compression: model.Compression = model.Compression.ZLIB,
    *,
    in_order: bool = False,
    further: str = "",
) -> None:
    """Write a raw image in the format asked for: qcow2, sparse raw or that of another hypervisor.

    Args:
        raw: The image.
        output: The file to write.
        image_format: Its format, of a disk.
        compression: How a qcow2 is compressed. What every QEMU reads is the default; QEMU 5.1
            (2020) and later read zstd.
        in_order: Whether the same image is to make the same file, which takes longer.
        further: Options of the format, which :func:`check_options` took; a raw file has none.

    Raises:
        errors.NoSpace: The disk of ``output`` is full.
    """
    name = image_format.value
    options = ["-f", "raw", "-O", *_DRIVERS.get(name, [name])]
    if name == model.ImageFormat.QCOW2 and compression is not model.Compression.NONE:
        # Compressed clusters may be written in any order, so both processors can work (-W).
        options += ["-c", *([] if in_order else ["-W", "-m", "4"])]
    _convert([*options, *_of_format(name, compression, further)], raw, output)


def _of_format(name: str, compression: model.Compression, further: str) -> list[str]:
    """Return qemu-img's words for the options of a format."""
    words = []
    if name == model.ImageFormat.QCOW2 and compression is model.Compression.ZSTD:
        words += ["-o", f"compression_type=zstd,cluster_size={_ZSTD_CLUSTER}"]
    if further and name != model.ImageFormat.RAW:
        words += ["-o", further]
    return words


def compression_of(options: str) -> model.Compression | None:
    """Return the only compression that goes with options of a qcow2; ``None`` if any does.

    The first version of the format (before QEMU 1.1, of 2012) knows zlib only.
    """
    former = _FORMER.intersection(options.split(","))
    return model.Compression.ZLIB if former else None


def check_options(
    formats: Iterable[model.FileFormat],
    options: str,
    compression: model.Compression = model.Compression.NONE,
) -> None:
    """Try options of disk formats before there is anything to convert.

    Args:
        formats: Formats of files.
        options: The options, as qemu-img takes them.
        compression: How a qcow2 is to be compressed.

    Raises:
        errors.ConfigError: One is unknown to a format, has a wrong value or names another file;
            or no format takes options.
    """
    if not options:
        return
    for option in options.split(","):
        if not _OPTION.fullmatch(option):
            raise errors.ConfigError(
                f"the qemu-img option {option!r} is not supported",
                hint="write NAME=VALUE, such as compat=0.10, of formats that need no other file",
            )
    names = [
        one.value
        for one in formats
        if one not in model.TREE_FORMATS and one is not model.FileFormat.RAW
    ]
    if not names:
        raise errors.ConfigError(f"no file takes the qemu-img options {options}")
    with tempfile.TemporaryDirectory(prefix="retrofit-options-") as place:
        for name in names:
            driver, *usual = _DRIVERS.get(name, [name])
            completed = process.run(
                ["qemu-img", "create", "-f", driver, *usual]
                + [*_of_format(name, compression, options), f"{place}/{name}", f"{model.MIB}"],
                timeout_s=_INFO_TIMEOUT_S,
                check=False,
            )
            if completed.returncode != 0:
                said = completed.tail[-1].rpartition(f"{place}/{name}: ")[2]
                raise errors.ConfigError(
                    f"the format {name} does not take the qemu-img options {options}: {said}",
                    hint="correct the options, or the formats",
                )


def _convert(options: list[str], source: pathlib.Path, target: pathlib.Path) -> None:
    """Run qemu-img convert and tell a full disk from a damaged image."""
    try:
        process.run(
            ["qemu-img", "convert", *options, source, target], timeout_s=_CONVERT_TIMEOUT_S
        )
    except errors.CommandError as failure:
        text = " ".join(failure.details)
        if "No space left" in text or "File too large" in text:
            raise errors.NoSpace(
                f"no space for {target.name} in {target.parent}", details=failure.details
            ) from failure
        raise errors.ImageError(
            f"the image cannot be read: {failure.message}", details=failure.details
        ) from failure


def _info(image: pathlib.Path, image_format: str) -> dict[str, Any]:
    """Ask qemu-img about an image."""
    completed = process.run(
        ["qemu-img", "info", "-f", image_format, "--output=json", image],
        timeout_s=_INFO_TIMEOUT_S,
        check=False,
    )
    if completed.returncode != 0:
        raise errors.ImageError(
            f"the {image_format} image is damaged", hint="fetch it again", details=completed.tail
        )
    info: dict[str, Any] = json.loads(completed.stdout)
    return info


def _check_qcow2(source: pathlib.Path) -> None:
    """Refuse a qcow2 that is damaged or reaches for other files.

    Raises:
        errors.ImageError: It is one of these.
    """
    info = _info(source, "qcow2")
    data = info.get("format-specific", {}).get("data", {})
    if "backing-filename" in info or "data-file" in data:
        other = info.get("backing-filename", data.get("data-file"))
        raise errors.ImageError(
            f"the image is incomplete: it needs the file {other}",
            hint="convert it to a complete image with qemu-img convert",
        )
    if info.get("encrypted"):
        raise errors.ImageError("the image is encrypted", hint="decrypt it with qemu-img convert")

    completed = process.run(
        ["qemu-img", "check", "-f", "qcow2", "--output=json", source],
        timeout_s=_CONVERT_TIMEOUT_S,
        check=False,
    )
    if completed.returncode not in (0, _CHECK_DAMAGED, _CHECK_LEAKS):
        raise errors.ImageError(
            "the image is damaged", hint="fetch it again", details=completed.tail
        )
    # Clusters past the end of a file read as zeros without an error, and the check says nothing.
    # The last cluster of a whole file may be cut, where compressed data ends in it.
    end, length = int(json.loads(completed.stdout)["image-end-offset"]), source.stat().st_size
    if end - length >= int(info["cluster-size"]):
        raise errors.ImageError(
            f"the image is truncated: it has {length} bytes instead of {end}",
            hint="fetch it again",
        )
    if completed.returncode == _CHECK_DAMAGED:
        raise errors.ImageError(
            "the image is truncated or damaged: its tables contradict each other or its length",
            hint="fetch it again",
        )
