"""Hook tools about relations and secrets."""

from __future__ import annotations

import uuid
from typing import Any

from . import flags, state
from .tools import Call, Registry, ToolError, pair

TOOLS = Registry()

_RELATION = flags.Flag("relation", "r")
_APP = flags.Flag("app", switch=True)
_LABEL = flags.Flag("label")
_SECRET_DETAILS = (
    _LABEL,
    flags.Flag("description"),
    flags.Flag("expire"),
    flags.Flag("rotate"),
    flags.Flag("owner"),
    flags.Flag("file"),
)


@TOOLS.tool("relation-ids", prints=True, words=(0, 1))
def relation_ids(call: Call) -> list[str]:
    name = call.word(0) or call.relation().endpoint
    relations = call.context.working.relations.values()
    return sorted(relation.name for relation in relations if relation.endpoint == name)


@TOOLS.tool("relation-list", _RELATION, _APP, prints=True, words=(0, 0))
def relation_list(call: Call) -> Any:
    relation = call.relation()
    return relation.remote_application if call.parsed.on("app") else sorted(relation.remote_units)


@TOOLS.tool("relation-get", _RELATION, _APP, prints=True, words=(0, 2))
def relation_get(call: Call) -> Any:
    relation, unit = call.relation(), call.context.unit
    who = call.word(1) or call.context.remote_unit
    if not who:
        raise ToolError("no unit id specified")
    application = who.split("/")[0]
    data: state.Data | None
    if call.parsed.on("app") and application == unit.application:
        call.require_leader("read relation application settings")
        data = relation.local_application
    elif call.parsed.on("app"):
        data = relation.remote_data if application == relation.remote_application else None
    else:
        data = relation.local_unit if who == unit.name else relation.remote_units.get(who)
    if data is None:
        raise ToolError(f'cannot read settings for unit "{who}" in relation "{relation.name}"')
    key = call.word(0, "-")
    return data if key == "-" else data.get(key)


@TOOLS.tool("relation-set", _RELATION, _APP, flags.Flag("file"))
def relation_set(call: Call) -> None:
    relation = call.relation()
    if call.parsed.on("app"):
        call.require_leader("write relation application settings")
    data = relation.local_application if call.parsed.on("app") else relation.local_unit
    for key, value in call.pairs().items():
        if value:
            data[key] = value
        else:
            data.pop(key, None)


@TOOLS.tool("relation-model-get", _RELATION, prints=True, words=(0, 0))
def relation_model_get(call: Call) -> Any:
    call.relation()
    return {"uuid": str(uuid.uuid5(uuid.NAMESPACE_DNS, "model"))}


def _content(call: Call, words: tuple[str, ...]) -> state.Data:
    """Return a secret's content from ``KEY=VALUE`` and ``KEY#file=PATH`` words."""
    content: state.Data = {}
    for word in words:
        key, value = pair(word)
        name, hash_, kind = key.partition("#")
        content[name] = call.files[value] if hash_ and kind == "file" else value
    if not content:
        raise ToolError("missing secret value or filename")
    return content


def _metadata(call: Call) -> state.Data:
    names = ("label", "description", "expire", "rotate")
    return {name: call.parsed.text(name) for name in names if call.parsed.text(name)}


def _secret(call: Call, *, owned: bool = False) -> state.Secret:
    """Return the secret that the call names by URI or label."""
    wanted, label = call.word(0).removeprefix("secret:"), call.parsed.text("label")
    for secret in call.context.working.secrets.values():
        named = secret.id.removeprefix("secret:") == wanted if wanted else False
        if not named and (wanted or not label or secret.metadata.get("label") != label):
            continue
        if owned and secret.owner == "model":
            raise ToolError("permission denied")
        if owned and secret.owner == "application":
            call.require_leader("manage secret")
        return secret
    raise ToolError(f'secret "{wanted or label}" not found')


@TOOLS.tool("secret-add", *_SECRET_DETAILS, prints=True, words=(0, None))
def secret_add(call: Call) -> str:
    owner = call.parsed.text("owner") or "application"
    if owner == "application":
        call.require_leader("add secret")
    identifier = f"secret:{uuid.uuid4().hex[:20]}"
    call.context.working.secrets[identifier] = state.Secret(
        identifier, owner, {1: _content(call, call.parsed.words)}, metadata=_metadata(call)
    )
    return identifier


@TOOLS.tool("secret-set", *_SECRET_DETAILS, words=(1, None))
def secret_set(call: Call) -> None:
    secret = _secret(call, owned=True)
    secret.metadata |= _metadata(call)
    if call.parsed.words[1:]:
        secret.revisions[max(secret.revisions) + 1] = _content(call, call.parsed.words[1:])


@TOOLS.tool(
    "secret-get",
    _LABEL,
    flags.Flag("refresh", switch=True),
    flags.Flag("peek", switch=True),
    prints=True,
    words=(0, 2),
)
def secret_get(call: Call) -> Any:
    secret = _secret(call)
    newest = max(secret.revisions)
    if call.parsed.on("peek"):
        content = secret.revisions[newest]
    else:
        if call.parsed.on("refresh") or not secret.tracked:
            secret.tracked = newest
        content = secret.revisions[secret.tracked]
    if call.word(0) and call.parsed.text("label"):
        secret.metadata["label"] = call.parsed.text("label")
    return content.get(call.word(1)) if call.word(1) else content


@TOOLS.tool("secret-info-get", _LABEL, prints=True, words=(0, 1))
def secret_info_get(call: Call) -> Any:
    secret = _secret(call, owned=True)
    details = {"owner": secret.owner, "revision": max(secret.revisions), **secret.metadata}
    return {secret.id.removeprefix("secret:"): details}


@TOOLS.tool("secret-ids", prints=True, words=(0, 0))
def secret_ids(call: Call) -> list[str]:
    return sorted(
        secret.id.removeprefix("secret:")
        for secret in call.context.working.secrets.values()
        if secret.owner != "model"
    )


@TOOLS.tool("secret-remove", flags.Flag("revision"), words=(1, 1))
def secret_remove(call: Call) -> None:
    secret = _secret(call, owned=True)
    if call.parsed.text("revision"):
        secret.revisions.pop(int(call.parsed.text("revision")), None)
    if not call.parsed.text("revision") or not secret.revisions:
        del call.context.working.secrets[secret.id]


@TOOLS.tool("secret-grant", _RELATION, flags.Flag("unit"), words=(1, 1))
def secret_grant(call: Call) -> None:
    _secret(call, owned=True).grants.add(call.relation().id)


@TOOLS.tool("secret-revoke", _RELATION, flags.Flag("app"), flags.Flag("unit"), words=(1, 1))
def secret_revoke(call: Call) -> None:
    secret = _secret(call, owned=True)
    if call.parsed.text("relation"):
        secret.grants.discard(call.relation().id)
    else:
        secret.grants.clear()
