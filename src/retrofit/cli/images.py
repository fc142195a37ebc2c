"""Images in Glance, for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import rich_click as click

from ..cloud import images
from ..provenance import marks
from ..publishing import image_states, survey


def as_json(image: images.Image) -> dict[str, Any]:
    """Return an image in JSON's types."""
    return {
        "id": image.id,
        "name": image.name,
        "owner": image.owner,
        "visibility": image.visibility,
        "created-at": image.created_at.isoformat(),
        "state": image_states.state(image),
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


def advice(shadowing: Sequence[survey.ShadowingImage]) -> list[str]:
    """Return in lines how to make Octavia select our image, if it selects another one."""
    owners = {image.amp_image_owner_id for image in shadowing}
    lines = [
        f"set amp-image-owner-id to {owner} so that Octavia ignores images of other projects "
        "(amp_image_owner_id in octavia.conf)"
        for owner in sorted(owners - {""})
    ]
    if "" in owners:
        lines.append(
            "remove the tag from a shadowing image of the same project: "
            "openstack image unset --tag TAG ID"
        )
    return lines


def warn(shadowing: Sequence[survey.ShadowingImage]) -> None:
    """Report shadowing images on standard error."""
    for image in shadowing:
        click.echo(
            f"Octavia selects {image.id} {image.name} instead: "
            f"{image.visibility}, of project {image.owner}",
            err=True,
        )
    for line in advice(shadowing):
        click.echo(line, err=True)
