"""What the disk of a base image from a mirror is like: its partitions and root file system."""

from __future__ import annotations

import dataclasses
import re
import shlex

from ... import errors

# By the names of the series of Ubuntu whose images have them: noble has a separate /boot.
LAYOUTS = ("noble", "jammy")
# ext4(5): what tune2fs calls a volume name; in bytes.
_LONGEST_LABEL = 16
# A label goes into fstab(5) and onto the kernel's command line as it is.
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")
# Of Ubuntu's images; a label of XFS has 12 characters at most.
_LABELS = {"ext4": "cloudimg-rootfs", "xfs": "cloudimgroot"}
# Those of the other file systems of these disks.
_TAKEN = ("BOOT", "UEFI")
# Options of mke2fs(8) that say what a file system is like and that can be read from it, so that a
# build that changes its files keeps them. What it is made of, where it goes and what it is called
# is said elsewhere.
_TUNING = re.compile(r"-([beIiJmNOT])(.*)", re.DOTALL)
# A journal on another device would not be in the image.
_JOURNAL = re.compile(r"size=[0-9]+")


@dataclasses.dataclass(frozen=True)
class Shape:
    """The disk of a base image.

    Attributes:
        layout: One of :data:`LAYOUTS`; empty, where that is allowed, takes that of Ubuntu's images
            of the same time.
        size: Size of the disk in bytes; ``None`` leaves little room beside the files.
        label: Label of the root file system; empty takes that of Ubuntu's images.
        tuning: Options of mke2fs for the root file system, beside this system's defaults.
        filesystem: Kind of the root file system: ``ext4`` or ``xfs``.
    """

    layout: str = ""
    size: int | None = None
    label: str = ""
    tuning: tuple[str, ...] = ()
    filesystem: str = "ext4"

    def inputs(self) -> dict[str, object]:
        """Return what tells it from the usual, by name, and its layout."""
        found = {
            "size": self.size,
            "label": self.label,
            "mkfs-options": self.tuning,
            "filesystem": "" if self.filesystem == "ext4" else self.filesystem,
        }
        return {"layout": self.layout, **{name: value for name, value in found.items() if value}}


def label_of(shape: Shape) -> str:
    """Return the label of the root file system."""
    return shape.label or _LABELS[shape.filesystem]


def label(text: str) -> str:
    """Return a label of an ext4 as it was given.

    Raises:
        errors.ConfigError: It can be none.
    """
    if text and (not _LABEL.fullmatch(text) or len(text) > _LONGEST_LABEL):
        raise errors.ConfigError(
            f"wrong label {text!r}: at most {_LONGEST_LABEL} letters, digits and any of _.+-,"
            " beginning with a letter or digit"
        )
    if text in _TAKEN:
        raise errors.ConfigError(f"wrong label {text!r}: another file system of the disk has it")
    return text


def tuning(text: str) -> tuple[str, ...]:
    """Return options of mke2fs, each with its value, as they were given in one line.

    Raises:
        errors.ConfigError: One is unknown, or is not for this.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise errors.ConfigError(f"wrong mkfs options {text!r}: {error}") from error
    found: list[str] = []
    while words:
        word = words.pop(0)
        option = _TUNING.fullmatch(word)
        if option is None:
            raise errors.ConfigError(
                f"the mkfs option {word!r} is not supported",
                hint="set options of mke2fs that say what an ext4 is like: -b, -e, -I, -i, -J, -m,"
                " -N, -O or -T",
            )
        letter, value = option[1], option[2] or (words.pop(0) if words else "")
        if not value:
            raise errors.ConfigError(f"the mkfs option -{letter} has no value")
        if letter == "J" and not _JOURNAL.fullmatch(value):
            raise errors.ConfigError(
                f"the mkfs option -J {value} is not supported: a journal can have a size in MiB"
                " only, such as -J size=64"
            )
        found.append(f"-{letter}{value}")
    return tuple(found)
