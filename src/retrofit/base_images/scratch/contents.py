"""What a base image from a mirror holds, where that is not the usual."""

from __future__ import annotations

import dataclasses
import hashlib

# How keyrings in ASCII armor begin; apt tells the forms by the names of the files.
_ARMOR = b"-----BEGIN "


@dataclasses.dataclass(frozen=True)
class Contents:
    """What a base image holds.

    Attributes:
        minimal: Whether it has only what a machine needs to start and to be configured, in place
            of what the distribution's cloud images have.
        kernel: Package of the kernel; empty takes the distribution's for virtual machines.
        keys: Keyring that verifies the archive, here and in the image; empty takes the
            distribution's.
        source_date: Seconds since 1970 that nothing in it is younger than; ``None`` for the
            present.
    """

    minimal: bool = False
    kernel: str = ""
    keys: bytes = b""
    source_date: int | None = None

    @property
    def keyring(self) -> str:
        """Name of a file with :attr:`keys`."""
        return f"archive.{'asc' if self.keys.startswith(_ARMOR) else 'gpg'}"

    def inputs(self) -> dict[str, str]:
        """Return what tells it from the usual, by name: nothing for the usual."""
        found = {
            "package-set": "minimal" if self.minimal else "",
            "kernel": self.kernel,
            "keys": hashlib.sha256(self.keys).hexdigest() if self.keys else "",
            "source-date": "" if self.source_date is None else str(self.source_date),
        }
        return {name: value for name, value in found.items() if value}
