"""The trial of an amphora image."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from ....host import progress
from ....model import findings
from ....proof import bench, machine
from . import amphora, boot, controller, traffic


def trial(place: bench.Bench, depth: findings.Depth) -> Iterator[findings.Finding]:
    """Boot amphorae from an image and check them; see :data:`retrofit.proof.bench.Trial`.

    For traffic there are two, where memory allows, which boot at the same time.
    """
    balancing = depth.includes(findings.Depth.TRAFFIC)
    paired = balancing and machine.machines_that_fit() > 1
    topology = controller.Topology.ACTIVE_STANDBY if paired else controller.Topology.SINGLE
    owner = controller.new(place.work)
    with contextlib.ExitStack() as running:
        first, *others = (
            running.enter_context(amphora.launch(place, number, owner, topology=topology))
            for number in ((1, 2) if paired else (1,))
        )
        failed = False
        with progress.step(place.reporter, "prove the boot"):
            for finding in boot.checks(first, place):
                failed |= finding.verdict.outcome is findings.Outcome.FAIL
                yield finding
        if failed or not balancing:
            return
        with progress.step(place.reporter, "prove the traffic"):
            yield from traffic.checks(first, others[0] if others else None, place)
