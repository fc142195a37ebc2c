"""Image files as a command's input, and lines about what becomes of the images in them."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
from collections.abc import Iterable, Iterator, Sequence

import rich_click as click

from .. import errors
from ..host import progress, web
from ..image_manager import catalog, git_files, mirror, reading, stores, workplace
from . import options


@dataclasses.dataclass(frozen=True)
class Files:
    """Which image files a command reads, and how.

    Attributes:
        place: An image file, a directory of image files, or the URL of one at a commit.
        pattern: Regular expression that names of images match.
        check: Whether the files are checked against the schema.
        force: Whether images that are not enabled are included.
    """

    place: str
    pattern: str
    check: bool
    force: bool

    def read(self, access: web.Access) -> reading.Reading:
        """Read the files; all that is wrong with them goes to standard error.

        Args:
            access: How web servers are reached.
        """
        path = git_files.located(self.place, access)
        found = reading.read(path, check=self.check, force=self.force, pattern=self.pattern)
        for line in found.problems:
            click.echo(line, err=True)
        return found


def _files(images: str, pattern: str, check: bool, force: bool) -> Files:
    return Files(images, pattern, check, force)


# The options for image files, as one value: ``files``.
files: options.Decorator = options.gather("files", _files, options.image_files)


def logins(products: Iterable[catalog.Product]) -> Iterator[tuple[str, ...]]:
    """Yield the head of the table of logins, and a row for each image, sorted by name."""
    yield "NAME", "LOGIN", "PASSWORD"
    for product in sorted(products, key=lambda product: product.name):
        yield product.name, product.login, product.password


def copy(
    products: Sequence[catalog.Product],
    store: stores.Store,
    access: web.Access,
    work: pathlib.Path | None,
    reporter: progress.Reporter,
) -> list[errors.RetrofitError]:
    """Copy what a mirror does not have, and print a line about each copy; see :mod:`mirror`."""
    return mirror.mirror(
        products,
        store,
        access,
        work,
        reporter=reporter,
        told=lambda name, url: show("copy", name, f"from {url}"),
    )


def show(action: str, name: str, details: str = "") -> None:
    """Print a line about one image."""
    click.echo(f"{action:<10}  {name}  {details}".rstrip())


def mirror_work(
    base: pathlib.Path | None, target: str
) -> contextlib.AbstractContextManager[pathlib.Path]:
    """Return a work directory for filling a mirror, which one run at a time has."""
    return workplace.held(base, "mirror", stores.place(target), f"fills the mirror {target}")


def fail(failures: Sequence[errors.RetrofitError]) -> None:
    """Report what failed, and end with the exit code of the first failure."""
    for failure in failures[1:]:
        click.echo(f"error: {failure}", err=True)
    if failures:
        raise failures[0]
