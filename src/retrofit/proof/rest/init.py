"""The first program that the kernel of an image starts."""

from __future__ import annotations

from ...host import rootfs
from ...model import findings
from .. import subject
from . import boot_parameters, reading

# Where the kernel looks for it when nothing else is said (init/main.c).
_DEFAULT = "/sbin/init"
_WORD = "init="
_SYSTEMD = "systemd"


def init() -> subject.Check:
    """The kernel starts systemd, on which everything else in an image relies."""
    return subject.Check("init", _look)


def _look(image: subject.Subject) -> findings.Verdict:
    words = [
        word.removeprefix(_WORD)
        for word in boot_parameters.arguments(image) or ()
        if word.startswith(_WORD)
    ]
    path = words[-1] if words else _DEFAULT
    if not reading.is_program(image.tree, path):
        return findings.failed(f"{path} is missing or cannot be executed: the kernel panics")
    program = rootfs.resolve(image.tree, path).relative_to(rootfs.resolve(image.tree, "/"))
    if program.name != _SYSTEMD:
        return findings.failed(f"{path} is /{program}, not systemd")
    return findings.passed(f"{path} is /{program}")
