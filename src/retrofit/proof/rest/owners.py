"""Owners and modes of files by which a system is safe, or fails."""

from __future__ import annotations

import dataclasses
import os
import stat

from ...model import findings
from .. import subject
from . import reading

# Where programs and settings are: nothing there may be for everybody to change.
_SWEPT = ("/etc", "/usr/bin", "/usr/sbin", "/usr/local", "/usr/lib/systemd", "/boot")
_NOBODY = 65534


@dataclasses.dataclass(frozen=True)
class Rule:
    """What a file has to be like, if it is there.

    Attributes:
        path: The file or directory.
        mode: Permissions it has to have exactly; ``None`` for any.
        denied: Permissions nobody may have.
        owner: Its owner's number; ``None`` for any.
    """

    path: str
    mode: int | None = None
    denied: int = 0o022
    owner: int | None = 0


# What any system of Debian or Ubuntu has.
SYSTEM = (
    Rule("/"),
    Rule("/boot"),
    Rule("/etc"),
    Rule("/etc/gshadow", denied=0o137),
    Rule("/etc/passwd", mode=0o644),
    Rule("/etc/shadow", denied=0o137),
    Rule("/etc/ssh"),
    Rule("/etc/ssh/sshd_config"),
    Rule("/etc/sudoers", mode=0o440),
    Rule("/etc/sudoers.d"),
    Rule("/home"),
    Rule("/root", denied=0o077),
    Rule("/root/.ssh", denied=0o077),
    Rule("/run", mode=0o755),
    Rule("/tmp", mode=0o1777, denied=0),
    Rule("/usr"),
    Rule("/usr/bin/su", mode=0o4755),
    Rule("/usr/bin/sudo", mode=0o4755),
    Rule("/var"),
    Rule("/var/log", denied=0o002),
    Rule("/var/tmp", mode=0o1777, denied=0),
)


def owners(*rules: Rule) -> subject.Check:
    """Files have the owners and modes they need; nobody else can change programs and settings."""

    def look(image: subject.Subject) -> findings.Verdict:
        count = 0
        for rule in rules:
            status = reading.status(image.tree, rule.path)
            if status is None:
                continue
            count += 1
            fault = fault_of(rule, status)
            if fault:
                return findings.failed(f"{rule.path} {fault}")
        for directory in _SWEPT:
            for path, entry in reading.walk(image.tree, directory):
                count += 1
                fault = _general_fault(entry.stat(follow_symlinks=False))
                if fault:
                    return findings.failed(f"{path} {fault}")
        return findings.passed(f"{count} files and directories")

    return subject.Check("owners and modes", look)


def fault_of(rule: Rule, status: os.stat_result) -> str:
    """Say what a file has against a rule; nothing if it keeps it."""
    mode = stat.S_IMODE(status.st_mode)
    if rule.mode is not None and mode != rule.mode:
        return f"has mode {mode:04o}, not {rule.mode:04o}"
    if mode & rule.denied:
        return f"has mode {mode:04o}, which must not include {mode & rule.denied:04o}"
    if rule.owner is not None and status.st_uid != rule.owner:
        return f"belongs to user {status.st_uid}, not {rule.owner}"
    return ""


def _general_fault(status: os.stat_result) -> str:
    """Say what no file may be like; nothing if it is not so."""
    if status.st_uid == _NOBODY:
        return f"belongs to user {_NOBODY}, which must not own files"
    if stat.S_ISLNK(status.st_mode):
        return ""
    mode = stat.S_IMODE(status.st_mode)
    if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        return f"has mode {mode:04o}: everyone can change it"
    return ""
