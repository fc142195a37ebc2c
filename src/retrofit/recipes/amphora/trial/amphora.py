"""Starts an amphora as Octavia has the compute service start it."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from ....proof import bench, config_drive, console, qemu_words, report, system
from ....proof import machine as machines
from .. import checks
from . import agent as agents
from . import controller

# Each has a loopback address of its own, so that all agents answer at the port they always do.
_ADDRESS = "127.77.0.{number}"
# Once the boot has ended an agent that still has to come up is at its last steps.
_AFTER_BOOT = 0.2
# How long a question to the agent, which may hang as long as nothing listens in the machine, keeps
# us from a look at the console.
_LOOK_AWAY_S = 1.0
# Units that the agent starts; a blank goes before them in a journal's lines.
_SERVICES = " (haproxy-|octavia-keepalived)"


@dataclasses.dataclass(frozen=True)
class Amphora:
    """A running amphora.

    Attributes:
        id: Its identifier.
        name: Its name as a server.
        machine: Its machine.
        agent: Its agent, which may not answer yet.
        owner: The controller it was made for.
        started: When the machine was started, by the monotonic clock.
    """

    id: str
    name: str
    machine: machines.Machine
    agent: agents.Agent
    owner: controller.Controller
    started: float

    def await_agent(self, timeout_s: float) -> float:
        """Wait until the agent answers, and return the seconds since the machine's start.

        Args:
            timeout_s: Seconds, since the machine's start, after which to give up.

        Raises:
            machines.MachineFailed: It does not; the message names the cause if it shows.
        """
        came_up: float | None = None
        refusal = ""
        asked = _beside(self.agent.version)

        def answer() -> float | None:
            nonlocal came_up, refusal, asked
            now = time.monotonic()
            if concurrent.futures.wait([asked], _LOOK_AWAY_S).done:
                try:
                    asked.result()
                except agents.AgentError as error:
                    refusal = error.message
                    asked = _beside(self.agent.version)
                else:
                    return time.monotonic() - self.started
            if came_up is None and self.report() is not None:
                came_up = now
            if came_up is not None and now - came_up > timeout_s * _AFTER_BOOT:
                raise self._silence(refusal)
            return None

        left = timeout_s - (time.monotonic() - self.started)
        return self.machine.wait_for("answer of the agent", answer, left)

    def await_report(self, timeout_s: float) -> report.Report:
        """Wait until the system reports that it came up; see :func:`system.await_report`."""
        return system.await_report(self.machine, timeout_s)

    def report(self) -> report.Report | None:
        """Return what the system reported; ``None`` if it has not yet."""
        return system.reported(self.machine)

    def journal(self) -> list[str]:
        """Return what its journal got since the boot of the services that its agent starts."""
        return report.journal(console.lines(self.machine.report))

    def _silence(self, refusal: str) -> machines.MachineFailed:
        """Return an error for an agent that does not answer though the boot ended."""
        found = self.report()
        assert found is not None
        if found.failed:
            unit, last = found.failed[0]
            return self.machine.failure(f"the agent does not answer, and {unit} failed: {last}")
        return self.machine.failure(
            f"the system is up ({found.state}) but the agent does not answer: {refusal}"
        )


def _beside(function: Callable[[], Any]) -> concurrent.futures.Future[Any]:
    """Call a function in a thread that nobody waits for when this process ends."""
    future: concurrent.futures.Future[Any] = concurrent.futures.Future()

    def run() -> None:
        try:
            future.set_result(function())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


@contextlib.contextmanager
def launch(
    place: bench.Bench,
    number: int,
    owner: controller.Controller,
    *,
    topology: controller.Topology = controller.Topology.SINGLE,
) -> Iterator[Amphora]:
    """Start an amphora and end it with the context; it boots meanwhile.

    Args:
        place: Where, and from which image.
        number: Which of the amphorae here it is, from 1.
        owner: The controller it is made for.
        topology: What it is part of.

    Raises:
        errors.ToolMissing: A program is not installed.
        errors.RetrofitError: The machine cannot be started here.
    """
    identity = str(uuid.uuid4())
    name = f"amphora-{number}"
    work = place.work / name
    work.mkdir(mode=0o700)
    # What the operator asks is asked once, of the one that is looked at when it has booted.
    own = place.own if number == 1 else ()
    port = qemu_words.report_port(place.hardware)
    vendor_data = report.script(port, own=own, services=_SERVICES)
    server = owner.server(identity, topology, vendor_data=vendor_data)
    drive = config_drive.make(server, mac=machines.MAC, work=work)
    address = _ADDRESS.format(number=number)
    agent = agents.Agent(
        identity, address, checks.AGENT_PORT, server_ca=owner.server_ca, client=owner.client
    )
    with machines.start(place, name, drive=drive, forward=(address, checks.AGENT_PORT)) as running:
        yield Amphora(identity, server.name, running, agent, owner, time.monotonic())
