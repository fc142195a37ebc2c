"""How many files a service may open: what its unit asks for, and what the kernel allows."""

from __future__ import annotations

from ...model import findings
from .. import subject
from . import kernel_settings, templates, units

_KEY = "fs.nr_open"
# The kernel's own (Documentation/admin-guide/sysctl/fs.rst).
_DEFAULT = 1024 * 1024


def open_files(template: templates.Template) -> subject.Check:
    """The kernel allows as many open files as a unit asks for; systemd does not start it else.

    Args:
        template: Template of the unit.
    """

    def look(image: subject.Subject) -> findings.Verdict:
        text = template.read(image)
        if text is None:
            return findings.failed(f"the unit's template {template.path} is missing")
        asked = max(
            (
                int(number)
                for section, key, value in units.parse(text)
                if (section, key) == ("Service", "LimitNOFILE")
                for number in value.split(":")
                if number.isdecimal()
            ),
            default=0,
        )
        path, allowed = kernel_settings.last_number(image, _KEY) or ("the kernel", _DEFAULT)
        if asked > allowed:
            return findings.failed(
                f"the unit asks for {asked} open files, {path} allows {allowed} ({_KEY})"
            )
        return findings.passed(f"{asked} of {allowed}")

    return subject.Check("open files", look)
