"""The amphora: Octavia's load-balancer machine."""

from __future__ import annotations

import pathlib

from ... import model
from ...building.elements import sources
from ...proof import checks
from .. import recipe
from . import octavia_elements

# Octavia's own composition (diskimage-create.sh) on an image that exists already, then what the
# project adds. cpu-pinning and the MAC enforcement stay choices, as they are there.
_COMMON = (
    "haproxy-octavia",
    "keepalived-octavia",
    "ipvsadmin",
    "amphora-agent",
    "certs-ramfs",
    "rebind-sshd",
    "no-resolvconf",
    "remove-default-ints",
    "sos",
    "cloud-init-datasources",
    "amphora-agent-service",
    "amphora-boot",
    "amphora-tools",
    "network-tuning",
)


def _supports(release: model.Release) -> bool:
    # Late: packing the charm runs octavia_elements where only the standard library is.
    from ...model import releases

    return releases.is_supported(release.distribution, release.series)


def _checks() -> checks.Checks:
    from . import checks as amphora_checks
    from .trial import trial

    return checks.Checks(amphora_checks.CHECKS, trial.trial)


RECIPE = recipe.Recipe(
    name="amphora",
    elements={
        "ubuntu": (*_COMMON, "existing-ubuntu", "amphora-apparmor"),
        "debian": (*_COMMON, "existing-debian"),
    },
    environment={
        "DIB_CLOUD_INIT_DATASOURCES": "ConfigDrive",
        "DIB_INSTALLTYPE_amphora_agent": "package",
        "DIB_INSTALLTYPE_octavia_lib": "package",
        "DIB_OCTAVIA_AMP_USE_NFTABLES": "True",
        "DIB_OCTAVIA_AMP_USE_SSH": "True",
        # Compilers and headers for modules outside of the kernel, of which an amphora has none.
        "RETROFIT_SKIP_PACKAGES": "dkms",
    },
    root_size=4 * model.GIB,
    supports=_supports,
    checks=_checks,
    own_elements=pathlib.Path(__file__).parent / "elements",
    element_sources=(sources.Source("octavia", octavia_elements.VERSION, octavia_elements.find),),
)
