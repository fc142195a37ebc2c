"""Publishing without a build: small data, and a proof whose verdict the test decides.

Everything between that and Glance is real. As a program with the argument FILE, it does so in
processes that tests may kill: it says ``ready``, reads lines of ``passed``, ``failed``,
``rollback`` or ``rotate``, a tag and a version, and answers each with the number of the process
that does it and, in the end, with how that ended.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import os
import pathlib
import sys
import time
from typing import Any

from retrofit import cloud, errors, model, recipes
from retrofit.model import findings, reasons
from retrofit.planning import plan, planner, upgrades
from retrofit.provenance import marks
from retrofit.publishing import naming, promotion, prune, publish, rollback

TAG = "octavia-amphora"


class Silent:
    """Takes reports without telling anybody."""

    def step_started(self, name: str) -> None: ...
    def step_ended(self, record: model.StepRecord) -> None: ...
    def advanced(self, done: int, total: int) -> None: ...
    def doing(self, text: str) -> None: ...


class Gate:
    """Stands for a proof; nothing is booted.

    Args:
        proof: What it comes to; ``None`` for none.
        kept: Where evidence is said to be.
        pause: How long it takes.
    """

    def __init__(
        self,
        proof: findings.Proof | None,
        *,
        kept: pathlib.Path | None = None,
        pause: float = 0,
    ) -> None:
        self._proof = proof
        self._kept = kept
        self._pause = pause

    def prove(self) -> findings.Proof | None:
        time.sleep(self._pause)
        return self._proof

    def keep(self, _: findings.Proof, name: str, /) -> pathlib.Path | None:
        return self._kept / name if self._kept else None


def proof(
    *, failing: tuple[str, ...] = (), depth: findings.Depth = findings.Depth.BOOT
) -> findings.Proof:
    """Return a proof of five checks, of which some fail."""
    names = ("image", "machine id", "kernel", "agent answers", "no failed unit")
    found = tuple(
        findings.Finding(
            name,
            findings.Depth.REST,
            findings.failed(f"{name} is broken") if name in failing else findings.passed("good"),
        )
        for name in names
    )
    return findings.Proof(
        depth=depth,
        findings=found,
        accelerated=None,
        machine=(),
        ended=datetime.datetime.now(datetime.UTC),
        seconds=((findings.Depth.REST, 1.0),),
    )


PASSING = proof()


def description(
    version: str,
    *,
    fingerprint: str = "f" * 64,
    tag: str = TAG,
    architecture: str = "x86_64",
    further: tuple[tuple[str, str], ...] = (),
) -> naming.Description:
    """Return how an image made from a version of a base image is to appear."""
    built = model.BuildResult(
        image=pathlib.Path("unused"),
        image_format=model.ImageFormat.RAW,
        virtual_size=0,
        size=0,
        sha256="",
        sha512="",
        release=model.Release("ubuntu", "24.04", "noble", "amd64"),
        packages=(),
    )
    base = model.BaseImage(
        id="4d1b",
        content_hash="sha512:abcd",
        product_name="com.ubuntu.cloud.daily:server:24.04:amd64",
        version_name=version,
        os_distro="ubuntu",
        os_version="24.04",
        architecture=architecture,
    )
    return naming.describe(
        built,
        base,
        recipe="amphora",
        kind=recipes.get("amphora").glance,
        fingerprint=fingerprint,
        tag=tag,
        keep=3,
        built_on=datetime.date(2026, 8, 1),
        further=further,
    )


def published(
    connection: cloud.Cloud,
    file: pathlib.Path,
    version: str,
    *,
    gate: publish.Gate | None = None,
    **described: Any,
) -> publish.Published:
    """Publish a file; ``described`` goes into its description, and its proof passes."""
    wanted = description(version, **described)
    same = connection.images(
        [("owner", connection.project_id), (marks.FINGERPRINT, wanted.fingerprint)]
    )
    publication = publish.publish(
        connection,
        file,
        wanted,
        hashes={},
        same_fingerprint={image.id for image in same},
        gate=gate or Gate(PASSING),
        reporter=Silent(),
    )
    return publication.image


class _Marked(plan.Wanted):
    """An image of which only the fingerprint is known."""

    @property
    def fingerprint(self) -> str:
        return self.inputs["mark"]


def planned(
    connection: cloud.Cloud, fingerprint: str, *, tag: str, depth: findings.Depth
) -> plan.Plan:
    """Return what would be done about an image of which only the fingerprint is known."""
    wanted = _Marked(
        model.BaseImage(),
        {"mark": fingerprint},
        tag,
        depth,
        rebuild_on=frozenset((reasons.Choice.RECIPE,)),
    )
    inquiry = upgrades.Inquiry()
    return planner.plan_wanted(
        connection,
        wanted,
        model.BuildRequest("amphora"),
        inquiry,
        cache=None,
        own=promotion.own(connection, tag),
    )


def rotate(
    connection: cloud.Cloud, file: pathlib.Path, version: str, *, tag: str, keep: int
) -> prune.Pruning:
    """Do all that a run does at Glance, if an image of the version is not published yet."""
    publish.tidy(connection, tag)
    fingerprint = hashlib.sha256(version.encode()).hexdigest()
    wanted = planned(connection, fingerprint, tag=tag, depth=findings.Depth.BOOT)
    if wanted.action is reasons.Action.BUILD:
        # Two versions each are made from the same version of a base image.
        name, _, _ = version.partition(".")
        published(connection, file, name, tag=tag, fingerprint=fingerprint)
    return retire(connection, tag, keep)


def retire(connection: cloud.Cloud, tag: str, keep: int) -> prune.Pruning:
    """Hide and delete what newer images have replaced."""
    return prune.retire(connection, promotion.own(connection, tag), keep)


def main() -> None:
    """Do in a process for each line what a run does at Glance, or a rollback."""
    file = pathlib.Path(sys.argv[1])
    connection = cloud.connect("retrofit", region=None, interface=None)
    print("ready", flush=True)
    for line in sys.stdin:
        process = os.fork()
        if process == 0:
            with contextlib.suppress(errors.ProofFailed):
                _do(connection, file, *line.split())
            os._exit(0)
        print(process, flush=True)
        _, status = os.waitpid(process, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _do(connection: cloud.Cloud, file: pathlib.Path, what: str, tag: str, version: str) -> None:
    if what == "rollback":
        rollback.rollback(connection, tag)
        return
    if what == "rotate":
        rotate(connection, file, version, tag=tag, keep=3)
        return
    verdict = PASSING if what == "passed" else proof(failing=("machine id",))
    publish.tidy(connection, tag)
    published(connection, file, version, tag=tag, gate=Gate(verdict, pause=0.1))


if __name__ == "__main__":
    main()
