"""The relation to glance, which may stand in for the catalog's image endpoint."""

from __future__ import annotations

import ops

from relations import endpoints

_ENDPOINT = "image-service"


class ImageService:
    """Reads the endpoint that glance publishes on the ``glance`` interface."""

    def __init__(self, charm: ops.CharmBase) -> None:
        self._charm = charm

    def endpoint(self) -> str:
        """Return glance's URL, or nothing where the catalog is to be asked."""
        for relation in self._charm.model.relations[_ENDPOINT]:
            for unit in sorted(relation.units, key=lambda unit: unit.name):
                data = relation.data[unit]
                # Releases of glance's charm before glance-api-ready never say "no".
                if data.get("glance-api-ready", "yes") == "yes" and data.get("glance-api-server"):
                    return data["glance-api-server"]
        return ""

    def problem(self) -> ops.StatusBase | None:
        """Return what keeps the relation from being of use, if it is there at all."""
        if self._charm.model.relations[_ENDPOINT] and not self.endpoint():
            return ops.WaitingStatus(f"waiting for glance to be ready on {_ENDPOINT}")
        if self.endpoint() and not endpoints.is_url(self.endpoint()):
            return ops.BlockedStatus(
                f"wrong data of the relation {_ENDPOINT}: glance-api-server is not a URL: "
                f"{self.endpoint()}"
            )
        return None
