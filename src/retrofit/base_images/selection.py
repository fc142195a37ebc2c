"""Which base image in Glance to select: a pure choice among those there are."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable

from ..cloud import images
from ..model import architectures
from ..provenance import marks

# In this order; the newest version of the first product that has any is selected. The server image
# comes first because less is left to install than in the minimal one.
_PRODUCTS = (
    "com.ubuntu.cloud.daily:server",
    "com.ubuntu.cloud.daily:minimal",
    "com.ubuntu.cloud:server",
    "com.ubuntu.cloud:minimal",
)


@dataclasses.dataclass(frozen=True)
class Candidate:
    """An operating system that would do.

    Attributes:
        distribution: Such as ``ubuntu``.
        version: Such as ``24.04``.
        series: Such as ``noble``.
        architecture: As Glance spells it, such as ``x86_64``.
    """

    distribution: str
    version: str
    series: str
    architecture: str

    @property
    def products(self) -> tuple[str, ...]:
        """Simplestreams products of it, best first; only Ubuntu has any."""
        if self.distribution != "ubuntu":
            return ()
        architecture = architectures.debian_architecture(self.architecture)
        return tuple(f"{product}:{self.version}:{architecture}" for product in _PRODUCTS)

    def __str__(self) -> str:
        return f"{self.distribution} {self.version} ({self.series}) for {self.architecture}"


@dataclasses.dataclass(frozen=True)
class UntrustedImage:
    """An image that fits and is not used, as its owner is nobody whom we trust.

    Attributes:
        id: Its identifier.
        name: Its name.
        owner: Identifier of its project.
        visibility: Why it is seen: ``shared``, ``community``, …
    """

    id: str
    name: str
    owner: str
    visibility: str


@dataclasses.dataclass(frozen=True)
class Choice:
    """What was chosen among images.

    Attributes:
        image: The newest that may be used, if there is any.
        untrusted: Images of untrusted projects that would be selected otherwise, newest first.
    """

    image: images.Image | None
    untrusted: tuple[UntrustedImage, ...]


def is_result(image: images.Image) -> bool:
    """Tell whether an image is a result of builds, which is no base image."""
    return marks.OWN_TAG in image.tags or marks.FINGERPRINT in image.properties


def newest(found: Iterable[images.Image], *, projects: Collection[str]) -> Choice:
    """Choose the newest among images that are all of what is wanted.

    Args:
        found: The images.
        projects: Identifiers of the projects whose images may be used, beside public ones.
    """
    fitting = [image for image in found if image.status == "active" and not is_result(image)]
    untrusted: list[UntrustedImage] = []
    for image in sorted(fitting, key=_age, reverse=True):
        if is_trusted(image, projects):
            return Choice(image, tuple(untrusted))
        untrusted.append(UntrustedImage(image.id, image.name, image.owner, image.visibility))
    return Choice(None, tuple(untrusted))


def is_trusted(image: images.Image, projects: Collection[str]) -> bool:
    """Tell whether what is in an image may run here.

    Whoever may upload an image may also call it Ubuntu, share it with us, and have it accepted;
    so only public images, which the cloud's administrators make, and those of projects that the
    operator named count. An administrator is shown everybody's.
    """
    return image.visibility == "public" or image.owner in projects


def _age(image: images.Image) -> tuple[str, str]:
    """Order images by version; those of the same version by the time they were made."""
    return image.properties.get("version_name", ""), image.created_at.isoformat()
