"""An image's software bill of materials in the form of CycloneDX 1.6 (ECMA-424).

Everything in it comes from the image, so the same image always has the same bill.
"""

from __future__ import annotations

import dataclasses
import re
import uuid
from collections.abc import Iterable

import packageurl
from cyclonedx import output, schema
from cyclonedx.model import HashAlgorithm, HashType, Property, bom, component, tool

from .. import model
from ..model import releases
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


@dataclasses.dataclass(frozen=True)
class Subject:
    """The image that a bill is of.

    Attributes:
        name: Its name in Glance, or of the file.
        content_hash: Algorithm and hexadecimal digest of its content.
        glance_id: Its identifier in Glance; empty for a file.
    """

    name: str
    content_hash: str
    glance_id: str = ""

    @property
    def urn(self) -> str:
        """What tells it from all others."""
        place = f"glance:{self.glance_id}" if self.glance_id else "file"
        return f"urn:{place}:{self.content_hash}"


def of_glance(record: description.Record) -> str:
    """Return the bill of an image in Glance; see :func:`document`."""
    image = record.image
    subject = Subject(image.name, image.content_hash, image.id)
    return document(subject, record.provenance, record.packages)


def document(
    image: Subject, origin: description.Provenance, packages: Iterable[model.Package]
) -> str:
    """Return the bill of an image as JSON text.

    The image is what the bill describes, and the base image is its ancestor; packages are named by
    package URLs of type ``deb`` or ``rpm`` (https://github.com/package-url/purl-spec).

    Args:
        image: The image.
        origin: What it was made of.
        packages: What is installed in it.
    """
    main = _image(image, origin)
    bill = bom.Bom(
        serial_number=uuid.uuid5(_SPACE, image.urn),
        metadata=bom.BomMetaData(
            component=main,
            timestamp=origin.built,
            tools=tool.ToolRepository(components=[_engine(origin.engine)]),
        ),
        components=[_package(package, origin.system) for package in packages],
    )
    bill.register_dependency(main, bill.components)
    made = output.make_outputter(bill, schema.OutputFormat.JSON, schema.SchemaVersion.V1_6)
    return made.output_as_string(indent=2)


def _engine(version: str) -> component.Component:
    """Return the component for this project, which made the image."""
    return component.Component(
        name=_PROJECT, version=version, type=component.ComponentType.APPLICATION
    )


def _image(image: Subject, origin: description.Provenance) -> component.Component:
    """Return the component for the image, with its base image in its pedigree."""
    base = origin.base
    known = {"retrofit:recipe": origin.recipe, "retrofit:glance-id": image.glance_id}
    known |= {f"retrofit:source:{name}": at for name, at in origin.options.sources.items()}
    ancestor = component.Component(
        name=base.name or "base image",
        version=base.version or None,
        type=component.ComponentType.OPERATING_SYSTEM,
        bom_ref="base-image",
        hashes=_hashes(base.hash),
    )
    return component.Component(
        name=image.name,
        version=origin.built.strftime("%Y%m%dT%H%M%SZ"),
        type=component.ComponentType.OPERATING_SYSTEM,
        bom_ref=f"image:{image.glance_id or image.content_hash}",
        hashes=_hashes(image.content_hash),
        pedigree=component.Pedigree(ancestors=[ancestor]),
        properties=[Property(name=name, value=value) for name, value in known.items() if value],
    )


def _package(package: model.Package, system: description.System) -> component.Component:
    """Return the component for a package."""
    epoch, _, version = package.version.rpartition(":")
    rpm = system.distribution in releases.RED_HAT
    purl = packageurl.PackageURL(
        type="rpm" if rpm else "deb",
        namespace=system.distribution,
        name=package.name,
        version=version if rpm else package.version,
        qualifiers={
            "arch": package.architecture,
            "distro": f"{system.distribution}-{system.version}",
            **({"epoch": epoch} if rpm and epoch else {}),
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
