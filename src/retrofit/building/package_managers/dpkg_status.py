"""dpkg's list of the packages that are installed."""

from __future__ import annotations

import pathlib

from debian import deb822

from ... import errors, model
from ...host import rootfs

_STATUS = "/var/lib/dpkg/status"
_SETTLED = frozenset({"installed", "config-files", "not-installed"})


def read(tree: pathlib.Path) -> tuple[model.Package, ...]:
    """Return the packages installed in the system in ``tree``, sorted by name and architecture.

    Raises:
        errors.ImageError: There is no dpkg database in it, or it holds no package.
    """
    status = rootfs.resolve(tree, _STATUS)
    if not status.is_file():
        raise errors.ImageError(f"the image has no dpkg database ({_STATUS})")
    with status.open(encoding="utf-8", errors="replace") as file:
        packages = sorted(
            (
                model.Package(
                    _field(paragraph, "Package"),
                    _field(paragraph, "Version"),
                    _field(paragraph, "Architecture"),
                )
                for paragraph in deb822.Packages.iter_paragraphs(file, use_apt_pkg=False)
                # "hold ok installed" is installed, too; "install ok half-configured" is not.
                if paragraph.get("Status", "").endswith(" installed")
            ),
            key=lambda package: (package.name, package.architecture),
        )
    if not packages:
        raise errors.ImageError(f"no package is installed in the image ({_STATUS})")
    return tuple(packages)


def unsettled(status: str) -> list[str]:
    """Return packages of dpkg's list that ``dpkg --audit`` would complain about, with why.

    Raises:
        errors.ImageError: The list is damaged.
    """
    found = []
    for paragraph in deb822.Packages.iter_paragraphs(status, use_apt_pkg=False):
        _, flag, state = (*paragraph.get("Status", "").split(), "", "", "")[:3]
        if flag != "ok" or state not in _SETTLED:
            found.append(f"{_field(paragraph, 'Package')} ({state if flag == 'ok' else flag})")
    return found


def _field(paragraph: deb822.Packages, name: str) -> str:
    """Return what an entry of the list says, which no entry is without."""
    value: str = paragraph.get(name, "")
    if not value:
        package = paragraph.get("Package", "without a name")
        raise errors.ImageError(
            f"the dpkg database is damaged: the package {package} has no {name} ({_STATUS})",
            hint="repair the image, or use another one",
        )
    return value
