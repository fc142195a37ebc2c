"""Which base image in Glance to take: a pure choice among those there are."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from .. import images, naming

# In this order; the newest version of the first product that has any is taken. The server image
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
        architecture = naming.debian_architecture(self.architecture)
        return tuple(f"{product}:{self.version}:{architecture}" for product in _PRODUCTS)

    def __str__(self) -> str:
        return f"{self.distribution} {self.version} ({self.series}) for {self.architecture}"


def newest_of_product(
    candidate: Candidate, found: Iterable[images.Image], *, project_id: str
) -> images.Image | None:
    """Return the newest image of a candidate's best product."""
    usable = [image for image in found if _is_usable(image, project_id)]
    for product in candidate.products:
        versions = [i for i in usable if i.properties.get("product_name") == product]
        if versions:
            return max(versions, key=_age)
    return None


def newest_of_system(
    candidate: Candidate, found: Iterable[images.Image], *, project_id: str
) -> images.Image | None:
    """Return the newest image that says it holds a candidate, where no product names exist."""
    matching = [
        image
        for image in found
        if _is_usable(image, project_id)
        and image.properties.get("os_distro", "").lower() == candidate.distribution
        and image.properties.get("os_version") in (candidate.version, candidate.series)
        and image.properties.get("architecture") == candidate.architecture
    ]
    return max(matching, key=_age, default=None)


def _is_usable(image: images.Image, project_id: str) -> bool:
    """Tell whether an image may be chosen without being named.

    An administrator is shown everybody's images. Whoever may upload one may also call it Ubuntu,
    so only public images, which the cloud's administrators make, and the project's own count; and
    our own results are no base images.
    """
    return (
        image.status == "active"
        and (image.visibility == "public" or image.owner == project_id)
        and naming.OWN_TAG not in image.tags
        and naming.FINGERPRINT not in image.properties
    )


def _age(image: images.Image) -> tuple[str, str]:
    """Order images by version; those of the same version by the time they were made."""
    return image.properties.get("version_name", ""), image.created_at.isoformat()
