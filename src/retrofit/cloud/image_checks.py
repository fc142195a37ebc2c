"""What a cloud's image service accepts: what ``retrofit doctor`` asks of Glance."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from typing import Any

from .. import errors
from ..model import diagnosis
from . import access, service

_NEEDS = ("image-service",)


def checks(
    reached: access.Access, formats: Collection[str] = ("qcow2",)
) -> tuple[diagnosis.Check, ...]:
    """Return the checks, which need those of the access.

    Args:
        reached: The access to the cloud.
        formats: Disk formats of the images that are to be published.
    """
    glance = _Glance(reached)
    return (
        diagnosis.Check("image-formats", lambda: glance.formats(formats), _NEEDS),
        diagnosis.Check("image-imports", glance.imports, _NEEDS),
        diagnosis.Check("image-quota", glance.quota, _NEEDS),
    )


@dataclasses.dataclass(frozen=True)
class _Glance:
    """The image service.

    Attributes:
        reached: The access to the cloud.
    """

    reached: access.Access

    def formats(self, wanted: Collection[str]) -> str:
        """Ask which disk formats it accepts."""
        schema = self._ask("/schemas/image", "ask which formats it accepts")
        accepted = [str(each) for each in schema["properties"]["disk_format"]["enum"] if each]
        told = ", ".join(accepted)
        refused = sorted(set(wanted).difference(accepted))
        if refused:
            raise errors.ConfigError(
                f"Glance accepts no {' or '.join(refused)} image: it accepts {told}",
                hint="set image-format to one of these, or Glance's option disk_formats",
            )
        return f"Glance accepts {told}"

    def imports(self) -> str:
        """Ask how it imports. Whether it converts what it imports, no request tells."""
        try:
            answer = self._ask("/info/import", "ask how it imports images")
        except errors.InputMissing:
            raise diagnosis.NotChecked("this Glance is older than imports") from None
        methods = answer["import-methods"]["value"]
        if not methods:
            return "Glance imports nothing: images are uploaded"
        return f"Glance imports by {', '.join(methods)}; it does not tell whether it converts them"

    def quota(self) -> str:
        """Ask for the limits of the project, and how much of each is used."""
        try:
            usage = self._ask("/info/usage", "ask for the quota")["usage"]
        except errors.InputMissing:
            usage = {}
        if not usage:
            raise diagnosis.NotChecked("Glance has no unified limits, and tells no other quota")
        told = ", ".join(_used(name, each) for name, each in sorted(usage.items()))
        full = [name for name, each in usage.items() if 0 <= each["limit"] <= each["usage"]]
        if full:
            raise errors.NoSpace(
                f"the quota is used up: {told}",
                hint="delete images (retrofit prune), or increase the project's limits",
            )
        return told

    def _ask(self, path: str, what: str) -> Any:
        images = service.Service(self.reached.images)
        return images.once("GET", path, what, timeout=access.TIMEOUT_S).json()


def _used(name: str, usage: Mapping[str, int]) -> str:
    limit = usage["limit"]
    # Keystone's limits of sizes are in MiB.
    unit = " MiB" if "size" in name or "stage" in name else ""
    return f"{name} {usage['usage']} of {'any' if limit < 0 else limit}{unit}"
