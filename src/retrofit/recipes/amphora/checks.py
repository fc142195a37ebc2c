"""What is checked of an amphora's image at rest."""

from __future__ import annotations

import re

from ...proof import subject
from ...proof.rest import (
    architecture,
    automatic_changes,
    boot_chain,
    boot_parameters,
    cloud_init,
    disk,
    firewall,
    fstab,
    identity,
    init,
    ipv6,
    kernel_modules,
    kernel_settings,
    leftovers,
    namespace,
    network,
    open_files,
    owners,
    packages,
    programs,
    provisioned,
    removed_packages,
    secrets,
    services,
    templates,
)

# Where Octavia's elements put an agent that comes from its sources, and what they link to it.
_ENVIRONMENT = "/opt/amphora-agent-venv"
_PROGRAM = "/usr/bin/amphora-agent"
# Oldest versions that Octavia's agent works with: those of Ubuntu 20.04, the first series.
_PACKAGES = (
    packages.Need(
        ("amphora-agent", "octavia-agent", "openstack-octavia-amphora-agent"),
        at_least="6.0",
        program=_PROGRAM,
    ),
    packages.Need(("haproxy",), at_least="2.0"),
    packages.Need(("keepalived",), at_least="2.0"),
    packages.Need(("cloud-init",), at_least="20.1"),
    packages.Need(("cryptsetup-bin", "cryptsetup")),
    packages.Need(("ipvsadm",)),
    packages.Need(("iproute2", "iproute")),
    packages.Need(("nftables",)),
    packages.Need(("rsyslog",)),
)
# What the agent and its programs load: keepalived balances UDP and SCTP by the kernel, with a
# module for each algorithm; nftables masquerades; keys are on an encrypted disk in memory.
_MODULES = (
    "brd",
    "dm_crypt",
    "ip_vs",
    "ip_vs_lc",
    "ip_vs_wrr",
    "ip_vs_sh",
    "nf_conntrack",
    "nf_nat",
    "nf_tables",
    "nft_chain_nat",
    "nft_ct",
    "nft_masq",
    "virtio_net",
)
# Where the controller calls the agent.
AGENT_PORT = 9443
# Octavia's controller writes these files, by the names that its own configuration has for them.
_AGENT = provisioned.Provisioned(
    unit="amphora-agent.service",
    file="/etc/octavia/amphora-agent.conf",
    settings=frozenset(
        {
            ("amphora_agent", "agent_server_ca"),
            ("amphora_agent", "agent_server_cert"),
            ("amphora_agent", "amphora_id"),
            ("haproxy_amphora", "base_cert_dir"),
            ("haproxy_amphora", "base_path"),
            ("health_manager", "controller_ip_port_list"),
            ("health_manager", "heartbeat_key"),
        }
    ),
    directories=("/etc/octavia/certs",),
)
_TEMPLATES = "octavia/amphorae/backends/agent/api_server/templates"
_NAMESPACE_UNIT = templates.Template(f"{_TEMPLATES}/amphora-netns.systemd.j2", _ENVIRONMENT)
# What it offers listeners, beside plain HTTP and TCP.
_FEATURES = ("+OPENSSL", "mux=H2", "Prometheus")
# Programs that the agent, and what it starts, call for listeners: keepalived to ask haproxy, and
# to look after members of UDP and SCTP listeners; the last gives their packets an address.
_PROGRAMS = ("haproxy-vrrp-check", "service", "nc")
_NAMED_PROGRAMS = (
    programs.Named(
        templates.Template("octavia/cmd/health_checker.py", _ENVIRONMENT),
        re.compile("sctp"),
        program="amphora-health-checker",
    ),
    programs.Named(
        templates.Template("octavia/amphorae/backends/utils/interface_file.py", _ENVIRONMENT),
        re.compile(r"[\"']([\w./-]*masquerade[\w./-]*) "),
    ),
)
# Of IPVS and connection tracking, what is no module of its own.
_OPTIONS = ("IP_VS_IPV6", "IP_VS_PROTO_UDP", "IP_VS_PROTO_SCTP", "NF_CT_PROTO_SCTP")
_HAPROXY_UNIT = templates.Template(f"{_TEMPLATES}/systemd.conf.j2", _ENVIRONMENT)
_OWNERS = (
    *owners.SYSTEM,
    # The agent's key and the heartbeats' are written there.
    owners.Rule("/etc/octavia", denied=0o027, owner=None),
    owners.Rule("/etc/octavia/certs"),
    owners.Rule("/usr/sbin/haproxy", mode=0o755),
    owners.Rule("/usr/sbin/keepalived", mode=0o755),
    owners.Rule("/var/lib/octavia", owner=None),
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
    architecture.architecture("/sbin/init", "/bin/sh", "/usr/sbin/haproxy"),
    packages.required(*_PACKAGES),
    packages.settled(),
    removed_packages.removed_packages(),
    programs.usable("/usr/sbin/haproxy", "-vv", features=_FEATURES),
    programs.usable("/usr/sbin/keepalived", "--version"),
    services.enabled(
        "amphora-agent.service",
        "certs-ramfs.service",
        "prometheus-proxy.service",
        "cloud-init-local.service",
        "cloud-init.service|cloud-init-network.service",
        "cloud-config.service",
        "cloud-final.service",
    ),
    services.off_by_default("haproxy.service", "keepalived.service"),
    automatic_changes.automatic_changes(),
    provisioned.configuration(_AGENT),
    namespace.namespace(_NAMESPACE_UNIT),
    programs.present("listener programs", *_PROGRAMS, named=_NAMED_PROGRAMS),
    open_files.open_files(_HAPROXY_UNIT),
    cloud_init.data_sources("ConfigDrive"),
    network.network(),
    firewall.firewall(AGENT_PORT),
    ipv6.ipv6(),
    kernel_modules.kernel_modules(*_MODULES, options=_OPTIONS),
    kernel_settings.kernel_settings(),
    owners.owners(*_OWNERS),
    identity.machine_id(),
    identity.host_keys(),
    identity.first_boot(),
    secrets.secrets(),
    leftovers.leftovers(),
)
