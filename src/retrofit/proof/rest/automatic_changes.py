"""What would change an image by itself after it was proven: upgrades of packages, above all."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...host import rootfs
from ...model import findings
from .. import subject
from . import cloud_init, reading, services, units

# The element no-automatic-changes writes it where somebody wants such changes.
_KEPT = "/usr/share/octavia-diskimage-retrofit/keeps-automatic-changes"
# What changes packages, by whatever commands.
_CHANGING = frozenset(
    {
        "apt-daily-upgrade.timer",
        "apt-daily.timer",
        "dnf-automatic-install.timer",
        "dnf-automatic.timer",
        "snapd.refresh.timer",
        "snapd.service",
        "snapd.socket",
        "ua-auto-attach.service",
        "unattended-upgrades.service",
        "update-notifier-download.timer",
    }
)
_COMMAND = re.compile(
    r"(?<![\w-])(?:apt|apt-get|aptitude|dnf|pip|pip3|snap|yum)\s(?:[^\n;&|]*\s)?"
    r"(?:dist-upgrade|full-upgrade|install|refresh|safe-upgrade|upgrade)(?![\w-])"
    r"|(?<![\w-])unattended-upgrades?(?![\w/.-])"
)
_CRON_TABLES = ("/etc/crontab", "/etc/anacrontab")
_CRON_DIRECTORIES = (
    "/etc/cron.d",
    "/etc/cron.hourly",
    "/etc/cron.daily",
    "/etc/cron.weekly",
    "/etc/cron.monthly",
    "/var/spool/cron/crontabs",
)
# Scripts of packages are known by the units that start them.
_OF_THE_SITE = ("/etc/", "/opt/", "/root/", "/srv/", "/usr/local/")
# Of cloud-init's configuration: what has it change packages at the first boot.
_CLOUD_INIT = ("package_upgrade", "packages", "snap")


def automatic_changes() -> subject.Check:
    """Nothing that starts by itself upgrades or installs packages, unless that was asked for."""
    return subject.Check("automatic changes", _look)


def _look(image: subject.Subject) -> findings.Verdict:
    if rootfs.resolve(image.tree, _KEPT).exists():
        return findings.passed(f"they were asked for ({_KEPT})")
    for faults in (_units(image), _cron(image), _cloud_init(image)):
        for fault in faults:
            return findings.failed(fault)
    return findings.passed("no timer, service or cron job changes packages")


def _units(image: subject.Subject) -> Iterator[str]:
    """Yield what is wrong with what a boot starts."""
    known = units.Units(image.tree)
    for name in sorted(known.started()):
        if name in _CHANGING:
            yield f"the boot starts {name}, which changes packages"
        unit = known.find(name)
        if unit is not None and name.endswith(".timer"):
            stem = name.removesuffix(".timer")
            service = (unit.values("Timer", "Unit") or [f"{stem}.service"])[-1]
            unit = known.find(service)
        if unit is None or unit.masked:
            continue
        for key in ("ExecStartPre", "ExecStart", "ExecStartPost"):
            for command in unit.values("Service", key):
                changing = _changing(command) or _in_script(image, command)
                if changing:
                    yield f"the boot starts {name}, which runs {changing}"


def _in_script(image: subject.Subject, command: str) -> str:
    """Return what a script of the site that a unit runs does to packages."""
    for word in services.words(command):
        if word.startswith(_OF_THE_SITE):
            head = reading.head(image.tree, word, 65536) or b""
            if head.startswith(b"#!") and (changing := _changing(head.decode(errors="replace"))):
                return f"{changing} in {word}"
    return ""


def _cron(image: subject.Subject) -> Iterator[str]:
    """Yield what is wrong with cron's jobs."""
    paths = [*_CRON_TABLES]
    for directory in _CRON_DIRECTORIES:
        paths += rootfs.entries(image.tree, directory)
    for path in paths:
        changing = _changing(reading.text(image.tree, path) or "")
        if changing:
            yield f"cron runs {changing} ({path})"


def _cloud_init(image: subject.Subject) -> Iterator[str]:
    """Yield what is wrong with cloud-init's configuration."""
    given = cloud_init.settings(image)
    for key in _CLOUD_INIT:
        if given.get(key):
            yield f"cloud-init changes packages at the first boot: {key} is set"


def _changing(text: str) -> str:
    """Return the command in a text that changes packages, if there is one."""
    for line in text.splitlines():
        found = None if line.lstrip().startswith("#") else _COMMAND.search(line)
        if found:
            return found[0]
    return ""
