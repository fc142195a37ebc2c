"""Hook tools about the unit: its options, status, state, network, resources and actions."""

from __future__ import annotations

from typing import Any

from . import flags, state
from .tools import Call, Registry, ToolError, pair

TOOLS = Registry()

_STATUSES = ("active", "blocked", "maintenance", "waiting")
_APPLICATION = flags.Flag("application", switch=True)
_FILE = flags.Flag("file")


@TOOLS.tool("config-get", flags.Flag("all", "a", switch=True), prints=True, words=(0, 1))
def config_get(call: Call) -> Any:
    options = call.context.unit.config
    if call.word(0):
        return options.get(call.word(0))
    return {
        name: value
        for name, value in options.items()
        if value is not None or call.parsed.on("all")
    }


@TOOLS.tool("is-leader", prints=True, words=(0, 0))
def is_leader(call: Call) -> bool:
    return call.context.unit.leader


@TOOLS.tool("status-set", _APPLICATION, words=(1, 2))
def status_set(call: Call) -> None:
    status = state.Status(call.word(0), call.word(1))
    if status.status not in _STATUSES:
        raise ToolError(f'invalid status "{status.status}", expected one of {list(_STATUSES)}')
    if call.parsed.on("application"):
        call.require_leader("set application status")
        call.context.unit.application_status = status
    else:
        call.context.unit.status = status


@TOOLS.tool("status-get", _APPLICATION, flags.Flag("include-data", switch=True), prints=True)
def status_get(call: Call) -> Any:
    unit = call.context.unit
    if call.parsed.on("application"):
        call.require_leader("get application status")
    status = unit.application_status if call.parsed.on("application") else unit.status
    if not call.parsed.on("include-data"):
        return status.status
    details: dict[str, Any] = {
        "status": status.status,
        "message": status.message,
        "status-data": {},
    }
    if not call.parsed.on("application"):
        return details
    own = {"status": unit.status.status, "message": unit.status.message, "status-data": {}}
    return {"application-status": details | {"units": {unit.name: own}}}


@TOOLS.tool("application-version-set", words=(1, 1))
def application_version_set(call: Call) -> None:
    call.context.unit.version = call.word(0)


@TOOLS.tool(
    "juju-log", flags.Flag("log-level", "l"), flags.Flag("debug", switch=True), words=(1, None)
)
def juju_log(call: Call) -> None:
    level = call.parsed.text("log-level") or ("DEBUG" if call.parsed.on("debug") else "INFO")
    call.context.log.append((level, " ".join(call.parsed.words)))


@TOOLS.tool("state-get", prints=True, words=(0, 1))
def state_get(call: Call) -> Any:
    store = call.context.working.store
    if call.word(0, "-") == "-":
        return store
    return store.get(call.word(0))


@TOOLS.tool("state-set", _FILE)
def state_set(call: Call) -> None:
    call.context.working.store |= call.pairs()


@TOOLS.tool("state-delete", words=(1, 1))
def state_delete(call: Call) -> None:
    call.context.working.store.pop(call.word(0), None)


@TOOLS.tool("unit-get", prints=True, words=(1, 1))
def unit_get(call: Call) -> str:
    if call.word(0) not in {"private-address", "public-address"}:
        raise ToolError(f'unknown setting "{call.word(0)}"')
    return call.context.unit.address


@TOOLS.tool(
    "network-get",
    flags.Flag("relation", "r"),
    flags.Flag("bind-address", switch=True),
    flags.Flag("ingress-address", switch=True),
    flags.Flag("egress-subnets", switch=True),
    prints=True,
    words=(1, 1),
)
def network_get(call: Call) -> Any:
    address = call.context.unit.address
    subnet = f"{address}/32"
    chosen = [
        value
        for name, value in (
            ("bind-address", address),
            ("ingress-address", address),
            ("egress-subnets", subnet),
        )
        if call.parsed.on(name)
    ]
    if len(chosen) == 1:
        return chosen[0]
    addresses = [{"hostname": "", "value": address, "cidr": "", "address": address}]
    return {
        "bind-addresses": [
            {"mac-address": "", "interface-name": "eth0", "addresses": addresses},
        ],
        "egress-subnets": [subnet],
        "ingress-addresses": [address],
    }


_PORT_FLAGS = (flags.Flag("endpoints"), flags.Flag("format"))


@TOOLS.tool("open-port", *_PORT_FLAGS, words=(1, 1))
def open_port(call: Call) -> None:
    call.context.working.ports.add(call.word(0))


@TOOLS.tool("close-port", *_PORT_FLAGS, words=(1, 1))
def close_port(call: Call) -> None:
    call.context.working.ports.discard(call.word(0))


@TOOLS.tool("opened-ports", flags.Flag("endpoints", switch=True), prints=True, words=(0, 0))
def opened_ports(call: Call) -> list[str]:
    return sorted(call.context.working.ports)


@TOOLS.tool("resource-get", words=(1, 1), prints=True)
def resource_get(call: Call) -> str:
    path = call.context.unit.resources.get(call.word(0))
    if path is None:
        raise ToolError(f'could not download resource: resource "{call.word(0)}" not found')
    return path


@TOOLS.tool("credential-get", prints=True, words=(0, 0))
def credential_get(call: Call) -> Any:
    raise ToolError("cannot access cloud credentials: application is not trusted")


@TOOLS.tool("goal-state", prints=True, words=(0, 0))
def goal_state(call: Call) -> Any:
    since = {"status": "joined", "since": "2026-01-01 00:00:00Z"}
    relations: dict[str, Any] = {}
    for relation in call.context.working.relations.values():
        members = relations.setdefault(relation.endpoint, {})
        members[relation.remote_application] = since
        members |= dict.fromkeys(relation.remote_units, since)
    own = {"status": call.context.unit.status.status, "since": since["since"]}
    return {"units": {call.context.unit.name: own}, "relations": relations}


@TOOLS.tool("juju-reboot", flags.Flag("now", switch=True), words=(0, 0))
def juju_reboot(call: Call) -> None:
    raise ToolError("this agent does not reboot its machine")


def _action(call: Call) -> state.ActionRun:
    """Return the action that runs."""
    if call.context.action is None:
        raise ToolError("not running an action")
    return call.context.action


@TOOLS.tool("action-get", prints=True, words=(0, 1))
def action_get(call: Call) -> Any:
    value: Any = _action(call).parameters
    for name in call.word(0).split(".") if call.word(0) else []:
        value = value.get(name) if isinstance(value, dict) else None
    return value


@TOOLS.tool("action-set", words=(1, None))
def action_set(call: Call) -> None:
    for word in call.parsed.words:
        key, value = pair(word)
        *parents, last = key.split(".")
        target = _action(call).results
        for parent in parents:
            target = target.setdefault(parent, {})
        target[last] = value


@TOOLS.tool("action-log", words=(1, None))
def action_log(call: Call) -> None:
    _action(call).report(" ".join(call.parsed.words))


@TOOLS.tool("action-fail", words=(0, 1))
def action_fail(call: Call) -> None:
    _action(call).failure = call.word(
        0, "action failed without reason given, check action for errors"
    )
