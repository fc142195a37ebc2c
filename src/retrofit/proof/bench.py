"""Where machines are started from an image that is to be proven."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Iterator

from ..host import progress
from ..model import findings
from . import hardware, own_checks


@dataclasses.dataclass(frozen=True)
class Bench:
    """What a trial needs to start machines.

    It stands in a workshop whose network is its own loopback and nothing else.

    Attributes:
        image: The image, raw; machines never write to it.
        architecture: Debian architecture of the image.
        hardware: What machines of it have.
        work: Directory for files of the machines.
        evidence: Directory for what is kept after a failure, consoles above all.
        flavor_disk: Bytes of disk that a machine gets.
        accelerated: Whether KVM works here.
        boot_timeout_s: Seconds that a machine has from its start to its service's first answer.
        reporter: Told of steps.
        before_root: Bytes of the disk in front of the partition that grows.
        own: Checks of the operator's that machines are to make when they have booted.
    """

    image: pathlib.Path
    architecture: str
    hardware: hardware.Hardware
    work: pathlib.Path
    evidence: pathlib.Path
    flavor_disk: int
    accelerated: bool
    boot_timeout_s: float
    reporter: progress.Reporter
    before_root: int = 0
    own: tuple[own_checks.OwnCheck, ...] = ()

    @property
    def report_timeout_s(self) -> float:
        """Seconds that a machine has from its start to the report that its boot ended."""
        return self.boot_timeout_s + own_checks.TIMEOUT_S * len(self.own)


# Boots machines from the image on a bench and yields what is found, up to the depth that is asked
# for: all checks of one depth come before those of the next, which are not begun after a failure.
Trial = Callable[[Bench, findings.Depth], Iterator[findings.Finding]]
