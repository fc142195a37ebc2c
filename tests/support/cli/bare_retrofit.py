"""The command ``retrofit`` with one more recipe, ``bare``, which installs nothing.

Tests that are about everything around a recipe take it: a build of it needs a minute. Its images
are proved by their size only.
"""

from __future__ import annotations

from retrofit import recipes
from retrofit.cli import main
from retrofit.proof import checks
from retrofit.recipes import recipe
from retrofit.recipes.amphora import recipe as amphora

_BARE = recipe.Recipe(
    name="bare",
    elements={"debian": ("existing-debian",), "ubuntu": ("existing-ubuntu",)},
    environment={},
    root_size=1,
    checks=lambda: checks.Checks(
        tuple(check for check in amphora.RECIPE.checks().rest if check.name == "size")
    ),
    supports=amphora.RECIPE.supports,
)

if __name__ == "__main__":
    recipes._RECIPES[_BARE.name] = _BARE
    main.main()
