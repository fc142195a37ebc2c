"""Whether image files and their mirror can be used: what ``retrofit doctor`` asks of them."""

from __future__ import annotations

import functools
import os
import pathlib
from collections.abc import Iterator

from .. import errors
from ..host import web
from ..model import diagnosis
from . import git_files, reading, stores


def checks(place: str, mirror: str, access: web.Access) -> Iterator[diagnosis.Check]:
    """Yield a check of image files, and one of their mirror.

    Args:
        place: A file, a directory, or the URL of one at a commit; empty for none.
        mirror: The mirror as :func:`stores.opened` takes it; empty for none.
        access: How web servers are reached.
    """
    if place:
        yield diagnosis.Check("image-files", functools.partial(_read, place, access))
    if mirror:
        yield diagnosis.Check("image-mirror", functools.partial(_answers, mirror))


def _read(place: str, access: web.Access) -> str:
    try:
        found = reading.read(git_files.located(place, access), check=False)
    except errors.InputMissing as error:
        hint = error.hint or "create it, or name another path"
        raise errors.InputMissing(error.message, hint=hint) from error
    if found.skipped:
        more = f", and {len(found.skipped) - 1} more" if len(found.skipped) > 1 else ""
        raise errors.Skipped(
            f"{found.skipped[0]}{more} cannot be understood: {found.problems[0]}",
            hint="correct the image files",
        )
    versions = sum(len(product.versions) for product in found.products)
    return f"{place} can be read: images: {len(found.products)}, versions: {versions}"


def _answers(mirror: str) -> str:
    if mirror.startswith("s3://"):
        stores.opened(mirror).has("")
        return f"the bucket of {mirror} lists its files"
    path = pathlib.Path(mirror).absolute()
    nearest = next(each for each in (path, *path.parents) if os.access(each, os.F_OK))
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        raise errors.OutputError(
            f"the mirror {mirror} cannot be written", hint=f"check {nearest} and its permissions"
        )
    return f"{mirror} is writable" if path == nearest else f"{mirror} can be created"
