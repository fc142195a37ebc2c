"""The command ``retrofit`` with one more recipe, ``bare``, which installs nothing.

Tests that are about everything around a recipe take it: a build of it needs a minute. Its images
are proved by their size only, and are called as amphorae are.
"""

from __future__ import annotations

import dataclasses

from retrofit import recipes
from retrofit.cli import main
from retrofit.proof import checks
from retrofit.recipes.amphora import recipe

RECIPE = dataclasses.replace(
    recipe.RECIPE,
    name="bare",
    elements={"debian": ("existing-debian",), "ubuntu": ("existing-ubuntu",)},
    environment={},
    root_size=1,
    checks=lambda: checks.Checks(
        tuple(check for check in recipe.RECIPE.checks().rest if check.name == "size")
    ),
    own_elements=None,
    element_sources=(),
)

if __name__ == "__main__":
    recipes.KINDS["bare"] = __name__
    main.main()
