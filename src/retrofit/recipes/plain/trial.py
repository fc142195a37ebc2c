"""The trial of a plain cloud image: one server, which reports on its own boot."""

from __future__ import annotations

import time
from collections.abc import Iterator

from ...host import progress
from ...model import findings
from ...proof import bench, config_drive, machine, qemu_words, report, system

_NAME = "server"


def trial(place: bench.Bench, _depth: findings.Depth) -> Iterator[findings.Finding]:
    """Boot a server from an image and check it; see :data:`retrofit.proof.bench.Trial`."""
    work = place.work / _NAME
    work.mkdir(mode=0o700)
    vendor_data = report.script(qemu_words.report_port(place.hardware), own=place.own)
    server = config_drive.Server(_NAME, vendor_data=vendor_data)
    drive = config_drive.make(server, mac=machine.MAC, work=work)
    began = time.monotonic()
    with (
        progress.step(place.reporter, "prove the boot"),
        machine.start(place, _NAME, drive=drive) as running,
    ):
        try:
            said = system.await_report(running, place.report_timeout_s)
        except machine.MachineFailed as fault:
            yield _finding(findings.failed(fault.message))
            return
        how = "under KVM" if place.accelerated else "emulated"
        took = time.monotonic() - began
        yield _finding(findings.passed(f"{took:.0f} s after the start, {how}"))
        yield from system.checks(said, running, place)


def _finding(verdict: findings.Verdict) -> findings.Finding:
    return findings.Finding("boot ends", findings.Depth.BOOT, verdict)
