"""Reasons to build an image, or to leave it: what plans, requests, results and options share."""

from __future__ import annotations

import dataclasses
import enum


class Kind(enum.StrEnum):
    """Kinds of reasons, in the order in which they are told."""

    FORCED = "forced"
    FIRST = "first"
    TAG = "tag"
    APPEARANCE = "appearance"
    PROOF = "proof"
    BASE = "base"
    RECIPE = "recipe"
    SECURITY = "security"
    PACKAGES = "packages"


# Those that an operator chooses from; the others always count.
CHOICES = (Kind.BASE, Kind.RECIPE, Kind.SECURITY, Kind.PACKAGES)
# Those that an operator has chosen who says nothing.
USUAL = frozenset({Kind.BASE, Kind.RECIPE, Kind.SECURITY})


class Action(enum.StrEnum):
    """What is to be done about an image."""

    NONE = "none"
    BUILD = "build"
    RETAG = "retag"


@dataclasses.dataclass(frozen=True)
class Change:
    """Something that is not what it was.

    Attributes:
        name: What it is: ``base``, an option, an element, a package.
        before: What it was; empty if there was none.
        after: What it is; empty if there is none.
    """

    name: str
    before: str
    after: str


@dataclasses.dataclass(frozen=True)
class Reason:
    """Why something is to be done.

    Attributes:
        kind: What kind of reason it is.
        text: The reason in one line.
        changes: What has changed.
        counts: Whether it is one of those that the operator chose.
    """

    kind: Kind
    text: str
    changes: tuple[Change, ...] = ()
    counts: bool = True
