"""What Juju keeps of a unit, and what a running hook may change of it."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from typing import Any

Data = dict[str, str]


@dataclasses.dataclass
class Relation:
    """A relation as one of its units sees it.

    Attributes:
        id: Its number in the model.
        endpoint: Name of the charm's endpoint.
        remote_application: What it leads to.
        remote_units: Data of each remote unit that has joined, by name.
        remote_data: Data of the remote application.
        local_unit: What this unit published.
        local_application: What this application published.
    """

    id: int
    endpoint: str
    remote_application: str
    remote_units: dict[str, Data] = dataclasses.field(default_factory=dict)
    remote_data: Data = dataclasses.field(default_factory=dict)
    local_unit: Data = dataclasses.field(default_factory=dict)
    local_application: Data = dataclasses.field(default_factory=dict)

    @property
    def name(self) -> str:
        """The relation as hook tools write it."""
        return f"{self.endpoint}:{self.id}"


@dataclasses.dataclass
class Secret:
    """A secret the unit may read.

    Attributes:
        id: Its URI.
        owner: ``application``, ``unit`` or ``model`` (a user's).
        revisions: Content of each revision that exists, by number.
        tracked: The revision this unit reads; 0 before it read any.
        metadata: Label, description, rotation and expiry, where given.
        grants: Numbers of the relations whose remote side may read it.
    """

    id: str
    owner: str
    revisions: dict[int, Data]
    tracked: int = 0
    metadata: Data = dataclasses.field(default_factory=dict)
    grants: set[int] = dataclasses.field(default_factory=set)


@dataclasses.dataclass
class Committed:
    """What Juju takes over from a hook only when the hook succeeds."""

    relations: dict[int, Relation] = dataclasses.field(default_factory=dict)
    secrets: dict[str, Secret] = dataclasses.field(default_factory=dict)
    store: Data = dataclasses.field(default_factory=dict)
    ports: set[str] = dataclasses.field(default_factory=set)


@dataclasses.dataclass
class Status:
    """A status and its message."""

    status: str = "unknown"
    message: str = ""


@dataclasses.dataclass
class Unit:
    """A unit.

    Attributes:
        name: Its name, such as ``octavia-diskimage-retrofit/0``.
        address: Its address.
        principal: The unit that it accompanies as a subordinate; empty for none.
        leader: Whether it leads its application.
        config: The application's options, defaults included.
        committed: See :class:`Committed`.
        status: Status of the workload; set at once, also by a hook that fails later.
        application_status: Status of the application, likewise.
        version: Version of the workload, likewise.
        resources: Paths of the charm's resources, by name.
    """

    name: str
    address: str
    principal: str = ""
    leader: bool = False
    config: dict[str, Any] = dataclasses.field(default_factory=dict)
    committed: Committed = dataclasses.field(default_factory=Committed)
    status: Status = dataclasses.field(default_factory=Status)
    application_status: Status = dataclasses.field(default_factory=Status)
    version: str = ""
    resources: Data = dataclasses.field(default_factory=dict)

    @property
    def application(self) -> str:
        """Name of the application."""
        return self.name.split("/")[0]

    def addresses(self) -> Data:
        """Return what Juju itself publishes on every relation."""
        return published_addresses(self.address)


def published_addresses(address: str) -> Data:
    """Return what Juju publishes on every relation of a unit at an address."""
    return {
        "egress-subnets": f"{address}/32",
        "ingress-address": address,
        "private-address": address,
    }


@dataclasses.dataclass
class ActionRun:
    """An action on its way.

    Attributes:
        parameters: Its parameters, defaults included.
        report: Called with what the charm reports on the way.
        results: What the charm set so far.
        failure: Why it failed; ``None`` as long as it did not.
    """

    parameters: dict[str, Any]
    report: Callable[[str], None]
    results: dict[str, Any] = dataclasses.field(default_factory=dict)
    failure: str | None = None


@dataclasses.dataclass
class Context:
    """One operation, as its hook tools see it.

    Attributes:
        id: What the hook tools name it by.
        unit: Whose operation it is.
        working: The copy of :attr:`Unit.committed` that the hook changes.
        log: Lines of ``juju-log``, as level and message.
        relation: Number of the relation of a relation hook.
        remote_unit: The remote unit of a relation hook.
        action: Of an action.
    """

    id: str
    unit: Unit
    working: Committed
    log: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    relation: int | None = None
    remote_unit: str = ""
    action: ActionRun | None = None

    @classmethod
    def of(cls, identifier: str, unit: Unit, **details: Any) -> Context:
        """Start an operation on a copy of what is committed."""
        return cls(identifier, unit, copy.deepcopy(unit.committed), **details)

    def commit(self) -> None:
        """Take over what the hook changed."""
        self.unit.committed = self.working
