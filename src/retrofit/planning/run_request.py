"""What is asked of a run: from where, to where, what, how it is proved, when it is worth it."""

from __future__ import annotations

import dataclasses
import pathlib

from .. import cloud, model
from ..base_images import origins
from ..model import reasons
from ..proof import proof_request
from ..publishing import file_target


@dataclasses.dataclass(frozen=True)
class RunRequest:
    """A run: from where, to where, what, and when it is worth it.

    Attributes:
        source: Where the base image is to come from.
        target: A file, or Glance.
        build: What to make.
        force: Replace the file, or publish although the same image is published already.
        rebuild_on: The reasons to build anew that count.
        proof: How it is to be proved before it is delivered or tagged.
        cloud: Which cloud, where one is involved.
        work_base: Directory in which the work directory is made; ``None`` for the default.
        cache: Directory for what builds share; ``None`` for the default.
        breaks: Phases of elements before which the person at the terminal gets a shell.
        keep_failed: Whether the tree of a build that fails is kept.
    """

    source: origins.Source
    target: file_target.Target
    build: model.BuildRequest
    force: bool = False
    rebuild_on: frozenset[reasons.Choice] = frozenset(reasons.USUAL)
    proof: proof_request.ProofRequest = dataclasses.field(
        default_factory=proof_request.ProofRequest
    )
    cloud: cloud.Options = dataclasses.field(default_factory=cloud.Options)
    work_base: pathlib.Path | None = None
    cache: pathlib.Path | None = None
    breaks: tuple[str, ...] = ()
    keep_failed: bool = False
