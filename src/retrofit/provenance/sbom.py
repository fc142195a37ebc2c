"""An image's software bill of materials in the form of CycloneDX 1.6 (ECMA-424).

Everything in it comes from the image, so the same image always has the same bill.
"""

from __future__ import annotations

import re
import uuid

import packageurl
from cyclonedx import output, schema
from cyclonedx.model import HashAlgorithm, HashType, Property, bom, component, tool

from .. import model
from . import description

_PROJECT = "octavia-diskimage-retrofit"
# Bills get version 5 UUIDs in this space, the URL form of RFC 4122.
_SPACE = uuid.NAMESPACE_URL
# Algorithms as Glance and hashlib call them.
_ALGORITHMS = {
    "md5": HashAlgorithm.MD5,
    "sha256": HashAlgorithm.SHA_256,
    "sha384": HashAlgorithm.SHA_384,
    "sha512": HashAlgorithm.SHA_512,
}
_DIGEST = re.compile("[0-9a-f]{32}|[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128}")
# Names of our own properties; CycloneDX wants a colon after who defines them.
_SECURITY = "retrofit:security"


def document(record: description.Record) -> str:
    """Return the bill of an image as JSON text.

    The image is what the bill describes, and the base image is its ancestor; packages are named by
    package URLs of type ``deb`` (https://github.com/package-url/purl-spec).
    """
    image, origin = record.image, record.provenance
    main = _image(record)
    bill = bom.Bom(
        serial_number=uuid.uuid5(_SPACE, f"urn:glance:{image.id}:{image.content_hash}"),
        metadata=bom.BomMetaData(
            component=main,
            timestamp=origin.built,
            tools=tool.ToolRepository(components=[_engine(origin.engine)]),
        ),
        components=[_package(package, origin.system) for package in record.packages],
    )
    bill.register_dependency(main, bill.components)
    made = output.make_outputter(bill, schema.OutputFormat.JSON, schema.SchemaVersion.V1_6)
    return made.output_as_string(indent=2)


def _engine(version: str) -> component.Component:
    """Return the component for this project, which made the image."""
    return component.Component(
        name=_PROJECT, version=version, type=component.ComponentType.APPLICATION
    )


def _image(record: description.Record) -> component.Component:
    """Return the component for the image, with its base image in its pedigree."""
    image, base = record.image, record.provenance.base
    ancestor = component.Component(
        name=base.name or "base image",
        version=base.version or None,
        type=component.ComponentType.OPERATING_SYSTEM,
        bom_ref="base-image",
        hashes=_hashes(base.hash),
    )
    return component.Component(
        name=image.name,
        version=record.provenance.built.strftime("%Y%m%dT%H%M%SZ"),
        type=component.ComponentType.OPERATING_SYSTEM,
        bom_ref=f"image:{image.id}",
        hashes=_hashes(image.content_hash),
        pedigree=component.Pedigree(ancestors=[ancestor]),
        properties=[
            Property(name="retrofit:recipe", value=record.provenance.recipe),
            Property(name="retrofit:glance-id", value=image.id),
        ],
    )


def _package(package: model.Package, system: description.System) -> component.Component:
    """Return the component for a package."""
    purl = packageurl.PackageURL(
        type="deb",
        namespace=system.distribution,
        name=package.name,
        version=package.version,
        qualifiers={
            "arch": package.architecture,
            "distro": f"{system.distribution}-{system.version}",
        },
    )
    return component.Component(
        name=package.name,
        version=package.version,
        type=component.ComponentType.LIBRARY,
        bom_ref=purl.to_string(),
        purl=purl,
        properties=[Property(name=_SECURITY, value="true")] if package.security else (),
    )


def _hashes(content_hash: str) -> list[HashType]:
    """Return a hash as CycloneDX has it; nothing for one that it has no name for."""
    name, _, digest = content_hash.partition(":")
    if name not in _ALGORITHMS or _DIGEST.fullmatch(digest) is None:
        return []
    return [HashType(alg=_ALGORITHMS[name], content=digest)]
