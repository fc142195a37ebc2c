"""The amphora: Octavia's load-balancer machine."""

from __future__ import annotations

from .. import model, releases
from . import recipe

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
    return releases.is_supported(release.distribution, release.series)


def _checks() -> recipe.Checks:
    from ..proof.amphora import trial
    from . import amphora_checks

    return recipe.Checks(amphora_checks.CHECKS, trial.trial)


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
    needs_octavia=True,
)
