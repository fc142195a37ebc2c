"""Reads what a machine's console says: above all, that it will not get any further."""

from __future__ import annotations

import os
import pathlib
import re

from .. import model

# Escape sequences (ECMA-48, 5.4) with which boot loaders and systemd colour and move about.
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[@-Z\\-_c]")
_BLANK = re.compile(r"[^\x20-\x7e\xa0-\U0010ffff]+")
_LONGEST_LINE = 300
_SHOWN = 100
# A machine may print without end; what it said last is what counts.
_LONGEST = 1 * model.MIB

_PANIC = re.compile(r"Kernel panic - not syncing: (.*)")
# What a machine says that waits for somebody, or for nothing: the kernel (panic.c, oom_kill.c, and
# util.c of its first process), initramfs-tools (scripts/local), systemd (sulogin-shell.c),
# cloud-init (cc_final_message.py), GRUB, SeaBIOS (boot.c), SLOF (boot.fs).
_FAULTS = (
    (_PANIC, "kernel panic: {}"),
    (re.compile(r"Out of memory: (Killed process \d+ \([^)]*\))"), "out of memory: {}"),
    (re.compile(r"(__vm_enough_memory: pid: 1, .*)"), "out of memory: {}"),
    (re.compile(r"ALERT! +(.*?)\. +Dropping to a shell"), "no root file system: {}"),
    (
        re.compile(r"emergency\.target|[Ii]n emergency mode|the root account is locked"),
        "the system is in emergency mode",
    ),
    (
        re.compile(r"Cloud-init v\. (\S+) finished .*Datasource DataSourceNone\b"),
        "cloud-init {} found no config drive",
    ),
    (re.compile(r"(grub rescue>)"), "the boot loader stopped at {}"),
    (
        re.compile(r"(No bootable device|Boot failed: .*|E34(?:00|04|07): .*)"),
        "the firmware reports: {}",
    ),
)
# What a boot that goes wrong says on its way, the most telling first: the kernel that gives no
# memory (mm/util.c, warn_alloc in mm/page_alloc.c), programs that get none, and systemd.
_CAUSES = (
    re.compile(r"\S.*(?:not? enough memory for the allocation|page allocation failure)"),
    re.compile(r"\S.*Cannot allocate memory"),
    re.compile(r"(?:Failed to (?:start|mount)|Dependency failed for|Timed out waiting for) .*"),
)
# A kernel that is told so starts the machine again after a panic. Ubuntu's GRUB tells it the one
# it starts without initial ramdisk first (GRUB_FORCE_PARTUUID), and then tries with it.
_COMMAND_LINE = re.compile(r"[Cc]ommand line: (.*)")
_STARTS_AGAIN = re.compile(r"\bpanic=-\d")
_TIME = re.compile(r"^\[ *\d+\.\d+\] ")


def lines(file: pathlib.Path) -> list[str]:
    """Return the end of a console's file, line by line and in printable characters only."""
    if not file.exists():
        return []
    with file.open("rb") as stream:
        length = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, length - _LONGEST))
        text = _ESCAPE.sub("", stream.read().decode(errors="replace"))
    cleaned = (_BLANK.sub(" ", line).strip() for line in re.split(r"[\r\n]+", text))
    return [line[:_LONGEST_LINE] for line in cleaned if line]


def last(said: list[str]) -> str:
    """Return what a console said last, as far as it tells something: no mere signs."""
    telling = (line for line in reversed(said) if any(map(str.isalnum, line)))
    return next(telling, "nothing so far")[:_SHOWN]


def fault(said: list[str]) -> str:
    """Return why the machine will not get any further, in one line; empty if it may."""
    starts_again = False
    for number, line in enumerate(said):
        if told := _COMMAND_LINE.search(line):
            starts_again = _STARTS_AGAIN.search(told[1]) is not None
        for pattern, meaning in _FAULTS:
            if pattern is _PANIC and starts_again:
                continue
            if found := pattern.search(line):
                text = meaning.format(*found.groups())
                led = cause(said[:number]) if not found.groups() else ""
                return f"{text}: {led}" if led else text
    return ""


def cause(said: list[str]) -> str:
    """Return the line that tells best why a boot goes wrong; empty if none does."""
    plain = [_TIME.sub("", line) for line in said]
    for pattern in _CAUSES:
        for line in plain:
            if found := pattern.search(line):
                return found[0]
    return ""
