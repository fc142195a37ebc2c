"""Questions to rpm and dnf, and what they answer: a line for each package."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ... import model

# Of rpm: the epoch stands in front of a version only where there is one.
INSTALLED = r"%{NAME}\t%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\t%{ARCH}\n"
# Of dnf repoquery: it writes an epoch of 0, too; dnf 5 adds no end of line by itself.
OFFERED = r"%{name}\t%{epoch}:%{version}-%{release}\t%{arch}\n"
# rpm keeps the keys that it trusts in its list of packages.
_KEY = "gpg-pubkey"
_NO_EPOCH = re.compile("^0:")
# Kernels, of which a system has several.
_SEVERAL = re.compile(r"(?:kernel|installonlypkg|dkms)(?:-.*)?")


def packages(answer: str) -> tuple[model.Package, ...]:
    """Return the packages of an answer, sorted by name, architecture and version."""
    return tuple(
        sorted(set(_packages(answer)), key=lambda one: (one.name, one.architecture, one.version))
    )


def _packages(answer: str) -> Iterator[model.Package]:
    for line in answer.splitlines():
        name, _, rest = line.partition("\t")
        version, _, architecture = rest.partition("\t")
        if name and architecture and name != _KEY:
            yield model.Package(name, _NO_EPOCH.sub("", version), architecture)


def doubled(installed: Iterable[model.Package]) -> list[str]:
    """Return names of packages that are installed twice, as an interrupted upgrade leaves them."""
    seen: set[tuple[str, str]] = set()
    found: dict[str, None] = {}
    for one in installed:
        if (one.name, one.architecture) in seen and not _SEVERAL.fullmatch(one.name):
            found[one.name] = None
        seen.add((one.name, one.architecture))
    return list(found)
