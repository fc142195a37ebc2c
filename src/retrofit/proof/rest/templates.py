"""Templates of units, which a service completes when it needs them."""

from __future__ import annotations

import dataclasses

from ...host import rootfs
from .. import subject
from . import reading

_PACKAGED = "/usr/lib/python3/dist-packages"


@dataclasses.dataclass(frozen=True)
class Template:
    """Where a template is.

    Attributes:
        path: Its path below the directory of Python packages.
        environment: Virtual environment that the service is in if it came from no package.
    """

    path: str
    environment: str

    def read(self, image: subject.Subject) -> str | None:
        """Return its text, ``None`` if the image does not have it."""
        versions = rootfs.entries(image.tree, f"{self.environment}/lib")
        places = [_PACKAGED, *(f"{version}/site-packages" for version in versions)]
        texts = (reading.text(image.tree, f"{place}/{self.path}") for place in places)
        return next((text for text in texts if text is not None), None)
