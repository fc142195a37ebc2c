"""Whether machines of an image speak IPv6."""

from __future__ import annotations

from ...model import findings
from .. import subject
from . import boot_parameters, kernel_settings

# Without it in the kernel, a service that listens at all addresses ("::") does not start.
_PARAMETERS = ("ipv6.disable=1", "ipv6.disable_ipv6=1")
_KEYS = ("net.ipv6.conf.all.disable_ipv6", "net.ipv6.conf.default.disable_ipv6")


def ipv6() -> subject.Check:
    """Neither the kernel's parameters nor its settings turn IPv6 off."""
    return subject.Check("IPv6", _look)


def _look(image: subject.Subject) -> findings.Verdict:
    given = boot_parameters.arguments(image) or ()
    for word in _PARAMETERS:
        if word in given:
            return findings.failed(f"the kernel gets the parameter {word}")
    for key in _KEYS:
        path, number = kernel_settings.last_number(image, key) or ("", 0)
        if number:
            return findings.failed(f"{path} sets {key}")
    return findings.passed("not turned off")
