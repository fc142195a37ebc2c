"""``retrofit show``: what an image in Glance is, and what it was built from."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Iterable
from typing import Any

import rich_click as click

from .. import cloud, errors, model
from ..host import tables
from ..provenance import description, marks, sbom
from . import execution, images, options


@click.command("show")
@click.argument("image", metavar="ID", type=click.UUID)
@options.where
@click.option(
    "--json", "as_json", is_flag=True, help="Print everything as JSON, including the packages."
)
@click.option("--sbom", "as_sbom", is_flag=True, help="Print a CycloneDX SBOM.")
@options.debug
def command(
    *,
    image: uuid.UUID,
    where: cloud.Options,
    as_json: bool,
    as_sbom: bool,
    debug: bool,
) -> None:
    """Show what an image in Glance was built from.

    ID is the image. The command also shows how the image was proved.
    """
    execution.start_logging(debug=debug)
    if as_json and as_sbom:
        raise errors.UsageError("--json and --sbom exclude each other", hint="use one of them")
    (record,) = records([image], where)
    if as_sbom:
        click.echo(sbom.of_glance(record))
        return
    click.echo(json.dumps(_as_json(record), indent=2) if as_json else _table(record))


def records(images: Iterable[uuid.UUID], where: cloud.Options) -> list[description.Record]:
    """Return what images in Glance say of themselves.

    Raises:
        errors.InputMissing: An image does not exist.
        errors.ImageError: One does not say what it was built from.
        errors.RetrofitError: The cloud cannot be used.
    """
    with contextlib.ExitStack() as held:
        connection = cloud.connector(where, held)()
        return [description.read(connection.image(str(image))) for image in images]


def package_as_json(package: model.Package) -> dict[str, Any]:
    """Return a package in JSON's types."""
    return {
        "name": package.name,
        "version": package.version,
        "architecture": package.architecture,
        "security": package.security,
    }


def _as_json(record: description.Record) -> dict[str, Any]:
    image = record.image
    known = image.properties
    return {
        "id": image.id,
        "name": image.name,
        "status": image.status,
        "visibility": image.visibility,
        "owner": image.owner,
        "tags": sorted(image.tags),
        "size": image.size,
        "content-hash": image.content_hash,
        "created-at": image.created_at.isoformat(),
        "state": known.get(marks.STATE, ""),
        "proof": images.proof_as_json(record.image),
        "fingerprint": known.get(marks.FINGERPRINT, ""),
        "provenance": record.provenance.model_dump(mode="json", by_alias=True),
        "packages": [package_as_json(package) for package in record.packages],
    }


def _table(record: description.Record) -> str:
    """Return the image for a person, a line for each thing to know."""
    image, origin = record.image, record.provenance
    base, system = origin.base, origin.system
    proof = images.proof_as_json(record.image)
    releases = ", ".join(f"{name} {version}" for name, version in origin.releases.items())
    marked = sum(package.security for package in record.packages)
    rows = [
        ("image", f"{image.id} {image.name}"),
        ("status", ", ".join((image.status, image.visibility, *sorted(image.tags)))),
        ("state", image.properties.get(marks.STATE, "")),
        ("proof", " ".join(filter(None, proof.values())) or "none"),
        ("made", f"{origin.built:%Y-%m-%d %H:%M} UTC"),
        ("hash", image.content_hash),
        ("base", f"{base.name} {base.id}"),
        ("base hash", base.hash),
        ("product", f"{base.product} {base.version}"),
        ("system", f"{system.distribution} {system.version} {system.architecture}"),
        ("recipe", f"{origin.recipe}, retrofit {origin.engine}, {releases}"),
        ("elements", " ".join(origin.elements)),
        *_options(origin.options),
        ("fingerprint", image.properties.get(marks.FINGERPRINT, "")),
        ("packages", f"{len(record.packages)}, {marked} of them security updates"),
    ]
    return "\n".join(tables.lines([row for row in rows if row[1].strip()]))


def _options(given: description.Options) -> list[tuple[str, str]]:
    """Return a row for each option that was given."""
    return [
        (name, " ".join(value) if isinstance(value, list) else str(value))
        for name, value in given.model_dump(
            mode="json", by_alias=True, exclude_defaults=True
        ).items()
    ]
