"""Modules that the kernel of an image has to have, built in or to be loaded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...host import rootfs
from ...model import findings
from .. import subject
from . import reading

_MODULES = "/lib/modules"
_LISTS = ("modules.builtin", "modules.dep")


def kernel_modules(*modules: str, options: Sequence[str] = ()) -> subject.Check:
    """Each kernel of the image has the modules, with the options that they were built with.

    Args:
        modules: Names, with underscores.
        options: Names of options that are on, where a kernel says how it was built.
    """

    def look(image: subject.Subject) -> findings.Verdict:
        versions = list(_versions(image))
        if not versions:
            return findings.failed(f"no kernel has modules ({_MODULES})")
        for version in versions:
            known = _known(image, version)
            missing = [name for name in modules if name not in known]
            if missing:
                return findings.failed(f"Linux {version} has no module {reading.some(missing)}")
            built = reading.text(image.tree, f"/boot/config-{version}")
            off = [name for name in options if built and f"\nCONFIG_{name}=" not in f"\n{built}"]
            if off:
                return findings.failed(f"Linux {version} was built without {reading.some(off)}")
        return findings.passed(", ".join(modules))

    return subject.Check("kernel modules", look)


def _versions(image: subject.Subject) -> Iterator[str]:
    for path in rootfs.entries(image.tree, _MODULES):
        if rootfs.resolve(image.tree, f"{path}/{_LISTS[-1]}").is_file():
            yield path.rpartition("/")[2]


def _known(image: subject.Subject, version: str) -> frozenset[str]:
    """Return the names of all modules of a kernel."""
    texts = (reading.text(image.tree, f"{_MODULES}/{version}/{name}") or "" for name in _LISTS)
    return frozenset[str]().union(*map(names, texts))


def names(text: str) -> frozenset[str]:
    """Return the modules whose files a text names, one in the beginning of each line."""
    files = (line.partition(":")[0].rpartition("/")[2] for line in text.splitlines())
    found = (file.partition(".ko")[0] for file in files if ".ko" in file)
    return frozenset(name.replace("-", "_") for name in found)
