"""Whether packages that elements removed are gone from an image."""

from __future__ import annotations

from ...model import findings
from .. import subject
from . import reading

# The element removed-packages writes it.
_LIST = "/usr/share/octavia-diskimage-retrofit/removed-packages"


def removed_packages() -> subject.Check:
    """Nothing brought a package back that an element had removed."""
    return subject.Check("removed packages", _look)


def _look(image: subject.Subject) -> findings.Verdict:
    removed = (reading.text(image.tree, _LIST) or "").split()
    installed = {package.name for package in image.packages}
    left = [name for name in removed if name in installed]
    if left:
        return findings.failed(f"{reading.some(left)} is installed, which an element removed")
    return findings.passed(reading.some(removed) or "none were removed")
