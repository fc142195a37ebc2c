"""A unit agent: runs a packed charm in a container as Juju would, one operation at a time."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import itertools
import pathlib
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from . import container as container_module
from .unit_agent import charm, machine, operations, peers, state


@dataclasses.dataclass(frozen=True)
class ActionResult:
    """How an action ended: ``completed`` or ``failed``, with what the charm set and said."""

    status: str
    message: str
    results: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class _Event:
    """A hook that waits for its turn."""

    hook: str
    relation: int | None = None
    remote_unit: str = ""
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)


class Agent:
    """The agent of one unit.

    Args:
        container: The unit's machine.
        packed: The charm.
        logs: Directory that receives a log of each operation.
        principal: The unit that it accompanies, as a subordinate; empty for none.
        application: Name of the application; empty for the charm's.
        number: Number of the unit.
        turn: The machine's lock, if other units run there.
    """

    def __init__(
        self,
        container: container_module.Container,
        packed: charm.PackedCharm,
        *,
        logs: pathlib.Path,
        principal: str = "",
        application: str = "",
        number: int = 0,
        turn: threading.Lock | None = None,
    ) -> None:
        name = f"{application or packed.metadata['name']}/{number}"
        self.packed = packed
        self.machine = machine.Machine(container, name, logs)
        self.unit = state.Unit(name, self.machine.address(), principal)
        self.logs = logs
        self._peers: dict[int, peers.Peer] = {}
        self._relation_numbers = itertools.count()
        self._operation_numbers = itertools.count(1)
        self._given_options: dict[str, Any] = {}
        self._events: collections.deque[_Event] = collections.deque()
        self._operations = operations.Operations(self.unit, self.machine, self._run_queued, turn)

    @property
    def hook_tools(self) -> int:
        """How many hook tools the last operation has run."""
        return self._operations.hook_tools

    # Life of the unit.

    def deploy(self, *, leader: bool = True, options: Mapping[str, Any] | None = None) -> None:
        """Install the charm and bring the unit up."""
        self.machine.install_tools(operations.TOOLS)
        self.machine.unpack(self.packed)
        self._given_options = dict(options or {})
        with self._operations.turn():
            self.unit.config = self.packed.options(self._given_options)
            self.unit.leader = leader
            self._queue("install")
            self._queue_relations("created")
            self._queue("leader-elected" if leader else "leader-settings-changed")
            self._queue("config-changed")
            self._queue("start")
            for number in list(self._peers):
                self._queue_join(number)

    def upgrade(self, packed: charm.PackedCharm) -> None:
        """Replace the charm by another revision of it."""
        with self._operations.turn():
            self.packed = packed
            self.machine.unpack(packed)
            self.unit.config = packed.options(self._given_options)
            self._queue("upgrade-charm")
            self._queue("config-changed")

    def restart(self) -> None:
        """Cut the machine's power, and run the hook that Juju runs when it is up again."""
        with self._operations.turn():
            self.machine.container.restart()
            self._queue("start")

    def remove(self) -> None:
        """Take the unit away: relations first, then ``stop`` and ``remove``."""
        for number in list(self._peers):
            self._unrelate(number)
        with self._operations.turn():
            self._queue("stop")
            self._queue("remove")
        self.machine.clear()

    def configure(self, **options: Any) -> None:
        """Set options; underscores in names stand for hyphens, ``None`` resets to the default."""
        changes = {name.replace("_", "-"): value for name, value in options.items()}
        given = {
            name: value
            for name, value in (self._given_options | changes).items()
            if value is not None
        }
        complete = self.packed.options(given)
        with self._operations.turn():
            self._given_options, self.unit.config = given, complete
            self._queue("config-changed")

    def set_leader(self, leader: bool) -> None:
        """Give the unit the leadership of its application, or take it away."""
        with self._operations.turn():
            self.unit.leader = leader
            self._queue("leader-elected" if leader else "leader-settings-changed")

    def update_status(self) -> None:
        """Run the hook that Juju runs every few minutes."""
        with self._operations.turn():
            self._queue("update-status")

    # Relations.

    def relate(self, endpoint: str, peer: peers.Peer) -> int:
        """Relate an endpoint, and return the relation's number.

        Before :meth:`deploy` this only records the relation, as a subordinate has one from the
        start.
        """
        number = next(self._relation_numbers)
        with self._operations.turn():
            relation = state.Relation(number, endpoint, peer.application)
            relation.local_unit |= self.unit.addresses()
            self.unit.committed.relations[number] = relation
            self._peers[number] = peer
        if self.machine.has_charm():
            with self._operations.turn():
                self._queue(f"{endpoint}-relation-created", number)
                self._queue_join(number)
        return number

    def unrelate(self, endpoint: str) -> None:
        """Take all relations of an endpoint away."""
        for number, relation in list(self.unit.committed.relations.items()):
            if relation.endpoint == endpoint:
                self._unrelate(number)

    def _unrelate(self, number: int) -> None:
        with self._operations.turn():
            relation = self.unit.committed.relations[number]
            self._peers.pop(number)
            for unit in list(relation.remote_units):
                self._queue(
                    f"{relation.endpoint}-relation-departed",
                    number,
                    unit,
                    {"JUJU_DEPARTING_UNIT": unit},
                )
            self._queue(f"{relation.endpoint}-relation-broken", number)

    # Actions and commands.

    def run_action(
        self,
        action: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        report: Callable[[str], None] = lambda _: None,
    ) -> ActionResult:
        """Run an action to its end.

        Args:
            action: Its name.
            parameters: Its parameters.
            report: Called with each message of progress.

        Raises:
            charm.Rejected: The parameters do not fit actions.yaml.
        """
        run = state.ActionRun(self.packed.parameters(action, parameters or {}), report)
        identifier = str(next(self._operation_numbers))
        environment = {
            "JUJU_ACTION_NAME": action,
            "JUJU_ACTION_UUID": identifier,
            "JUJU_ACTION_TAG": f"action-{identifier}",
        }
        with self._operations.turn():
            context = self._operations.start(f"actions/{action}", action=run)
            code = self._operations.dispatch(context, f"actions/{action}", environment)
            if code != 0:
                return ActionResult("failed", f"exit status {code}", {})
        status = "completed" if run.failure is None else "failed"
        return ActionResult(status, run.failure or "", run.results)

    # The inside.

    @contextlib.contextmanager
    def serving(self) -> Iterator[Agent]:
        """Answer the unit's hook tools until the end of the block."""
        with self._operations.serving():
            yield self

    def _run_queued(self) -> None:
        """Run all hooks that wait, and those that they cause; one that fails drops the rest."""
        try:
            self._ask_peers()
            while self._events:
                self._run_hook(self._events.popleft())
                self._ask_peers()
        finally:
            self._events.clear()

    def _queue(
        self,
        hook: str,
        relation: int | None = None,
        remote_unit: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._events.append(_Event(hook, relation, remote_unit, environment or {}))

    def _queue_relations(self, what: str) -> None:
        for number, relation in self.unit.committed.relations.items():
            self._queue(f"{relation.endpoint}-relation-{what}", number)

    def _queue_join(self, number: int) -> None:
        relation = self.unit.committed.relations[number]
        unit = f"{relation.remote_application}/0"
        relation.remote_units[unit] = state.published_addresses(self._peers[number].address)
        self._queue(f"{relation.endpoint}-relation-joined", number, unit)
        self._queue(f"{relation.endpoint}-relation-changed", number, unit)

    def _ask_peers(self) -> None:
        """Let remote units react to what was published, and queue what that causes."""
        for number, peer in self._peers.items():
            relation = self.unit.committed.relations[number]
            for unit, data in relation.remote_units.items():
                answer = peer.answer(dict(relation.local_unit))
                if answer.items() <= data.items():
                    continue
                data |= answer
                event = _Event(f"{relation.endpoint}-relation-changed", number, unit)
                if event not in self._events:
                    self._events.append(event)

    def _run_hook(self, event: _Event) -> None:
        """Run one hook, and commit what it did if it succeeds."""
        if event.hook.endswith("-relation-departed") and event.relation is not None:
            del self.unit.committed.relations[event.relation].remote_units[event.remote_unit]
        context = self._operations.start(
            event.hook, relation=event.relation, remote_unit=event.remote_unit
        )
        code = self._operations.dispatch(context, f"hooks/{event.hook}", event.environment)
        if code != 0:
            raise operations.HookFailed(
                f"hook {event.hook} failed with status {code}; see {self.logs}"
            )
        if event.hook.endswith("-relation-broken") and event.relation is not None:
            del self.unit.committed.relations[event.relation]
