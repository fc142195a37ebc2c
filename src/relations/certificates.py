"""The relation to whoever signs the cloud's certificates: only its authority is of interest."""

from __future__ import annotations

import ops

_ENDPOINT = "certificates"


class Certificates:
    """Reads the certification authority of the ``tls-certificates`` interface.

    The provider publishes ``ca``, and ``chain`` where it is an intermediate one, to every related
    unit. This charm serves nothing over TLS, so it requests no certificate.
    """

    def __init__(self, charm: ops.CharmBase) -> None:
        self._charm = charm

    def authority(self) -> str:
        """Return the authority and its chain as PEM text, or nothing if there is none."""
        for relation in self._charm.model.relations[_ENDPOINT]:
            for unit in sorted(relation.units, key=lambda unit: unit.name):
                data = relation.data[unit]
                parts = [data.get("ca", "").strip(), data.get("chain", "").strip()]
                if parts[0]:
                    return "".join(f"{part}\n" for part in dict.fromkeys(parts) if part)
        return ""

    def problem(self) -> ops.StatusBase | None:
        """Return what keeps the relation from being of use, if it is there at all."""
        if self._charm.model.relations[_ENDPOINT] and not self.authority():
            return ops.WaitingStatus(f"waiting for an authority on {_ENDPOINT}")
        return None
