"""Programs of the image, run in a cell to see that they can."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Sequence

from ... import errors
from ...building.disk import machine_code
from ...host import process
from ...host.sandbox import cells
from ...model import architectures, findings
from .. import subject
from . import reading, services, templates

_TIMEOUT_S = 60.0


def run(image: subject.Subject, *argv: str, timeout_s: float = _TIMEOUT_S) -> process.Completed:
    """Run a program of the image, which can change nothing in it.

    Args:
        image: The image.
        argv: The program and its arguments.
        timeout_s: Seconds it may take.

    Raises:
        errors.ImageError: It did not end in time.
    """
    # lsinitramfs, for one, has its temporary files in /var/tmp, which is the image's.
    own = {"TMPDIR": "/tmp"}
    place = cells.Cell(root=image.tree, work=image.work, environment=own, writable=False)
    try:
        return place.run(argv, timeout_s=timeout_s, check=False)
    except errors.CommandError as failure:
        raise errors.ImageError(f"{argv[0]} of the image did not end in time") from failure


def other_architecture(image: subject.Subject) -> str:
    """Say that the image's programs do not run on this machine; nothing if they do."""
    architecture = image.layout.release.architecture
    if architectures.debian_architecture(os.uname().machine) == architecture:
        return ""
    return f"programs for {architecture} do not run on this machine"


def usable(path: str, *arguments: str, features: Sequence[str] = ()) -> subject.Check:
    """A program is there, starts with all its libraries, and says what it can do.

    Args:
        path: Where it is.
        arguments: Have it print its version and end with status 0.
        features: Words that have to be in what it prints, in capital or small letters.
    """
    name = path.rpartition("/")[2]

    def look(image: subject.Subject) -> findings.Verdict:
        if not reading.is_program(image.tree, path):
            return findings.failed(f"{path} is missing or cannot be executed")
        own = image.layout.release.architecture
        code = machine_code.of_program(
            reading.head(image.tree, path, machine_code.HEAD_SIZE) or b""
        )
        if code not in ("", own):
            return findings.failed(f"{path} is for {code}, not {own}")
        if reason := other_architecture(image):
            return findings.not_applicable(reason)
        done = run(image, path, *arguments)
        if done.returncode != 0:
            said = done.tail[-1] if done.tail else "no output"
            return findings.failed(f"{path} ends with status {done.returncode}: {said}")
        said = done.stdout + "\n".join(done.tail)
        for feature in features:
            if feature.lower() not in said.lower():
                return findings.failed(f"{path} was built without {feature}")
        return findings.passed(said.strip().partition("\n")[0])

    return subject.Check(f"{name} usable", look)


@dataclasses.dataclass(frozen=True)
class Named:
    """A program that the code of a service needs, which not each release or distribution does.

    Attributes:
        source: Where the code is.
        pattern: Finds the program in it, as its first group.
        program: Its name where the code does not say it; what matches does not matter then.
    """

    source: templates.Template
    pattern: re.Pattern[str]
    program: str = ""

    def find(self, image: subject.Subject) -> str:
        """Return name or path of the program; empty if the image's release needs none."""
        found = self.pattern.search(self.source.read(image) or "")
        return (self.program or found[1]) if found else ""


def present(check: str, *names: str, named: Sequence[Named] = ()) -> subject.Check:
    """Programs are there that a service starts when it needs them.

    Args:
        check: Name of the check.
        names: Names or paths of programs.
        named: Programs that the code of the service tells.
    """

    def look(image: subject.Subject) -> findings.Verdict:
        wanted = [*names, *filter(None, (one.find(image) for one in named))]
        missing = [name for name in wanted if not services.has_program(image, name)]
        if missing:
            return findings.failed(f"{reading.some(missing)} is missing or cannot be executed")
        return findings.passed(", ".join(wanted))

    return subject.Check(check, look)
