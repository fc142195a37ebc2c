"""How GRUB starts the kernel: with the parameters that were asked for, and without waiting."""

from __future__ import annotations

import shlex

from ...building.disk import grub_config
from ...model import findings
from .. import subject
from . import boot_menu, reading

# What the element boot-parameters writes.
ASKED = "/etc/default/grub.d/zz-boot-parameters.cfg"
_WORDS = ("GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT")
# GRUB's own default is 5 s.
_MAX_TIMEOUT_S = 10


def boot_parameters() -> subject.Check:
    """The kernel gets the parameters that were asked for, and the boot menu does not wait."""
    return subject.Check("boot parameters", _look)


def arguments(image: subject.Subject) -> tuple[str, ...] | None:
    """Return the parameters that GRUB gives the kernel by default; ``None`` if it starts none."""
    entry = boot_menu.read(image).default
    # Of several in one entry, the last that is loaded is started.
    return entry.kernels[-1][1] if entry is not None and entry.kernels else None


def _look(image: subject.Subject) -> findings.Verdict:
    menu = boot_menu.read(image)
    if menu.text is None:
        return findings.not_applicable(f"{menu.path} is missing")
    asked = _settings(reading.text(image.tree, ASKED) or "")
    wanted = [word for name in _WORDS for word in asked.get(name, "").split()]
    given = arguments(image)
    missing = [word for word in wanted if given is not None and word not in given]
    if missing:
        return findings.failed(f"{menu.path} does not give the kernel {missing[0]} ({ASKED})")
    fault = _menu_fault(menu.text, menu.environment, asked.get("GRUB_TIMEOUT"))
    if fault:
        return findings.failed(f"{menu.path}: {fault}")
    return findings.passed(" ".join(wanted) or "none were asked for")


def _menu_fault(text: str, environment: str, asked: str | None) -> str:
    """Say for how long the boot menu waits, if that is too long; nothing if it is not."""
    timeouts = grub_config.timeouts(text, failed=_is_set(environment, "recordfail"))
    for seconds in timeouts:
        if seconds < 0:
            return "the boot menu waits for a key"
        if asked is not None and seconds != int(asked):
            return f"the boot menu waits {seconds} s instead of {asked} s, as {ASKED} says"
        if asked is None and seconds > _MAX_TIMEOUT_S:
            return f"the boot menu waits {seconds} s"
    return ""


def _is_set(environment: str, name: str) -> bool:
    return grub_config.value(environment, name) == "1"


def _settings(text: str) -> dict[str, str]:
    """Read the settings that the element wrote: a name and a quoted value a line."""
    words = shlex.split(text, comments=True)
    return {name: value for name, _, value in (word.partition("=") for word in words)}
