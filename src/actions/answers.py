"""What actions tell of images: the engine's JSON as flat keys for Juju, and whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from retrofit.model.documents import plan_document

# Results reach Juju on a command line, of which Linux takes 128 KiB a word.
_LONGEST = 90_000
_LISTED = 20


def planned(document: Mapping[str, Any]) -> dict[str, str]:
    """Return what ``retrofit plan`` tells: of each image wanted a line, and the parts of it."""
    images = plan_document.File.model_validate(document).images
    reasons = [each for image in images for each in image.reasons if each.counts]
    values = {
        "summary": "; ".join(
            each.summary if len(images) == 1 else f"{each.name}: {each.summary}" for each in images
        ),
        "action": _listed([each.action for each in images]),
        "reasons": "; ".join(reason.text for reason in reasons),
        "base": _listed([each.base.name for each in images]),
        "image-id": _listed([each.image.id for each in images if each.image]),
        "foreign": _listed([other.id for each in images for other in each.untrusted]),
    }
    return with_json(values, document)


def shown(document: Mapping[str, Any]) -> dict[str, str]:
    """Return what ``retrofit show`` tells of an image.

    Args:
        document: Its JSON.
    """
    made, proof = document["provenance"], document["proof"]
    values = {
        "image-id": document["id"],
        "image-name": document["name"],
        "state": document["state"],
        "tags": ",".join(document["tags"]),
        "created-at": document["created-at"],
        "base": made["base"].get("name", ""),
        "base-hash": made["base"].get("hash", ""),
        "recipe": made["recipe"],
        "engine": made["engine"],
        "packages": str(len(document["packages"])),
    }
    values |= {f"proof-{name}": value for name, value in proof.items()}
    return with_json(values, document)


def compared(document: Mapping[str, Any]) -> dict[str, str]:
    """Return what ``retrofit diff`` tells of two images."""
    values = {name: document[name]["id"] for name in ("from", "to")}
    for kind in ("added", "removed", "upgraded", "downgraded"):
        values[kind] = _listed([package["name"] for package in document[kind]])
    values["security"] = _listed(
        [package["name"] for package in document["upgraded"] if package["security"]]
    )
    values["differences"] = _listed([each["what"] for each in document["differences"]])
    return with_json(values, document)


def verified(image_id: str, document: Mapping[str, Any]) -> dict[str, str]:
    """Return what ``retrofit verify`` tells of an image."""
    outcomes = [each["outcome"] for each in document["checks"]]
    failed = [each["check"] for each in document["checks"] if each["outcome"] == "fail"]
    values = {
        "image-id": image_id,
        "depth": document["depth"],
        "result": document["result"],
        "passed": str(outcomes.count("pass")),
        "not-applicable": str(outcomes.count("not applicable")),
        "failed": _listed(failed),
    }
    values |= {f"{depth}-time": f"{spent:.0f} s" for depth, spent in document["seconds"].items()}
    return with_json(values, document)


def rolled_back(document: Mapping[str, Any]) -> dict[str, str]:
    """Return what ``retrofit rollback`` tells."""
    values = {
        "image-id": document["current"]["id"],
        "image-name": document["current"]["name"],
        "rolled-back": document["rolled-back"]["id"],
        "rivals": _listed([image["id"] for image in document["rivals"]]),
    }
    return with_json(values, document)


def pruned(document: Mapping[str, Any]) -> dict[str, str]:
    """Return what ``retrofit prune`` tells."""
    values = {
        what: _listed([image["id"] for image in document[what]])
        for what in ("hidden", "deleted", "kept")
    }
    return with_json(values, document)


def rolled_out(document: Mapping[str, Any]) -> dict[str, str]:
    """Return what ``retrofit rollout`` tells."""
    values = {
        "load-balancers": str(document["load-balancers"]),
        "outdated": str(document["outdated"]),
        "images": _listed(
            [
                f"{each['amphorae']} on {each['id']}{' (current)' if each['current'] else ''}"
                for each in document["images"]
            ]
        ),
        "left": _listed([each["id"] for each in document["balancers"] if each["state"] == "left"]),
    }
    return with_json(values, document)


def with_json(values: dict[str, str], document: Mapping[str, Any]) -> dict[str, str]:
    """Add the whole to what was taken from it, without its lists where that is too long."""
    text = json.dumps(document, separators=(",", ":"))
    if len(text) > _LONGEST:
        lists = {name for name, value in document.items() if isinstance(value, list)}
        text = json.dumps({name: document[name] for name in document.keys() - lists})
    return {name: value for name, value in values.items() if value} | {"json": text}


def _listed(names: list[str]) -> str:
    """Return names in one line, and how many there are if that is too many."""
    text = ", ".join(names[:_LISTED])
    more = len(names) - _LISTED
    return f"{text} and {more} more" if more > 0 else text
