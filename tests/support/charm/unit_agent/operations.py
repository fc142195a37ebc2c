"""Operations of a unit: one at a time, each with hook tools that act on a copy of the state."""

from __future__ import annotations

import contextlib
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from tests.support.charm import lxd

from . import (
    flags,
    machine,
    server,
    state,
    tools,
    tools_relation,
    tools_unit,
)

TOOLS = tools_unit.TOOLS | tools_relation.TOOLS
_EXEC_FLAGS = (
    flags.Flag("relation", "r"),
    flags.Flag("remote-unit"),
    flags.Flag("force-remote-unit", switch=True),
    flags.Flag("no-context", switch=True),
    flags.Flag("operator", switch=True),
    flags.Flag("unit", "u"),
)


class HookFailed(Exception):
    """A hook ended with another status than 0; Juju would show the unit in error."""


class Operations:
    """Runs the operations of a unit.

    Args:
        unit: The unit.
        place: Its machine.
        follow_up: Called in the turn of each operation when it is done; runs what it causes.
        turn: The machine's lock, if other units run there: Juju runs one operation at a time.

    Attributes:
        hook_tools: How many the last operation has run; each is a process.
    """

    def __init__(
        self,
        unit: state.Unit,
        place: machine.Machine,
        follow_up: Callable[[], None],
        turn: threading.Lock | None = None,
    ) -> None:
        self._unit = unit
        self._machine = place
        self._follow_up = follow_up
        # Operations take turns; those of juju-exec arrive in threads of their own.
        self._turn = turn or threading.Lock()
        self._context: state.Context | None = None
        self.hook_tools = 0

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        """Answer hook tools until the end of the block."""
        with lxd.shared_directory() as directory:
            socket = directory / "agent.socket"
            with (
                server.serving(socket, self._answer),
                self._machine.container.joined_socket(self._machine.socket, socket),
            ):
                yield

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for the turn, and follow up what the block did.

        Raises:
            HookFailed: A hook failed.
        """
        with self._turn:
            yield
            self._follow_up()

    def start(self, name: str, **details: Any) -> state.Context:
        """Begin an operation; to be done in a turn."""
        identifier = f"{self._unit.name}-{name.replace('/', '-')}-{uuid.uuid4().int % 10**18}"
        return state.Context.of(identifier, self._unit, **details)

    def dispatch(self, context: state.Context, path: str, environment: Mapping[str, str]) -> int:
        """Run the charm's ``dispatch`` and return its exit status; 0 commits what it did."""
        variables = {"JUJU_DISPATCH_PATH": path, **environment}
        if path.startswith("hooks/"):
            variables["JUJU_HOOK_NAME"] = path.removeprefix("hooks/")
        argv = [f"{self._machine.directory}/dispatch"]
        code = self._execute(context, argv, name=path, environment=variables).code
        if code == 0:
            context.commit()
        return code

    def _execute(
        self,
        context: state.Context,
        argv: Sequence[str],
        *,
        name: str,
        environment: Mapping[str, str],
    ) -> server.Answer:
        """Run a program whose hook tools act on a context."""
        self._context = context
        self.hook_tools = 0
        try:
            return self._machine.execute(context, argv, name=name, environment=environment)
        finally:
            self._context = None

    def _answer(self, request: server.Request) -> server.Answer:
        """Answer a hook tool."""
        if request.tool == "juju-exec":
            return self._juju_exec(request)
        context = self._context
        if context is None or request.context != context.id:
            return server.Answer(stderr=f'ERROR unknown context id "{request.context}"\n', code=1)
        self.hook_tools += 1
        return tools.run(TOOLS[request.tool], context, request)

    def _juju_exec(self, request: server.Request) -> server.Answer:
        """Run a command in the unit's context, when its turn has come."""
        if request.context:
            message = (
                f'juju-exec cannot be called from within a hook, have context "{request.context}"'
            )
            return server.Answer(stderr=f"ERROR {message}\n", code=1)
        try:
            parsed = flags.parse(request.argv, _EXEC_FLAGS, interspersed=False)
        except flags.FlagError as error:
            return server.Answer(stderr=f"ERROR {error}\n", code=2)
        words = list(parsed.words)
        unit = parsed.text("unit") or (words.pop(0) if words else "")
        if unit not in {self._unit.name, self._machine.tag}:
            return server.Answer(stderr=f'ERROR unit "{unit}" not found on this machine\n', code=1)
        if not words:
            return server.Answer(stderr="ERROR missing commands\n", code=2)
        try:
            with self.turn():
                context = self.start("juju-run-commands")
                argv = ["bash", "-c", " ".join(words)]
                answer = self._execute(context, argv, name="juju-exec", environment={})
                if answer.code == 0:
                    context.commit()
                return answer
        except HookFailed as error:
            return server.Answer(stderr=f"ERROR {error}\n", code=1)
