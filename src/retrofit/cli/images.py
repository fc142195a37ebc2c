"""Images in Glance, for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import rich_click as click

from ..cloud import images
from ..provenance import marks
from ..publishing import current, survey


def as_json(image: images.Image) -> dict[str, Any]:
    """Return an image in JSON's types."""
    return {
        "id": image.id,
        "name": image.name,
        "owner": image.owner,
        "visibility": image.visibility,
        "created-at": image.created_at.isoformat(),
        "state": current.state(image),
        "proof": proof_as_json(image),
    }


def proof_as_json(image: images.Image) -> dict[str, str]:
    """Return how an image was proved; all is empty if it never was."""
    # In the order in which a person reads them.
    properties = {
        "depth": marks.PROOF_DEPTH,
        "result": marks.PROOF_RESULT,
        "time": marks.PROOF_TIME,
        "summary": marks.PROOF_SUMMARY,
    }
    return {word: image.properties.get(name, "") for word, name in properties.items()}


def proof(image: images.Image) -> str:
    """Return how an image was proved, in a few words."""
    told = [word for word in proof_as_json(image).values() if word]
    return " ".join(told) if told not in ([], ["off"]) else "not proved"


def proof_in_short(image: images.Image) -> str:
    """Return how far an image was proved, and when; a table has no room for more."""
    told = proof_as_json(image)
    words = [told["depth"], told["result"], told["time"][: len("2026-08-01")]]
    return " ".join(filter(None, words)) if told["result"] else "not proved"


def advice(rivals: Sequence[survey.Rival]) -> list[str]:
    """Return in lines what keeps Octavia from taking other images than ours, if it does."""
    owners = {rival.amp_image_owner_id for rival in rivals}
    lines = [
        f"Octavia passes over images of other projects with amp-image-owner-id {owner} "
        "(in octavia.conf: amp_image_owner_id)"
        for owner in sorted(owners - {""})
    ]
    if "" in owners:
        lines.append(
            "a rival in the same project has to lose the tag: openstack image unset --tag TAG ID"
        )
    return lines


def warn(rivals: Sequence[survey.Rival]) -> None:
    """Say on standard error which images Octavia takes in place of ours, if it does."""
    for rival in rivals:
        click.echo(
            f"Octavia takes {rival.id} {rival.name} in its place: "
            f"{rival.visibility}, of project {rival.owner}",
            err=True,
        )
    for line in advice(rivals):
        click.echo(line, err=True)
