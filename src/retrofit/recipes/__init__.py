"""Recipes: what makes a base image an image for a service."""

from __future__ import annotations

from .. import errors
from .amphora import recipe as amphora
from .recipe import Recipe

__all__ = ["Recipe", "get", "names"]

_RECIPES = {recipe.name: recipe for recipe in (amphora.RECIPE,)}


def names() -> tuple[str, ...]:
    """Return the names of all recipes."""
    return tuple(sorted(_RECIPES))


def get(name: str) -> Recipe:
    """Return the recipe of that name.

    Raises:
        errors.ConfigError: There is none.
    """
    try:
        return _RECIPES[name]
    except KeyError:
        raise errors.ConfigError(
            f"there is no recipe {name!r}", hint=f"known recipes: {', '.join(names())}"
        ) from None
