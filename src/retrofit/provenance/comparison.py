"""What two images differ in: packages, and what they were made of."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from debian import debian_support

from .. import model
from . import description

# What differs between any two builds, and says nothing of what is in them.
_INCIDENTAL = frozenset(("built",))


@dataclasses.dataclass(frozen=True)
class Change:
    """A package that both images have, in different versions.

    Attributes:
        name: Its name.
        architecture: Its architecture.
        before: Its version in the first image.
        after: Its version in the second.
        security: Whether the version of the second image came from a security pocket.
    """

    name: str
    architecture: str
    before: str
    after: str
    security: bool


@dataclasses.dataclass(frozen=True)
class Difference:
    """A part of the record that the images do not share.

    Attributes:
        what: Its name, such as ``base hash``.
        before: The first image's, as text; empty where there is none.
        after: The second's.
    """

    what: str
    before: str
    after: str


@dataclasses.dataclass(frozen=True)
class Comparison:
    """What a second image has that a first has not, and the other way round.

    Attributes:
        added: Packages that only the second has.
        removed: Packages that only the first has.
        upgraded: Packages of which the second has a newer version.
        downgraded: Packages of which it has an older one.
        differences: Other differences.
    """

    added: tuple[model.Package, ...]
    removed: tuple[model.Package, ...]
    upgraded: tuple[Change, ...]
    downgraded: tuple[Change, ...]
    differences: tuple[Difference, ...]


def compare(before: description.Record, after: description.Record) -> Comparison:
    """Compare two images; all lists are sorted by name."""
    old, new = _by_identity(before.packages), _by_identity(after.packages)
    changes = [
        Change(*identity, old[identity].version, new[identity].version, new[identity].security)
        for identity in sorted(old.keys() & new.keys())
        if old[identity].version != new[identity].version
    ]
    upgraded = tuple(change for change in changes if _is_upgrade(change))
    return Comparison(
        added=tuple(new[identity] for identity in sorted(new.keys() - old.keys())),
        removed=tuple(old[identity] for identity in sorted(old.keys() - new.keys())),
        upgraded=upgraded,
        downgraded=tuple(change for change in changes if change not in upgraded),
        differences=_differences(before.provenance, after.provenance),
    )


def _by_identity(packages: Iterable[model.Package]) -> dict[tuple[str, str], model.Package]:
    """Index packages by name and architecture: of each pair one version can be installed."""
    return {(package.name, package.architecture): package for package in packages}


def _is_upgrade(change: Change) -> bool:
    """Tell whether a change is one to a newer version.

    Versions that differ only in how they are written, as 1.0 and 1.00, count as upgraded.
    """
    return debian_support.version_compare(change.after, change.before) >= 0


def _differences(
    before: description.Provenance, after: description.Provenance
) -> tuple[Difference, ...]:
    old, new = dict(_flat(before.model_dump())), dict(_flat(after.model_dump()))
    return tuple(
        Difference(what, old.get(what, ""), new.get(what, ""))
        for what in sorted(old.keys() | new.keys())
        if old.get(what, "") != new.get(what, "") and what not in _INCIDENTAL
    )


def _flat(values: Mapping[str, Any], above: str = "") -> Iterable[tuple[str, str]]:
    """Yield all values below a mapping as text, by their names, those of all levels in one."""
    for name, value in values.items():
        what = f"{above}{name.replace('_', ' ')}"
        if isinstance(value, Mapping):
            yield from _flat(value, f"{what} ")
        elif isinstance(value, tuple):
            yield what, " ".join(value)
        else:
            yield what, "" if value is None else str(value)
