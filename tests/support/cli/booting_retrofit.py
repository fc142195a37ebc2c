"""The command ``retrofit`` with an amphora recipe that checks nothing at rest.

Tests of what only a boot shows take it: they begin sooner, and images with faults get that far.
"""

from __future__ import annotations

import dataclasses

from retrofit import recipes
from retrofit.cli import main
from retrofit.proof import checks
from retrofit.recipes.amphora import recipe

if __name__ == "__main__":
    recipes._RECIPES["amphora"] = dataclasses.replace(
        recipe.RECIPE, checks=lambda: checks.Checks(trial=recipe.RECIPE.checks().trial)
    )
    main.main()
