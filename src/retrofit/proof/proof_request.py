"""How an image is to be proved."""

from __future__ import annotations

import dataclasses
import pathlib

from .. import model
from ..model import findings
from . import own_checks

# charm-octavia's flavor.
FLAVOR_DISK = 8 * model.GIB


@dataclasses.dataclass(frozen=True)
class ProofRequest:
    """How an image is to be proved.

    Attributes:
        depth: How far to go.
        flavor_disk: Bytes of the disk that machines of it get.
        evidence: Directory in which that of failed proofs is kept; ``None`` keeps none.
        own: Checks of the operator's.
        firmwares: What machines are started by, each; none for what the image's properties say.
    """

    depth: findings.Depth = findings.Depth.OFF
    flavor_disk: int = FLAVOR_DISK
    evidence: pathlib.Path | None = None
    own: tuple[own_checks.OwnCheck, ...] = ()
    firmwares: tuple[findings.Firmware, ...] = ()
