"""``retrofit verify``: prove that an image works."""

from __future__ import annotations

import json
import pathlib

import rich_click as click

from .. import cloud, errors, recipes
from ..base_images import files, glance, origins
from ..definitions import keys, run_definition
from ..host import tables
from ..model import architectures, findings
from ..proof import own_checks, subject
from ..runs import verify
from . import execution, options, reporting


@click.command("verify")
@click.argument("image", metavar="IMAGE")
@click.option(
    "--depth",
    type=click.Choice(["rest", "boot", "traffic"]),
    default="boot",
    show_default=True,
    help="Depth of the proof; each depth includes the previous ones.",
    panel="Proof",
)
@click.option(
    "--recipe",
    default=recipes.DEFAULT,
    show_default=True,
    help="Recipe of the image.",
    panel="Proof",
)
@options.firmware
@options.own_checks
@options.flavor_disk
@click.option(
    "--architecture",
    metavar="NAME",
    help="Architecture that the image must have, such as x86_64.",
    panel="Proof",
)
@click.option(
    "--boot-timeout",
    metavar="SECONDS",
    type=click.FloatRange(min=1),
    help="Time limit for a machine to answer. [default: 300; 1500 without KVM]",
    panel="Proof",
)
@click.option(
    "--property",
    "properties",
    metavar="NAME=VALUE",
    multiple=True,
    help="Start machines as for an image with this property in Glance.",
    panel="Proof",
)
@options.source_projects
@options.evidence
@options.work_dir
@options.where
@options.as_json("all checks")
@options.debug
def command(
    *,
    image: str,
    depth: str,
    recipe: str,
    firmware: tuple[str, ...],
    check_scripts: tuple[pathlib.Path, ...],
    flavor_disk: str,
    architecture: str | None,
    boot_timeout: float | None,
    properties: tuple[str, ...],
    source_projects: tuple[str, ...],
    evidence: pathlib.Path | None,
    work_dir: pathlib.Path | None,
    where: cloud.Options,
    as_json: bool,
    debug: bool,
) -> None:
    """Prove that an image works.

    IMAGE is a file, or glance:ID for an image in Glance. The command changes neither the image nor
    Glance. docs/reference/proof.md lists the checks.
    """
    execution.start_logging(debug=debug)
    request = verify.VerifyRequest(
        source=_source(image, source_projects),
        recipe=recipe,
        depth=findings.Depth(depth),
        expected=subject.Expected(
            architecture=architectures.debian_architecture(architecture or ""),
            flavor_disk=keys.size(flavor_disk),
        ),
        cloud=where,
        evidence=evidence,
        boot_timeout_s=boot_timeout,
        properties=tuple(options.pairs("--property", properties).items()),
        own=own_checks.listed(own_checks.read(check_scripts)),
        firmwares=tuple(findings.Firmware(word) for word in dict.fromkeys(firmware)),
        work_base=work_dir,
    )
    with reporting.reporter() as reporter:
        proof = verify.verify(request, reporter)
    click.echo(json.dumps(findings.as_json(proof), indent=2) if as_json else _table(proof))
    if not proof.passed:
        first = proof.failures[0]
        raise errors.ProofFailed(
            f"{image} fails {len(proof.failures)} of {len(proof.findings)} checks; "
            f"the first is “{first.check}”: {first.verdict.evidence}"
        )


def _source(image: str, projects: tuple[str, ...]) -> origins.Source:
    """Return the file, or the image in Glance.

    Args:
        image: What was named.
        projects: Whose images are trusted.

    Raises:
        errors.UsageError: No image is named.
    """
    prefix = run_definition.GLANCE_PREFIX
    if not image.startswith(prefix):
        return files.Wanted(pathlib.Path(image))
    if image == prefix:
        raise errors.UsageError("glance: needs the ID of an image", hint="write glance:ID")
    return glance.Wanted(image_id=image.removeprefix(prefix), projects=projects)


def _table(proof: findings.Proof) -> str:
    """Return a line for each check, one about the machine, and one that sums them up."""
    lines = tables.lines([_row(finding) for finding in proof.findings])
    if proof.machine:
        lines.append("machine: " + ", ".join(f"{word} {value}" for word, value in proof.machine))
    spent = ", ".join(f"{depth} {seconds:.0f} s" for depth, seconds in proof.seconds)
    return "\n".join([*lines, f"{findings.summary(proof)} ({spent})"])


def _row(finding: findings.Finding) -> tuple[str, str, str, str]:
    verdict = finding.verdict
    return finding.depth.value, finding.check, verdict.outcome.value, verdict.evidence
