"""Checks of an amphora that has just booted."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator

import pydantic

from .... import errors, model
from ....host import files
from ....model import findings
from ....proof import bench, certificates, hardware, machine, system
from . import agent, amphora

# The kernel keeps some of a machine's memory for itself, and before it a crash kernel may.
_KERNEL = 0.25
# An address for documentation (RFC 5737): none of an amphora's.
_NOBODY = "192.0.2.1"


@dataclasses.dataclass(frozen=True)
class _Booted:
    """What the checks look at.

    Attributes:
        amphora: The amphora, whose agent answers.
        place: Where it runs.
    """

    amphora: amphora.Amphora
    place: bench.Bench


class _Info(pydantic.BaseModel):
    """What the agent says of what it runs on."""

    hostname: str
    haproxy_version: str


class _Memory(pydantic.BaseModel):
    """Memory, in KiB."""

    total: int


class _Disk(pydantic.BaseModel):
    """The root file system, in bytes."""

    used: int
    available: int


class _Details(pydantic.BaseModel):
    """What the agent says of its machine; older releases do not count processors."""

    cpu_count: int | None = None
    memory: _Memory
    disk: _Disk


def checks(first: amphora.Amphora, place: bench.Bench) -> Iterator[findings.Finding]:
    """Wait until an amphora is up and check it; a check may take as long as an agent's answer."""
    try:
        answered = first.await_agent(place.boot_timeout_s)
    except machine.MachineFailed as fault:
        yield _finding("agent answers", findings.failed(fault.message))
        return
    how = "under KVM" if place.accelerated else "emulated"
    yield _finding("agent answers", findings.passed(f"{answered:.0f} s after the start, {how}"))
    try:
        said = first.await_report(place.report_timeout_s)
    except machine.MachineFailed as fault:
        yield _finding("boot ends", findings.failed(fault.message))
        return
    took = time.monotonic() - first.started
    yield _finding("boot ends", findings.passed(f"{took:.0f} s after the start"))
    yield from system.checks(said, first.machine, place)
    booted = _Booted(first, place)
    for name, look in _CHECKS:
        try:
            verdict = look(booted)
        except errors.ToolMissing:
            raise
        except errors.RetrofitError as error:
            verdict = findings.failed(error.message)
        except pydantic.ValidationError as error:
            first_one = error.errors()[0]
            where = ".".join(str(word) for word in first_one["loc"])
            verdict = findings.failed(
                f"the agent's answer is wrong in {where}: {first_one['msg']}"
            )
        yield _finding(name, verdict)


def _finding(check: str, verdict: findings.Verdict) -> findings.Finding:
    return findings.Finding(check, findings.Depth.BOOT, verdict)


def _version(booted: _Booted) -> findings.Verdict:
    version = booted.amphora.agent.version().get("api_version")
    return _same("API version", version, "1.0")


def _info(booted: _Booted) -> findings.Verdict:
    info = _Info.model_validate(booted.amphora.agent.info())
    haproxy = info.haproxy_version.strip()
    if not haproxy[:1].isdigit():
        return findings.failed(f"haproxy's version is {haproxy!r}")
    name = _same("host name", info.hostname, booted.amphora.name)
    if name.outcome is not findings.Outcome.PASS:
        return name
    return findings.passed(f"{name.evidence}, haproxy {haproxy}")


def _details(booted: _Booted) -> findings.Verdict:
    details = _Details.model_validate(booted.amphora.agent.details())
    memory, disk = details.memory.total * 1024, details.disk.used + details.disk.available
    text = f"{memory // model.MIB} MiB of memory, {disk / model.GIB:.1f} GiB of disk"
    if details.cpu_count is not None:
        text = f"{details.cpu_count} processors, {text}"
    processors = hardware.processors(accelerated=booted.place.accelerated)
    if details.cpu_count not in (None, processors):
        return findings.failed(f"{text}, of a machine with {processors} processors")
    if not hardware.MEMORY * (1 - _KERNEL) < memory <= hardware.MEMORY:
        return findings.failed(f"{text}, of a machine with {hardware.MEMORY // model.MIB} MiB")
    if disk > booted.place.flavor_disk:
        return findings.failed(f"{text}, more than the machine has")
    return findings.passed(text)


def _interfaces(booted: _Booted) -> findings.Verdict:
    """Have the agent look into the namespace of the VIP: nothing is plugged in yet."""
    try:
        name = booted.amphora.agent.interface(_NOBODY)
    except agent.AgentError as error:
        if error.status == 404:
            return findings.passed("the namespace of the VIP exists, without addresses")
        return findings.failed(error.message)
    return findings.failed(f"{name} has the address {_NOBODY}")


def _listeners(booted: _Booted) -> findings.Verdict:
    listeners = booted.amphora.agent.listeners()
    if listeners:
        return findings.failed(f"listeners exist already: {listeners}")
    return findings.passed("none")


def _no_client(booted: _Booted) -> findings.Verdict:
    return _refuses(booted, None)


def _client_of_another_authority(booted: _Booted) -> findings.Verdict:
    return _refuses(booted, certificates.Authority("Strangers").issue("controller"))


def _expired_client(booted: _Booted) -> findings.Verdict:
    return _refuses(booted, booted.amphora.owner.controllers.issue("controller", expired=True))


def _refuses(booted: _Booted, shown: certificates.Pair | None) -> findings.Verdict:
    """Check that the agent refuses a client that shows a certificate, or none."""
    client = None
    if shown is not None:
        client = booted.place.work / "refused-client.pem"
        files.write(client, shown.both, mode=0o600)
    try:
        dataclasses.replace(booted.amphora.agent, client=client).version()
    except agent.Refused as refusal:
        return findings.passed(refusal.message)
    return findings.failed("the agent answers this client")


def _same(what: str, found: object, wanted: str) -> findings.Verdict:
    if found != wanted:
        return findings.failed(f"{what} {found!r} instead of {wanted!r}")
    return findings.passed(f"{what} {wanted}")


_CHECKS: tuple[tuple[str, Callable[[_Booted], findings.Verdict]], ...] = (
    ("agent version", _version),
    ("agent info", _info),
    ("agent details", _details),
    ("agent interfaces", _interfaces),
    ("agent listeners", _listeners),
    ("no client certificate refused", _no_client),
    ("client certificate of another authority refused", _client_of_another_authority),
    ("expired client certificate refused", _expired_client),
)
