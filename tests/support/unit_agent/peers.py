"""Remote units: what applications that are related to the unit publish and answer."""

from __future__ import annotations

import dataclasses
from typing import Protocol

from . import state


class Peer(Protocol):
    """A remote application with one unit.

    Attributes:
        application: Its name.
        address: Address of its unit.
    """

    application: str
    address: str

    def answer(self, published: state.Data, /) -> state.Data:
        """Return what its unit publishes, given what our unit has published so far.

        Called after each operation, as the remote unit's own hooks would run then.
        """


@dataclasses.dataclass
class Principal:
    """The application that the subordinate accompanies; it has nothing to say."""

    application: str = "glance-simplestreams-sync"
    address: str = "127.0.0.1"

    def answer(self, _: state.Data) -> state.Data:
        return {}
