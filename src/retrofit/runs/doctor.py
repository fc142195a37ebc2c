"""Examines a machine, a cloud and mirrors: all that keeps builds from working, at once.

The rooms that own a subject know its checks. Here they are put together and answered side by
side, with a time after which no answer is waited for.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import pathlib
import threading
from collections.abc import Collection, Iterable, Sequence

from .. import cloud, model
from ..building.archives import mirror_checks
from ..building.disk import guestfs_path
from ..cloud import access, image_checks
from ..definitions import expansion
from ..host import machine_checks, web
from ..image_manager import file_checks
from ..model import diagnosis, releases, vocabulary
from ..rollout import octavia_checks

BOUND_S = 60.0
_NO_CLOUD = (
    "no cloud is named: name an entry of clouds.yaml (--os-cloud), or set the OS_* variables"
)


class Subject(vocabulary.Word):
    """What is examined.

    Attributes:
        MACHINE: This machine.
        ACCESS: The access to the cloud: the brief part.
        IMAGES: What the cloud's image service accepts.
        OCTAVIA: Whether images and Octavia fit together.
        MIRRORS: Archives of packages.
        IMAGE_FILES: Files of images of others, and their mirror.
    """

    MACHINE = "machine"
    ACCESS = "access"
    IMAGES = "images"
    OCTAVIA = "octavia"
    MIRRORS = "mirrors"
    IMAGE_FILES = "image-files"


_OF_CLOUD = (Subject.ACCESS, Subject.IMAGES, Subject.OCTAVIA)


@dataclasses.dataclass(frozen=True)
class Mirror:
    """Archives of a build.

    Attributes:
        archives: The archives.
        release: The system that uses them.
        access: How they are reached.
    """

    archives: model.Archives
    release: model.Release
    access: web.Access


@dataclasses.dataclass(frozen=True)
class ImageFiles:
    """Image files, and the mirror of their images.

    Attributes:
        place: A path, or a URL; see :func:`file_checks.checks`.
        mirror: The mirror; empty for none.
        access: How web servers are reached.
    """

    place: str
    mirror: str
    access: web.Access


@dataclasses.dataclass(frozen=True)
class Patient:
    """What is to be examined.

    Attributes:
        cloud: Which cloud; ``None`` if none is meant.
        tags: By which Octavia is to find images, the usual one first.
        formats: Disk formats of the images that are to be published.
        mirrors: The archives of builds.
        image_files: Image files; ``None`` if there are none.
        work_base: Directory of work directories; ``None`` for the default.
        cache: Directory for what builds share; ``None`` for the default.
    """

    cloud: cloud.Options | None
    tags: tuple[str, ...]
    formats: Collection[str] = ("qcow2",)
    mirrors: tuple[Mirror, ...] = ()
    image_files: ImageFiles | None = None
    work_base: pathlib.Path | None = None
    cache: pathlib.Path | None = None


@dataclasses.dataclass(frozen=True)
class Result:
    """What was found, in the order of the checks.

    Attributes:
        findings: Subject and finding of each check.
    """

    findings: tuple[tuple[Subject, diagnosis.Finding], ...]

    @property
    def failed(self) -> list[diagnosis.Finding]:
        """The findings of checks that failed."""
        return [found for _, found in self.findings if found.outcome is diagnosis.Outcome.FAILED]


def mirror_of(image: expansion.Image) -> Mirror:
    """Return the archives of an image that is defined."""
    build = image.request.build
    reached = web.Access(build.proxies, build.ca_certificate)
    return Mirror(build.archives, release_of(build.series), reached)


def release_of(series: str) -> model.Release:
    """Return the system of a series; without one, Ubuntu's newest LTS.

    Raises:
        errors.ConfigError: There is no such series.
    """
    series = series or releases.newest_lts()
    distribution = releases.distribution_of(series)
    return model.Release(distribution, releases.version(distribution, series), series, "")


def examine(
    patient: Patient, subjects: Collection[Subject] = tuple(Subject), *, bound_s: float = BOUND_S
) -> Result:
    """Have all checks made; one that fails, or hangs, hides no other.

    Args:
        patient: What is to be examined.
        subjects: Which of it.
        bound_s: After how many seconds a check without an answer is given up.
    """
    reached = access.Access(patient.cloud or cloud.Options())
    groups = {
        subject: tuple(_checks(subject, patient, reached))
        for subject in Subject
        if subject in subjects or (subject is Subject.ACCESS and {*_OF_CLOUD} & {*subjects})
    }
    forking: tuple[diagnosis.Finding, ...] = ()
    if Subject.MACHINE in subjects:
        forking = diagnosis.in_order(machine_checks.forking(patient.work_base))
    try:
        found = _side_by_side([each for group in groups.values() for each in group], bound_s)
    finally:
        reached.close()
    return Result(
        tuple((Subject.MACHINE, each) for each in forking)
        + tuple(
            (subject, found[check.name])
            for subject, group in groups.items()
            if subject in subjects
            for check in group
        )
    )


def _checks(
    subject: Subject, patient: Patient, reached: access.Access
) -> Iterable[diagnosis.Check]:
    """Return the checks of one subject that may be made side by side."""
    if subject in _OF_CLOUD and patient.cloud is None:
        return (_skipped(str(subject), _NO_CLOUD),)
    match subject:
        case Subject.MACHINE:
            appliance = diagnosis.Check("appliance", guestfs_path.check)
            return (*machine_checks.others(patient.cache), appliance)
        case Subject.ACCESS:
            return reached.checks()
        case Subject.IMAGES:
            return image_checks.checks(reached, patient.formats)
        case Subject.OCTAVIA:
            return octavia_checks.checks(reached, patient.tags)
        case Subject.MIRRORS:
            found = {
                check.name: check
                for each in patient.mirrors
                for check in mirror_checks.checks(each.archives, each.release, each.access)
            }
            return found.values() or (
                _skipped("mirrors", "none is named: images keep the archives of their base"),
            )
        case Subject.IMAGE_FILES:
            named = patient.image_files
            return file_checks.checks(named.place, named.mirror, named.access) if named else ()


def _skipped(name: str, why: str) -> diagnosis.Check:
    def ask() -> str:
        raise diagnosis.NotChecked(why)

    return diagnosis.Check(name, ask)


def _side_by_side(
    checks: Sequence[diagnosis.Check], bound_s: float
) -> dict[str, diagnosis.Finding]:
    """Have checks answered in threads of their own; what they need is waited for."""
    answers: dict[str, concurrent.futures.Future[diagnosis.Finding]] = {
        check.name: concurrent.futures.Future() for check in checks
    }

    def answer(check: diagnosis.Check) -> None:
        earlier = {name: answers[name].result() for name in check.needs}
        answers[check.name].set_result(check.answer(earlier))

    for check in checks:
        # A thread that hangs, in a look-up of a name say, must not keep the process.
        threading.Thread(target=answer, args=(check,), daemon=True).start()
    done, _ = concurrent.futures.wait(answers.values(), timeout=bound_s)
    late = f"no answer within {bound_s:.0f} s"
    return {
        name: future.result()
        if future in done
        else diagnosis.Finding(name, diagnosis.Outcome.NOT_CHECKED, late)
        for name, future in answers.items()
    }
