"""Proves an image to a depth, by the checks of its recipe.

Everything happens in a workshop: the image is not trusted, and neither is what boots from it. Its
network is a loopback of its own, so a machine reaches nobody, and all ends with the workshop.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import functools
import pathlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from .. import errors
from ..building import package_managers
from ..building.disk import conversion, layout, partitions, tree
from ..host import accelerator, progress
from ..host.sandbox import cells, emulation, kvm, networks, workshop
from ..model import findings, releases
from . import bench, hardware, own_checks, qemu_words, subject
from . import checks as recipe_checks
from .rest import own

# Emulated on two busy processors a machine's first answer took up to 390 s.
_BOOT_TIMEOUT_S = {True: 300.0, False: 1500.0}
_EVIDENCE = "evidence"


@dataclasses.dataclass(frozen=True)
class Job:
    """One proof, as it is handed to the workshop.

    Attributes:
        image: The image, readable by the workshop.
        work: The work directory.
        checks: What images of its recipe are proved by.
        depth: How far to go; not ``OFF``.
        expected: What the image has to be.
        boot_timeout_s: Seconds a machine has until its service answers; ``None`` for what fits.
        properties: The image's in Glance, of which some say what machines of it have.
        own: Checks of the operator's, after those of the recipe.
        firmwares: What machines are started by, each to the whole depth; none for what the
            properties say.
    """

    image: pathlib.Path
    work: pathlib.Path
    checks: recipe_checks.Checks
    depth: findings.Depth
    expected: subject.Expected
    boot_timeout_s: float | None = None
    properties: tuple[tuple[str, str], ...] = ()
    own: tuple[own_checks.OwnCheck, ...] = ()
    firmwares: tuple[findings.Firmware, ...] = ()

    @property
    def evidence(self) -> pathlib.Path:
        """Directory below ``work`` with the consoles of the machines, after the proof."""
        return self.work / _EVIDENCE


def check(
    recipe: str,
    checks: Callable[[], recipe_checks.Checks],
    depth: findings.Depth,
    architectures: Sequence[str],
    properties: Mapping[str, str],
    firmwares: Sequence[findings.Firmware],
) -> None:
    """Refuse a depth to which images of a recipe cannot be proved, before they are made.

    Args:
        recipe: Name of the recipe.
        checks: Returns what its images are proved by.
        depth: How far a proof is to go.
        architectures: Debian architectures of which the image may be.
        properties: The image's in Glance.
        firmwares: What machines are to be started by; none for what the properties say.

    Raises:
        errors.ConfigError: The recipe does not say how images are proved so far, or Nova makes
            no machine with those properties.
        errors.ImageError: Machines of no such architecture can be started.
        errors.ToolMissing: QEMU is not installed.
    """
    if not depth.includes(findings.Depth.BOOT):
        return
    deepest = checks().depth
    if not deepest.includes(depth):
        raise errors.ConfigError(
            f"the recipe {recipe} does not support proofs beyond depth {deepest}",
            hint=f"use --depth {deepest}",
        )
    _find_machine(architectures, properties, firmwares)


def _find_machine(
    architectures: Sequence[str],
    properties: Mapping[str, str],
    firmwares: Sequence[findings.Firmware],
) -> None:
    """Refuse an image that is of one of several architectures, if machines of none can run."""
    refusals: list[errors.RetrofitError] = []
    for architecture in architectures:
        try:
            accelerator.emulator(architecture)
            for firmware in firmwares or (None,):
                qemu_words.firmware(hardware.of(properties, architecture, firmware))
        except (errors.ConfigError, errors.ImageError, errors.ToolMissing) as refusal:
            refusals.append(refusal)
        else:
            return
    raise refusals[0]


def prove(job: Job, reporter: progress.Reporter) -> findings.Proof:
    """Prove an image; that it fails is a result, not an error.

    Raises:
        errors.ToolMissing: QEMU or another program is not installed.
        errors.RetrofitError: Something else than the image stood in the way.
    """
    place = functools.partial(_prove, job)
    kvm.lend(job.work)
    return workshop.run(job.work, place, reporter, network=networks.Network.ALONE)


def _prove(job: Job, reporter: progress.Reporter) -> findings.Proof:
    """Go through all depths inside the workshop, until one has a failure."""
    found: list[findings.Finding] = []
    clock = _Clock()
    job.evidence.mkdir()
    accelerated: bool | None = None
    made: list[hardware.Hardware] = []
    raw = job.work / "disk.raw"
    with progress.step(reporter, "prove at rest"):
        architecture = _at_rest(job, raw, found)
    clock.ended(findings.Depth.REST)
    if not _failed(found) and job.depth.includes(findings.Depth.BOOT):
        trial = job.checks.trial
        assert trial is not None
        kvm.take(job.work)
        accelerated = accelerator.accelerates(architecture)
        made = [
            hardware.of(dict(job.properties), architecture, firmware)
            for firmware in job.firmwares or (None,)
        ]
        place = bench.Bench(
            image=raw,
            architecture=architecture,
            hardware=made[0],
            work=job.work,
            evidence=job.evidence,
            flavor_disk=job.expected.flavor_disk,
            accelerated=accelerated,
            boot_timeout_s=job.boot_timeout_s or _BOOT_TIMEOUT_S[accelerated],
            reporter=reporter,
            before_root=_last(raw).start,
            own=job.own,
        )
        for finding in _trials(trial, place, made, job.depth):
            found.append(finding)
            clock.ended(finding.depth)
    return findings.Proof(
        depth=job.depth,
        findings=tuple(found),
        accelerated=accelerated,
        machine=hardware.described(made, accelerated=bool(accelerated)),
        ended=datetime.datetime.now(datetime.timezone.utc),
        seconds=clock.seconds(),
    )


def _trials(
    trial: bench.Trial,
    place: bench.Bench,
    machines: Sequence[hardware.Hardware],
    depth: findings.Depth,
) -> Iterator[findings.Finding]:
    """Make a trial on each of several machines; of more than one, findings and files say which."""
    if len(machines) == 1:
        yield from trial(place, depth)
        return
    for made in machines:
        firmware = made.starts_by
        work = place.work / firmware
        work.mkdir(mode=0o700)
        before = set(place.evidence.iterdir())
        for finding in trial(dataclasses.replace(place, hardware=made, work=work), depth):
            yield dataclasses.replace(finding, check=f"{finding.check}, {firmware}")
        for file in set(place.evidence.iterdir()) - before:
            file.rename(file.with_name(f"{firmware}-{file.name}"))


def _last(raw: pathlib.Path) -> partitions.Partition:
    """Return the partition of an image that a machine grows."""
    return max(partitions.read(raw).partitions, key=lambda one: (one.end, one.start))


def _failed(found: list[findings.Finding]) -> bool:
    return any(one.verdict.outcome is findings.Outcome.FAIL for one in found)


def _at_rest(job: Job, raw: pathlib.Path, found: list[findings.Finding]) -> str:
    """Make all checks at rest; return the architecture of the image, empty if unknown."""

    def add(name: str, verdict: findings.Verdict) -> None:
        found.append(findings.Finding(name, findings.Depth.REST, verdict))

    try:
        # Machines start from it, too: QEMU never meets a file that names other files.
        conversion.to_raw(job.image, raw)
        with _opened(job, raw) as image:
            add("image", findings.passed(_described(image.layout)))
            for check in (*job.checks.rest, *map(own.own, job.own)):
                try:
                    verdict = check.look(image)
                except errors.ToolMissing:
                    raise
                except errors.RetrofitError as error:
                    verdict = findings.failed(error.message)
                except OSError as error:
                    # What is damaged in a file system may not show before it is read.
                    verdict = findings.failed(f"a file cannot be read: {error.strerror}")
                add(check.name, verdict)
            return image.layout.release.architecture
    except errors.ImageError as error:
        add("image", findings.failed(error.message))
    return ""


def _described(found: layout.Layout) -> str:
    release = found.release
    return f"{release.distribution} {release.series or release.version} {release.architecture}"


@contextlib.contextmanager
def _opened(job: Job, raw: pathlib.Path) -> Iterator[subject.Subject]:
    """Open the image's files."""
    place = job.work / "rest"
    place.mkdir()
    # What fstab has beside that is the subject of a check.
    found = layout.read(raw, place, complete=False)
    written = raw.stat().st_mtime_ns
    with tree.open_tree(raw, found, place, in_memory=True) as opened:
        if raw.stat().st_mtime_ns != written:
            # Opening repaired a file system, and the checks are to see what was wrong with it.
            conversion.to_raw(job.image, raw)
        if found.release.distribution in releases.RED_HAT:
            # Only its own rpm reads its list of packages.
            emulation.prepare(found.release.architecture)
        inside = cells.Cell(root=opened.path, work=place, writable=False)
        yield subject.Subject(
            image=job.image,
            raw=raw,
            layout=found,
            tree=opened.path,
            packages=package_managers.of(found.release.distribution).installed(inside),
            expected=job.expected,
            work=place,
            evidence=job.evidence,
        )


class _Clock:
    """Sums up the time of each depth, as their findings arrive."""

    def __init__(self) -> None:
        self._last = time.monotonic()
        self._seconds: dict[findings.Depth, float] = {}

    def ended(self, depth: findings.Depth) -> None:
        """Count the time since the last call for a depth."""
        now = time.monotonic()
        self._seconds[depth] = self._seconds.get(depth, 0.0) + now - self._last
        self._last = now

    def seconds(self) -> tuple[tuple[findings.Depth, float], ...]:
        """Return the seconds of each depth."""
        return tuple((depth, round(spent, 1)) for depth, spent in self._seconds.items())
