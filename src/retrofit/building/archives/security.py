"""Which of a system's packages a security pocket offers.

The system's own apt is asked, in a cell: it knows which indexes it has, of which suite each is,
and how it compressed them (``apt-get indextargets``, ``apt-helper cat-file``).
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator

from ... import model
from ...host import rootfs
from ...host.sandbox import cells

_APT = "/usr/bin/apt-get"
_APT_HELPER = "/usr/lib/apt/apt-helper"
_FORMAT = "$(SUITE)\t$(LABEL)\t$(FILENAME)"
# An index of Ubuntu's has tens of megabytes, of which these lines are a twentieth.
_FIELDS = (
    "set -o pipefail; "
    f"{_APT_HELPER} cat-file \"$@\" | sed -nE '/^(Package|Version|Architecture): /p'"
)
_TIMEOUT_S = 120.0


def mark(cell: cells.Cell, packages: Iterable[model.Package]) -> tuple[model.Package, ...]:
    """Mark the packages whose installed version a security pocket offers.

    The package lists that apt fetched have to be there still. docs/explanation/provenance.md says
    what the mark can and cannot tell.

    Args:
        cell: A cell whose root is the system.
        packages: What is installed there.

    Returns:
        The same packages in the same order.

    Raises:
        errors.CommandError: apt cannot read its own lists.
    """
    offered = _offered(cell)
    return tuple(
        dataclasses.replace(
            package,
            security=(package.name, package.version, package.architecture) in offered,
        )
        for package in packages
    )


def _offered(cell: cells.Cell) -> frozenset[tuple[str, str, str]]:
    """Return name, version and architecture of all packages in security pockets."""
    # An operator's element may take apt away from an image that nobody is to change.
    if not rootfs.resolve(cell.root, _APT).is_file():
        return frozenset()
    targets = cell.run(
        [_APT, "indextargets", "--format", _FORMAT, "Created-By: Packages"], timeout_s=_TIMEOUT_S
    )
    indexes = [
        file
        for suite, label, file in re.findall(r"(?m)^(.*)\t(.*)\t(/.*)$", targets.stdout)
        if is_security(suite, label)
    ]
    if not indexes:
        return frozenset()
    fields = cell.run(
        ["/bin/bash", "-c", _FIELDS, "fields", *indexes],
        timeout_s=_TIMEOUT_S,
        # Nobody wants to read a line for every field in the log.
        confidential=True,
    )
    return frozenset(_identities(fields.stdout))


def is_security(suite: str, label: str) -> bool:
    """Tell a security pocket by its Release file.

    Ubuntu's have the label of all of Ubuntu (``noble-security``, for ESM ``noble-apps-security``);
    those of Debian before 11 have the suite of all of Debian (``oldoldstable``).
    """
    return suite.endswith("-security") or label == "Debian-Security"


def _identities(fields: str) -> Iterator[tuple[str, str, str]]:
    """Yield what lines of fields identify; ``Package`` is the first field of every paragraph."""
    for paragraph in f"\n{fields}".split("\nPackage: ")[1:]:
        name, *others = paragraph.splitlines()
        found = dict(line.partition(": ")[::2] for line in others)
        yield name, found.get("Version", ""), found.get("Architecture", "")
