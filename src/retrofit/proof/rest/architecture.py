"""Whether all of an image is for one architecture, and that the one it has to be for."""

from __future__ import annotations

from ...building.disk import machine_code
from ...host import rootfs
from ...model import findings
from .. import subject
from . import reading


def architecture(*programs: str) -> subject.Check:
    """Packages, kernels and programs are for the architecture that is expected.

    Args:
        programs: Paths of programs to look at; those that are missing are not its business.
    """

    def look(image: subject.Subject) -> findings.Verdict:
        own, wanted = image.layout.release.architecture, image.expected.architecture
        if wanted and own != wanted:
            return findings.failed(f"the packages are for {own}, not {wanted}")
        seen = []
        for path in programs:
            head = reading.head(image.tree, path, machine_code.HEAD_SIZE)
            if head is None:
                continue
            found = machine_code.of_program(head)
            if found != own:
                return findings.failed(f"{path} is for {found or 'no machine'}, not {own}")
            seen.append(path)
        for path in rootfs.entries(image.tree, "/boot"):
            head = reading.head(image.tree, path, machine_code.HEAD_SIZE)
            if head is None or not path.startswith(("/boot/vmlinuz-", "/boot/vmlinux-")):
                continue
            found = machine_code.of_kernel(head)
            # Some kernels do not say: an Image that is compressed by other means than gzip.
            if found not in ("", own):
                return findings.failed(f"{path} is for {found}, not {own}")
            seen.append(path)
        return findings.passed(f"{own}: {reading.some(seen)}")

    return subject.Check("architecture", look)
