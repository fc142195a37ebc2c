"""A plain cloud image: the base image with all updates, and no service."""

from __future__ import annotations

from ... import model
from ...model import findings, releases
from ...proof import checks
from ...publishing import naming
from .. import recipe


def _checks() -> checks.Checks:
    from . import checks as plain_checks
    from . import trial

    return checks.Checks(plain_checks.CHECKS, trial.trial, findings.Depth.BOOT)


RECIPE = recipe.Recipe(
    name="plain",
    # Every build upgrades the packages that are there; nothing else is wanted.
    elements={
        "ubuntu": ("existing-ubuntu",),
        "debian": ("existing-debian",),
        **dict.fromkeys(releases.RED_HAT, ("existing-redhat",)),
    },
    environment={},
    first_series=releases.FIRST,
    root_size=4 * model.GIB,
    glance=naming.Kind(
        prefix="plain",
        tag="plain",
        title="Patched cloud image",
        purpose="generic",
        properties=(("os_type", "linux"),),
    ),
    checks=_checks,
)
