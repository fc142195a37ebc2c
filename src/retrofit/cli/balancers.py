"""Load balancers and the images that their amphorae run, for people and for programs."""

from __future__ import annotations

from typing import Any

from ..rollout import fleet, overview
from ..rollout.fleet import State


def answer(seen: overview.Overview) -> str:
    """Answer in a line whether every load balancer is on a current image."""
    outdated, counted = _numbers(seen)
    if not counted:
        return "no load balancer has amphorae"
    if not outdated:
        return "every load balancer is on a current image"
    return f"{outdated} of {counted} load balancers are not on a current image"


def images(seen: overview.Overview) -> list[tuple[str, str, str, str]]:
    """Return a row for each image that amphorae run: what it is, which, how many and whether."""
    return [
        (
            "amphorae run",
            f"{each['id']} {each['name']}".strip() or "an image that Octavia does not report",
            str(each["amphorae"]),
            "current" if each["current"] else f"not current for {each['tag'] or 'any known tag'}",
        )
        for each in _images(seen)
    ]


def outdated(seen: overview.Overview) -> list[tuple[str, str, str]]:
    """Return a row for each load balancer that is not on a current image: which, and why."""
    words = {
        State.OUTDATED: "to replace",
        State.BUSY: "changing now",
        State.LEFT: "left",
    }
    return [
        (
            words[each.state],
            str(each.balancer),
            each.reason or ", ".join(f"{one.role} {one.id}".strip() for one in each.outdated),
        )
        for each in seen.having(*words)
    ]


def as_json(seen: overview.Overview) -> dict[str, Any]:
    """Return what runs in JSON's types."""
    behind, counted = _numbers(seen)
    return {
        "current": not behind,
        "load-balancers": counted,
        "outdated": behind,
        "images": _images(seen),
    }


def details(seen: overview.Overview) -> list[dict[str, Any]]:
    """Return each load balancer in JSON's types."""
    return [
        {
            "id": each.balancer.id,
            "name": each.balancer.name,
            "status": each.balancer.status,
            "tag": each.balancer.tag,
            "state": each.state.value,
            "reason": each.reason,
            "amphorae": [_amphora(each, amphora) for amphora in each.balancer.amphorae],
        }
        for each in seen.assessments
    ]


def _amphora(found: fleet.Assessment, amphora: fleet.Amphora) -> dict[str, Any]:
    return {
        "id": amphora.id,
        "role": amphora.role,
        "status": amphora.status,
        "image": amphora.image_id,
        "current": amphora not in found.outdated,
    }


def _images(seen: overview.Overview) -> list[dict[str, Any]]:
    names = {image.id: image.name for image in seen.images.values()}
    return [
        {
            "id": image_id,
            "name": names.get(image_id, ""),
            "tag": tag,
            "current": current,
            "amphorae": number,
        }
        for image_id, tag, current, number in fleet.counts(seen.assessments)
    ]


def _numbers(seen: overview.Overview) -> tuple[int, int]:
    """Return how many load balancers are not on a current image, and how many there are."""
    behind = len(seen.having(State.OUTDATED, State.BUSY, State.LEFT))
    return behind, behind + len(seen.having(State.CURRENT))
