"""What is checked of a plain cloud image at rest: that any cloud can start servers from it."""

from __future__ import annotations

from ...proof import subject
from ...proof.rest import (
    architecture,
    boot_chain,
    boot_parameters,
    disk,
    fstab,
    identity,
    init,
    kernel_settings,
    leftovers,
    network,
    owners,
    packages,
    removed_packages,
    secrets,
    services,
)

CHECKS: tuple[subject.Check, ...] = (
    disk.partition_table(),
    disk.file_systems(),
    disk.size(),
    disk.free_space(mebibytes=128, inodes=4096),
    fstab.mounts(),
    boot_chain.boot_loader(),
    boot_chain.kernel(),
    boot_parameters.boot_parameters(),
    init.init(),
    architecture.architecture("/sbin/init", "/bin/sh"),
    packages.required(packages.Need(("cloud-init",))),
    packages.settled(),
    removed_packages.removed_packages(),
    services.enabled(
        "cloud-init-local.service",
        "cloud-init.service|cloud-init-network.service",
        "cloud-config.service",
        "cloud-final.service",
    ),
    network.network(),
    kernel_settings.kernel_settings(),
    owners.owners(*owners.SYSTEM),
    identity.machine_id(),
    identity.host_keys(),
    identity.first_boot(),
    secrets.secrets(),
    leftovers.leftovers(),
)
