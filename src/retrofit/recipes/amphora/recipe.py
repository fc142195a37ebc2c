"""The amphora: Octavia's load-balancer machine."""

from __future__ import annotations

import pathlib

from ... import model
from ...building.elements import sources
from ...model import findings, releases
from ...proof import checks
from ...publishing import naming
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
    "no-automatic-changes",
)
# What Octavia's script has for the Red Hat family.
_RED_HAT = (*_COMMON, "existing-redhat", "disable-makecache")


def _checks() -> checks.Checks:
    from . import checks as amphora_checks
    from .trial import trial

    return checks.Checks(amphora_checks.CHECKS, trial.trial, findings.Depth.TRAFFIC)


RECIPE = recipe.Recipe(
    name="amphora",
    elements={
        "ubuntu": (*_COMMON, "existing-ubuntu", "amphora-apparmor"),
        "debian": (*_COMMON, "existing-debian"),
        **dict.fromkeys(releases.RED_HAT, _RED_HAT),
    },
    environment={
        "DIB_CLOUD_INIT_DATASOURCES": "ConfigDrive",
        # As in Octavia's own images: nobody sits in front of an amphora's menu.
        "DIB_GRUB_TIMEOUT": "0",
        "DIB_INSTALLTYPE_amphora_agent": "package",
        "DIB_INSTALLTYPE_octavia_lib": "package",
        "DIB_INSTALLTYPE_upper_constraints": "package",
        "DIB_OCTAVIA_AMP_USE_NFTABLES": "True",
        "DIB_OCTAVIA_AMP_USE_SSH": "True",
        # Compilers and headers for modules outside of the kernel, of which an amphora has none.
        "RETROFIT_SKIP_PACKAGES": "dkms",
    },
    # The first whose archive has an agent of Python 3.
    first_series=releases.FIRST,
    root_size=4 * model.GIB,
    # Consumers match the beginning of the name; Octavia finds the newest image with the tag.
    glance=naming.Kind(
        prefix="amphora-haproxy",
        tag="octavia-amphora",
        title="Octavia amphora",
        purpose="network",
    ),
    checks=_checks,
    fleet=model.Fleet.LOAD_BALANCERS,
    agent=recipe.Agent("amphora-agent-source", "amphora_agent", "upper_constraints"),
    own_elements=pathlib.Path(__file__).parent / "elements",
    element_sources=(sources.Source("octavia", octavia_elements.VERSION, octavia_elements.find),),
)
