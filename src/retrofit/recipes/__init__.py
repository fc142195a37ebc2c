"""Kinds of image, a folder each. Another kind is its folder and its line in :data:`KINDS`.

A kind is loaded by its name when it is asked for: the list of kinds costs nothing, and packing the
charm runs a module of a kind where nothing but the standard library is installed.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from .. import errors

if TYPE_CHECKING:
    from .recipe import Recipe

__all__ = ["DEFAULT", "DEFAULT_TAG", "KINDS", "Recipe", "get", "names"]

# The module with each kind's ``RECIPE``.
KINDS = {
    "amphora": f"{__name__}.amphora.recipe",
    "plain": f"{__name__}.plain.recipe",
}
# What is made, and by which tag it is found, where nobody says anything else.
DEFAULT = "amphora"
DEFAULT_TAG = "octavia-amphora"


def names() -> tuple[str, ...]:
    """Return the names of all recipes."""
    return tuple(sorted(KINDS))


def get(name: str) -> Recipe:
    """Return the recipe of that name.

    Raises:
        errors.ConfigError: There is none.
    """
    if name not in KINDS:
        raise errors.ConfigError(
            f"unknown recipe {name!r}", hint=f"known recipes: {', '.join(names())}"
        )
    recipe: Recipe = importlib.import_module(KINDS[name]).RECIPE
    return recipe
