"""``retrofit doctor``: checks of this machine, a cloud, its Octavia, and mirrors."""

from __future__ import annotations

import json
import logging
import os
import pathlib
from typing import Any

import rich_click as click

from .. import cloud, errors, model, recipes
from ..definitions import expansion
from ..host import tables
from ..runs import doctor
from . import execution, options

# One of them names a cloud.
_VARIABLES = ("OS_CLOUD", "OS_AUTH_URL")


@click.command("doctor")
@click.option(
    "--only",
    "subjects",
    metavar="SUBJECT",
    multiple=True,
    type=options.one_of(doctor.Subject),
    help="Check only this: machine, access, images, octavia, mirrors or image-files.",
)
@options.definitions()
@click.option("--mirror", "mirrors", metavar="URL", multiple=True, help="Archive to check.")
@click.option(
    "--series",
    metavar="NAME",
    default="",
    help="Series to look for in --mirror. [default: the newest LTS]",
)
@click.option(
    "--image-files",
    metavar="DIR",
    default="",
    help="Image file to check, a directory of image files, or git's URL@COMMIT:FOLDER.",
)
@click.option(
    "--image-mirror",
    metavar="TARGET",
    default="",
    help="Mirror of images to check: a directory, or s3://BUCKET/PREFIX.",
)
@click.option(
    "--amp-image-tag",
    metavar="TAG",
    help="Tag by which Octavia finds the image. [default: that of the definitions, or "
    f"{recipes.DEFAULT_TAG}]",
)
@options.where
@options.ca_certificate
@options.work_dir
@options.as_json("the findings")
@options.debug
def command(
    *,
    subjects: tuple[str, ...],
    definitions: pathlib.Path | None,
    mirrors: tuple[str, ...],
    series: str,
    image_files: str,
    image_mirror: str,
    amp_image_tag: str | None,
    where: cloud.Options,
    ca_certificate: pathlib.Path | None,
    work_dir: pathlib.Path | None,
    as_json: bool,
    debug: bool,
) -> None:
    """Check this machine, a cloud and mirrors.

    The command prints a line for each check: what it found, and what to do if it failed. It
    changes nothing. If a check fails, the exit code is 8.
    """
    execution.start_logging(debug=debug)
    images = expansion.read(definitions) if definitions else ()
    access = options.access(ca_certificate)
    tags = tuple(image.tag for image in images if image.run.recipe == recipes.DEFAULT)
    patient = doctor.Patient(
        cloud=_cloud(where, images),
        tags=(amp_image_tag,) if amp_image_tag else tags or (recipes.DEFAULT_TAG,),
        formats={str(image.run.image_format) for image in images} or {"qcow2"},
        mirrors=(
            *map(doctor.mirror_of, images),
            *(
                doctor.Mirror(model.Archives(mirror=url), doctor.release_of(series), access)
                for url in mirrors
            ),
        ),
        image_files=doctor.ImageFiles(image_files, image_mirror, access)
        if image_files or image_mirror
        else None,
        work_base=work_dir or next((image.request.work_base for image in images), None),
        cache=next((image.request.cache for image in images), None),
    )
    chosen = [doctor.Subject(subject) for subject in subjects]
    if doctor.Subject.IMAGE_FILES in chosen and patient.image_files is None:
        raise click.UsageError("--only image-files needs --image-files or --image-mirror.")
    # What libraries warn of is what the findings say.
    logging.disable(logging.NOTSET if debug else logging.WARNING)
    try:
        result = doctor.examine(patient, chosen or tuple(doctor.Subject))
    finally:
        logging.disable(logging.NOTSET)
    click.echo(json.dumps(_as_json(result), indent=2) if as_json else _table(result))
    if result.failed:
        names = ", ".join(found.check for found in result.failed)
        raise errors.ChecksFailed(
            f"{len(result.failed)} of {len(result.findings)} checks failed: {names}",
            hint="docs/reference/doctor.md describes them",
        )


def _cloud(where: cloud.Options, images: tuple[expansion.Image, ...]) -> cloud.Options | None:
    """Return the cloud that is meant: that of the options and variables, or of the definitions."""
    named = any(os.environ.get(name) for name in _VARIABLES)
    if where.name or named:
        return where
    defined = {image.request.cloud for image in images if image.request.cloud.name}
    if len(defined) > 1:
        raise errors.UsageError(
            "the definitions name several clouds", hint="choose one of them: --os-cloud"
        )
    return next(iter(defined), None)


def _as_json(result: doctor.Result) -> dict[str, Any]:
    return {
        "ok": not result.failed,
        "findings": [
            {
                "subject": str(subject),
                "check": found.check,
                "outcome": str(found.outcome),
                "found": found.found,
                "advice": found.advice,
            }
            for subject, found in result.findings
        ],
    }


def _table(result: doctor.Result) -> str:
    rows = [
        (str(subject), found.check, str(found.outcome), str(found))
        for subject, found in result.findings
    ]
    return "\n".join(tables.lines(rows))
