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
# A machine may print without end; what it said last is what counts.
_LONGEST = 1 * model.MIB

# What is said last by a machine that waits for somebody, or for nothing: kernel (panic.c,
# oom_kill.c), initramfs-tools (scripts/local), systemd's sulogin-shell, GRUB and SeaBIOS (boot.c).
_FAULTS = (
    (re.compile(r"Kernel panic - not syncing: (.*)"), "kernel panic: {}"),
    (re.compile(r"Out of memory: (Killed process \d+ \([^)]*\))"), "out of memory: {}"),
    (re.compile(r"ALERT! +(.*?)\. +Dropping to a shell"), "no root file system: {}"),
    (
        re.compile(r"(?:You are|Entering) (?:in )?emergency mode"),
        "the system is in emergency mode",
    ),
    (re.compile(r"the root account is locked"), "the system is in emergency mode"),
    (re.compile(r"(grub rescue>)"), "the boot loader stops at {}"),
    (re.compile(r"(No bootable device|Boot failed: .*)"), "the firmware says: {}"),
)
# What led to emergency mode stands before it.
_CAUSE = re.compile(
    r"(?:Failed to (?:start|mount)|Dependency failed for|Timed out waiting for) .*"
)


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


def fault(said: list[str]) -> str:
    """Return why the machine will not get any further, in one line; empty if it may."""
    for number, line in enumerate(said):
        for pattern, meaning in _FAULTS:
            if found := pattern.search(line):
                text = meaning.format(*found.groups())
                cause = _cause(said[:number]) if not found.groups() else ""
                return f"{text}: {cause}" if cause else text
    return ""


def _cause(said: list[str]) -> str:
    """Return the first line that says what failed."""
    return next((found[0] for line in said if (found := _CAUSE.search(line))), "")
