"""Reasons to build an image, or to leave it: what plans, requests, results and options share."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

from . import vocabulary


class Choice(vocabulary.Word):
    """Reasons that count if an operator chooses them."""

    BASE = "base"
    RECIPE = "recipe"
    SECURITY = "security"
    PACKAGES = "packages"


# Those of an operator who chooses none.
USUAL = (Choice.BASE, Choice.RECIPE, Choice.SECURITY)


class Kind(vocabulary.Word):
    """Kinds of reasons, in the order in which they are told."""

    FORCED = "forced"
    FIRST = "first"
    TAG = "tag"
    APPEARANCE = "appearance"
    PROOF = "proof"
    BASE = Choice.BASE.value
    RECIPE = Choice.RECIPE.value
    SECURITY = Choice.SECURITY.value
    PACKAGES = Choice.PACKAGES.value

    def counts(self, chosen: Collection[Choice]) -> bool:
        """Tell whether reasons of this kind count: those that nobody chooses always do."""
        return self.value in chosen or self.value not in Choice.__members__.values()


class Action(vocabulary.Word):
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
