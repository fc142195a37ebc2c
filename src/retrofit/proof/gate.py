"""Proves an image that was just made, before anybody gets it."""

from __future__ import annotations

import logging
import pathlib

from .. import errors, model
from ..host import progress
from ..host.sandbox import workshop
from ..model import findings
from . import checks as recipe_checks
from . import evidence, proof_request, prover, subject

_LOG = logging.getLogger(__name__)


class Gate:
    """Stands between an image and those who use it.

    Args:
        wanted: How the image is to be proved.
        built: The image.
        checks: What images of its recipe are proved by.
        properties: Those it gets in Glance.
        work: The work directory it is in.
        reporter: Told of the steps.
    """

    def __init__(
        self,
        wanted: proof_request.ProofRequest,
        built: model.BuildResult,
        *,
        checks: recipe_checks.Checks,
        properties: tuple[tuple[str, str], ...],
        work: pathlib.Path,
        reporter: progress.Reporter,
    ) -> None:
        self._wanted = wanted
        self._reporter = reporter
        self._job = prover.Job(
            image=built.image,
            work=work / "proof",
            checks=checks,
            depth=wanted.depth,
            expected=subject.Expected(
                architecture=built.release.architecture, flavor_disk=wanted.flavor_disk
            ),
            properties=properties,
            own=wanted.own,
            firmwares=wanted.firmwares,
        )

    def prove(self) -> findings.Proof | None:
        """Prove the image; ``None`` where no proof is wanted.

        Raises:
            errors.RetrofitError: Something else than the image stood in the way.
        """
        if self._wanted.depth is findings.Depth.OFF:
            return None
        self._job.work.mkdir()
        workshop.adopt(self._job.work)
        return prover.prove(self._job, self._reporter)

    def keep(self, proof: findings.Proof, name: str) -> pathlib.Path | None:
        """Keep the evidence of a proof.

        Args:
            proof: What was found.
            name: Directory for it below the one that was named.

        Returns:
            Where it is; ``None`` if none is kept.
        """
        if self._wanted.evidence is None:
            return None
        place = self._wanted.evidence / name
        try:
            evidence.keep(self._job.evidence, proof, place)
        except errors.OutputError as error:
            # What the proof has found matters more than this.
            _LOG.warning("%s", error)
            return None
        return place
