"""What a console tells of a machine that gets no further, and a report of one that came up."""

from __future__ import annotations

import pathlib

import pytest

from retrofit.proof import console, report

_GRUB = "\x1b[01;01H\x1b[0m\x1b[2J  Booting `Debian GNU/Linux'\n"
_MOUNTING = "[\x1b[0;1;31mFAILED\x1b[0m] Failed to mount \x1b[0;1;39mvar-log.mount\x1b[0m.\r\n"

# What Ubuntu's GRUB_FORCE_PARTUUID leads to where a kernel needs its initial ramdisk after all.
_WITHOUT_INITRD = (
    "GRUB_FORCE_PARTUUID set, attempting initrdless boot.\n"
    "[    0.0] Command line: BOOT_IMAGE=/vmlinuz-6.8.0-31-generic root=PARTUUID=8aeb27cc ro"
    "  console=tty1 console=ttyS0 panic=-1\n"
    "[    1.9] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)\n"
)
_WITH_INITRD = (
    "GRUB_FORCE_PARTUUID set, initrdless boot failed. Attempting with initrd.\n"
    "[    0.0] Kernel command line: BOOT_IMAGE=/vmlinuz-6.8.0-31-generic root=PARTUUID=8aeb ro\n"
)


def _said(tmp_path: pathlib.Path, text: str) -> list[str]:
    file = tmp_path / "console.log"
    file.write_text(text)
    return console.lines(file)


def test_lines_are_printable(tmp_path: pathlib.Path) -> None:
    said = _said(tmp_path, "\x1bc\x1b[?7l\x1b[2J" + _GRUB + "a\tb\a\x07c\r\n\x1b]0;evil\x07\n\n")

    assert said == ["Booting `Debian GNU/Linux'", "a b c", "0;evil"]


def test_a_console_that_is_not_there_says_nothing(tmp_path: pathlib.Path) -> None:
    assert console.lines(tmp_path / "console.log") == []


def test_only_the_end_of_a_long_console_is_read(tmp_path: pathlib.Path) -> None:
    said = _said(tmp_path, "first\n" + "x" * 3_000_000 + "\nlast\n")

    assert said[-1] == "last"
    assert sum(map(len, said)) < 1_100_000


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "[    2.1] Kernel panic - not syncing: VFS: Unable to mount root fs on (0,0)\n[ 2] C",
            "kernel panic: VFS: Unable to mount root fs on (0,0)",
        ),
        (
            "[ 9.1] Out of memory: Killed process 312 (python3) total-vm:1kB, anon-rss:2kB\n",
            "out of memory: Killed process 312 (python3)",
        ),
        (
            "ALERT!  LABEL=root does not exist.  Dropping to a shell!\n(initramfs) ",
            "no root file system: LABEL=root does not exist",
        ),
        (
            _MOUNTING + "You are in emergency mode. After logging in, type\n",
            "the system is in emergency mode: Failed to mount var-log.mount.",
        ),
        (
            _MOUNTING + "[DEPEND] Dependency failed for emergency.target - Emergency Mode.\n",
            "the system is in emergency mode: Failed to mount var-log.mount.",
        ),
        (
            "[ 1] __vm_enough_memory: pid: 1, comm: systemd, no enough memory for it\n",
            "out of memory: __vm_enough_memory: pid: 1, comm: systemd, no enough memory for it",
        ),
        ("[ 1] __vm_enough_memory: pid: 12, comm: tool, no enough memory\n", ""),
        (
            "Cannot open access to console, the root account is locked.\n",
            "the system is in emergency mode",
        ),
        ("error: no such partition.\ngrub rescue> ", "the boot loader stopped at grub rescue>"),
        ("No bootable device.\n", "the firmware reports: No bootable device"),
        (
            "Trying to load:  from: /pci@800000020000000/scsi@1 ... \n"
            "E3404: Not a bootable device!\n",
            "the firmware reports: E3404: Not a bootable device!",
        ),
        (
            "[  525.2] cloud-init[611]: Cloud-init v. 25.1.4 finished at Sun, 29 Nov 2026 16:46:28"
            " +0000. Datasource DataSourceNone.  Up 524.88 seconds\n",
            "cloud-init 25.1.4 found no config drive",
        ),
        (
            "[  311.1] cloud-init[611]: Cloud-init v. 25.1.4 finished at Sun, 29 Nov 2026 16:46:28"
            " +0000. Datasource DataSourceConfigDrive [net,ver=2][source=/dev/sr0].  Up 310 s\n",
            "",
        ),
        ("Memory cgroup out of memory: Killed process 7 (tool)\n", ""),
        (_WITHOUT_INITRD, ""),
        (_WITHOUT_INITRD + _WITH_INITRD, ""),
        (
            _WITHOUT_INITRD + _WITH_INITRD + "[  5.1] Kernel panic - not syncing: No init\n",
            "kernel panic: No init",
        ),
        ("Welcome to Debian GNU/Linux 12 (bookworm)!\n", ""),
        ("", ""),
    ],
)
def test_the_fault_is_named(tmp_path: pathlib.Path, text: str, fault: str) -> None:
    assert console.fault(_said(tmp_path, text)) == fault


def test_the_most_telling_line_is_the_cause(tmp_path: pathlib.Path) -> None:
    text = (
        "[    0.1] calibrate_delay_direct() failed to get a good estimate\n"
        + _MOUNTING
        + "[  124.2] __vm_enough_memory: pid: 2, comm: udev, no enough memory for the allocation\n"
    )

    assert console.cause(_said(tmp_path, text)) == (
        "__vm_enough_memory: pid: 2, comm: udev, no enough memory for the allocation"
    )
    assert console.cause(_said(tmp_path, _MOUNTING)) == "Failed to mount var-log.mount."
    assert console.cause(["Welcome to Debian GNU/Linux 12 (bookworm)!"]) == ""


_REPORT = [
    "state degraded",
    "failed site-setup.service mount: /srv: no such device",
    "failed silent.service ",
    "units 139",
    "cloud-init status: done boot_status_code: enabled-by-generator",
    "root 7300000000",
    "clock 1795266663",
    "firmware secure-boot",
]


def test_a_report_is_read_when_it_is_complete() -> None:
    assert report.parse(_REPORT) is None
    assert report.parse([*_REPORT, "end"]) == report.Report(
        state="degraded",
        failed=(
            ("site-setup.service", "mount: /srv: no such device"),
            ("silent.service", ""),
        ),
        units=139,
        cloud_init="status: done boot_status_code: enabled-by-generator",
        root=7300000000,
        clock=1795266663,
        firmware="secure-boot",
    )


def test_a_report_without_sense_is_a_bad_one() -> None:
    found = report.parse(["state", "units many", "df: /: no such file", "end"])

    assert found is not None
    assert (found.state, found.units, found.root, found.clock) == ("", 0, 0, 0)


def test_the_script_reports_on_the_port_that_is_given() -> None:
    assert "exec >/dev/ttyS1 2>&1" in report.script("/dev/ttyS1").splitlines()


def test_the_journal_of_services_follows_the_report() -> None:
    services = ["haproxy-1.service/ip[2]: no such file", "end", "state running"]
    lines = [*_REPORT, "end", *services]

    assert report.journal(lines) == services
    assert report.journal(_REPORT) == []
    assert report.parse(lines) == report.parse([*_REPORT, "end"])
    assert "journalctl --follow" in report.script("/dev/ttyS1", services="haproxy-|keepalived")
    assert "--follow" not in report.script("/dev/ttyS1")
