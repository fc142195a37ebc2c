"""A base image that arrives: written to a file and hashed on the way, and checked in the end."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import pathlib
import shutil
from collections.abc import Callable, Iterator
from concurrent import futures

from .. import errors, model

_SPACE_HINT = "free some space, or choose another work directory"


class Arrival:
    """A file that arrives; see :func:`receiving`.

    Attributes:
        done: Bytes that are here.
        size: Bytes that it is to have; 0 where that is not known.
    """

    def __init__(
        self, base: model.BaseImage, target: pathlib.Path, advanced: Callable[[int, int], None]
    ) -> None:
        self._base = base
        self._target = target
        self._advanced = advanced
        # MD5 is all that images uploaded before Glance 17 have; it guards against accidents only.
        self._algorithm = base.content_hash.partition(":")[0] or "sha512"
        self._digest = hashlib.new(self._algorithm, usedforsecurity=False)
        self._hasher = futures.ThreadPoolExecutor(max_workers=1)
        self._hashed = self._hasher.submit(self._digest.update, b"")
        self.done = 0
        self.size = 0
        self.expect(base.size)
        self._file = target.open("wb")

    def expect(self, size: int) -> None:
        """Take note of the size, where it was not known, and check that there is room for it.

        Raises:
            errors.NoSpace: There is not.
        """
        self.size = self.size or size
        free = shutil.disk_usage(self._target.parent).free
        if self.size > free:
            raise errors.NoSpace(
                f"{self._base.name} has {self.size // model.MIB} MiB, but {self._target.parent} "
                f"has only {free // model.MIB} MiB free",
                hint=_SPACE_HINT,
            )

    def write(self, piece: bytes) -> None:
        """Take what arrived.

        Raises:
            errors.ImageError: It is more than there should be.
        """
        # One piece is hashed while the next one arrives: alone either takes as long.
        self._hashed.result()
        self._hashed = self._hasher.submit(self._digest.update, piece)
        self._file.write(piece)
        self.done += len(piece)
        self._advanced(self.done, self.size)
        if 0 < self.size < self.done:
            raise errors.ImageError(
                f"the base image {self._base.name} is larger than the expected {self.size} bytes"
            )

    def restart(self) -> None:
        """Forget what arrived: the file comes again from its beginning."""
        self._file.seek(0)
        self._file.truncate()
        self._hashed.result()
        self._digest = hashlib.new(self._algorithm, usedforsecurity=False)
        self.done = 0

    def close(self) -> None:
        """Write what is left."""
        self._hasher.shutdown()
        self._file.close()

    def check(self) -> None:
        """Compare what arrived with what its publisher says.

        Raises:
            errors.ImageError: It is something else.
        """
        self._hashed.result()
        wanted = self._base.content_hash
        actual = f"{self._algorithm}:{self._digest.hexdigest()}"
        if wanted and actual != wanted:
            raise errors.ImageError(
                f"the base image {self._base.id or self._base.name} does not match its checksum: "
                f"{actual[:24]}… instead of {wanted[:24]}…",
                hint="try again; if the error remains, the source is damaged: replace it there",
            )


@contextlib.contextmanager
def receiving(
    base: model.BaseImage, target: pathlib.Path, advanced: Callable[[int, int], None]
) -> Iterator[Arrival]:
    """Receive a base image, and check in the end that it is unchanged.

    Args:
        base: What its publisher says of it.
        target: File to write; nothing is left of it after a failure.
        advanced: Told how many bytes of how many are here.

    Raises:
        errors.NoSpace: The disk is, or would be, full.
        errors.ImageError: What arrived is not what its publisher has.
        errors.OutputError: The file cannot be written.
    """
    try:
        with contextlib.closing(Arrival(base, target, advanced)) as arrival:
            yield arrival
        arrival.check()
    except OSError as error:
        target.unlink(missing_ok=True)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise errors.NoSpace(f"no space left in {target.parent}", hint=_SPACE_HINT) from error
        raise errors.OutputError(f"cannot write {target}: {error.strerror}") from error
    except BaseException:
        target.unlink(missing_ok=True)
        raise
