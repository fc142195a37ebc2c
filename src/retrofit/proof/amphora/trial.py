"""The trial of an amphora image."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from ... import findings, progress
from .. import bench
from . import amphora, boot, controller


def trial(place: bench.Bench, depth: findings.Depth) -> Iterator[findings.Finding]:
    """Boot amphorae from an image and check them; see :data:`retrofit.proof.bench.Trial`."""
    owner = controller.new(place.work)
    with contextlib.ExitStack() as running:
        first = running.enter_context(amphora.launch(place, 1, owner))
        with progress.step(place.reporter, "prove the boot"):
            yield from boot.checks(first, place)
