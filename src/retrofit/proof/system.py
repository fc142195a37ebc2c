"""Checks of a system that has booted, whatever it serves: by its own report of the boot."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

from .. import model
from ..model import findings
from . import bench, console, hardware, machine, own_checks, report

# Boot loader partitions and a file system's own tables: of 8 GiB, about 1.2 are not for files.
_FIRMWARE = 1280 * model.MIB
_TABLES = 0.05
_CLOCK_TOLERANCE_S = 60
_STARTED_BY = {
    findings.Firmware.BIOS: "a BIOS",
    findings.Firmware.UEFI: "UEFI without Secure Boot",
    findings.Firmware.SECURE_BOOT: "UEFI with Secure Boot",
}
# Ubuntu's own that ask archives, stores and seeds of entropy, which a machine here cannot reach,
# nor can many in a cloud. Timers start some when they like; no service that an image is for needs
# them.
_REACHING_OUT = frozenset(
    {
        "apport-autoreport.service",
        "apt-daily.service",
        "apt-daily-upgrade.service",
        "apt-news.service",
        "esm-cache.service",
        "fwupd-refresh.service",
        "motd-news.service",
        "pollinate.service",
        "snapd.seeded.service",
        "snapd.snap-repair.service",
        "ua-auto-attach.service",
        "ua-timer.service",
        "ubuntu-advantage.service",
        "update-notifier-download.service",
    }
)


@dataclasses.dataclass(frozen=True)
class _Booted:
    """What the checks look at.

    Attributes:
        report: What the system reported at the end of the boot.
        reported: When that was, in seconds since 1970 by the host's clock.
        flavor_disk: Bytes of disk that its machine has.
        before_root: Bytes of the disk that are no root file system's.
        hardware: What its machine has.
    """

    report: report.Report
    reported: float
    flavor_disk: int
    before_root: int
    hardware: hardware.Hardware


def reported(running: machine.Machine) -> report.Report | None:
    """Return what the system of a machine reported; ``None`` if it has not yet."""
    return report.parse(console.lines(running.report))


def await_report(running: machine.Machine, timeout_s: float) -> report.Report:
    """Wait until the system of a machine reports that it came up.

    Raises:
        machine.MachineFailed: It does not within ``timeout_s`` seconds.
    """
    return running.wait_for("end of the boot", lambda: reported(running), timeout_s)


def checks(
    said: report.Report, running: machine.Machine, place: bench.Bench
) -> Iterator[findings.Finding]:
    """Check a system that reported the end of its boot.

    Args:
        said: What it reported.
        running: Its machine.
        place: Where that runs.
    """
    booted = _Booted(
        said,
        running.report.stat().st_mtime,
        place.flavor_disk,
        place.before_root,
        place.hardware,
    )
    for name, look in _CHECKS:
        yield findings.Finding(name, findings.Depth.BOOT, look(booted))
    yield from own_checks.after_boot(place.own, said.own, place.evidence)


def _firmware(booted: _Booted) -> findings.Verdict:
    made, seen = booted.hardware, booted.report.firmware
    wanted = "Open Firmware" if made.has_open_firmware else _STARTED_BY[made.starts_by]
    if seen != made.starts_by:
        return findings.failed(
            f"the kernel log says {seen or 'nothing'}, on a machine with {wanted}"
        )
    return findings.passed(f"the kernel was started by {wanted}")


def _units(booted: _Booted) -> findings.Verdict:
    failed = dict(booted.report.failed)
    texts = [f"{unit} failed: {last}" for unit, last in failed.items()]
    if failed.keys() - _REACHING_OUT:
        return findings.failed("; ".join(texts))
    # systemd calls a system so that has any failed unit.
    if booted.report.state != ("degraded" if failed else "running"):
        return findings.failed(f"the system is {booted.report.state}")
    text = f"{booted.report.units} units are active"
    if failed:
        text += f"; {', '.join(failed)} failed without Internet access"
    return findings.passed(text)


def _cloud_init(booted: _Booted) -> findings.Verdict:
    said = booted.report.cloud_init
    if not said.startswith("status: done"):
        return findings.failed(said or "cloud-init reports no status")
    _, _, source = said.partition("detail: ")
    return findings.passed(source or said)


def _clock(booted: _Booted) -> findings.Verdict:
    off = round(booted.report.clock - booted.reported)
    if abs(off) > _CLOCK_TOLERANCE_S:
        return findings.failed(f"the clock differs by {off:+} s")
    return findings.passed(f"difference of {abs(off)} s")


def _root(booted: _Booted) -> findings.Verdict:
    disk, root = booted.flavor_disk, booted.report.root
    text = f"{root / model.GIB:.1f} GiB on a disk of {disk / model.GIB:.1f} GiB"
    if root < disk * (1 - _TABLES) - max(booted.before_root, _FIRMWARE):
        return findings.failed(f"the root file system has not grown: {text}")
    return findings.passed(text)


_CHECKS: tuple[tuple[str, Callable[[_Booted], findings.Verdict]], ...] = (
    ("firmware", _firmware),
    ("no failed unit", _units),
    ("cloud-init done", _cloud_init),
    ("clock", _clock),
    ("root file system grown", _root),
)
