"""Each difference between what ``retrofit manage`` and the original leave in Glance is documented.

Both make the same five runs, each on a real cloud of its own, with the same options.
"""

from __future__ import annotations

import datetime
import hashlib
import pathlib
import re
from collections.abc import Iterator
from concurrent import futures
from typing import Any

import pytest
from tests.support import paths
from tests.support.host import web_server
from tests.support.image_manager import beside, image_files

pytestmark = pytest.mark.slow

_PAGE = paths.REPOSITORY / "docs" / "reference" / "image-manager-differences.md"
_RUNS = 5
# Not --deactivate: the original waits half an hour for each image in the file to be active again.
_OPTIONS = (
    "none",
    "--latest",
    "--latest --hide",
    "--latest --hide --hidden-visibility private",
    "--latest --use-os-hidden",
    "--latest --hide --use-os-hidden",
    "--latest --delete --yes-i-really-know-what-i-do",
    "--latest --keep",
    "--latest --hide --retire-expired",
)
# What is another one in each cloud, or each time.
_VOLATILE = frozenset(
    "checksum created_at direct_url file id locations os_hash_value owner schema self stores "
    "updated_at".split()
)
# What is another one for each image.
_PARTICULAR = frozenset(("owner_specified.openstack.object", "upstream_checksum"))
_NOTHING = "–"

State = dict[str, dict[str, Any]]
Difference = tuple[str, str, str, str]


@pytest.mark.parametrize("options", _OPTIONS)
def test_differences_are_those_that_are_documented(
    tmp_path: pathlib.Path, server: web_server.Server, options: str
) -> None:
    ours, theirs = states(tmp_path, server, options)

    found = set(_differences(ours, theirs))
    documented = set(_documented(options, {*ours} & {*theirs}))
    assert sorted(found - documented) == []
    assert sorted(documented - found) == []


def states(place: pathlib.Path, server: web_server.Server, options: str) -> list[State]:
    """Return what both tools leave, this project's first."""
    versions = [_version(server, number) for number in range(4)]
    with beside.tools(place) as pair, futures.ThreadPoolExecutor() as pool:
        begun = [pool.submit(_state, tool, versions, options) for tool in pair]
        return [each.result() for each in begun]


def _state(tool: beside.Tool, versions: list[dict[str, Any]], options: str) -> State:
    """Return what a tool leaves: fields and properties of each image, by product and version."""
    words = [] if options == "none" else options.split()
    for number in range(1, _RUNS + 1):
        code, printed = tool.run(list(_images(number, versions)), *words)
        assert code == 0, printed
    shown = [
        image
        for hidden in ("false", "true")
        for image in tool.cloud.images(visibility="all", os_hidden=hidden)
    ]
    contents = {_digest(version["version"]): version["version"] for version in versions}
    state = {
        f"{image['image_name']} {image['internal_version']}": {
            key: sorted(value) if isinstance(value, list) else value
            for key, value in image.items()
            if key not in _VOLATILE
        }
        | {"content": contents[image["os_hash_value"]]}
        for image in shown
    }
    assert len(state) == len(shown)
    return state


def _images(number: int, versions: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield what is in the image file at a run.

    1: all is new. 2: nothing changed. 3: a new version, and others of what an image has. 4: a
    definition is gone, one is disabled, one has expired. 5: a new version again.
    """
    old, *versions = versions[: (number + 1) // 2 + 1]
    for kind in ("last-2", "none", "forever"):
        yield _image(f"Rotating {kind}", *versions[-2:], meta={"uuid_validity": kind})
    yield _image("Alone", versions[-1], meta={"uuid_validity": "none"})
    yield _image("Private", *versions[-2:], meta={"uuid_validity": "none"}, visibility="private")
    fixed = [old, *versions][-2:]
    yield _image("Fixed", *fixed, multi=False, meta={"uuid_validity": "none"})
    own = [versions[0] | {"visibility": "community"}, *versions[1:]]
    yield _image("Own", *own, multi=False, min_disk=None)
    if number < 4:
        yield _image("Removed", versions[0], meta={"uuid_validity": "none"})
    yield _image("Disabled", versions[0], enable=number < 4, meta={"uuid_validity": "none"})
    until = {"provided_until": datetime.date(2026, 8, 1)} if number >= 4 else {}
    yield _image("Expired", versions[0], meta={"uuid_validity": "none"} | until)
    if number < 3:
        meta = {"os_admin_user": "root", "hw_vif_multiqueue_enabled": True}
        yield _image("Changed", versions[0], meta=meta, tags=["before"])
    else:
        yield _image(
            "Changed",
            versions[0],
            meta={"hw_disk_bus": "virtio", "os_purpose": "minimal"},
            tags=["after"],
            min_ram=512,
            min_disk=2,
            visibility="community",
            status="deactivated",
        )


def _image(name: str, *versions: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return image_files.image(name, *versions, **({"min_disk": 1} | changes))


def _version(server: web_server.Server, number: int) -> dict[str, Any]:
    name = f"2026080{number}"
    checksum = image_files.content(server.directory / f"{name}.raw", name)
    return image_files.version(name, url=f"{server.url}{name}.raw", checksum=checksum)


def _digest(text: str) -> str:
    """Return the digest that Glance has of a version."""
    return hashlib.sha512(text.encode() * 4096).hexdigest()


def _differences(ours: State, theirs: State) -> Iterator[Difference]:
    """Yield image, field and both values where two states differ."""
    for image in {*ours, *theirs}:
        if image not in ours or image not in theirs:
            there = ["exists" if image in state else _NOTHING for state in (ours, theirs)]
            yield image, "image", there[0], there[1]
            continue
        for field in {*ours[image], *theirs[image]}:
            values = [_shown(field, state[image].get(field)) for state in (ours, theirs)]
            if values[0] != values[1]:
                yield image, field, values[0], values[1]


def _shown(field: str, value: object) -> str:
    if value is None:
        return _NOTHING
    if field in _PARTICULAR:
        return "set"
    return ", ".join(value) if isinstance(value, list) else str(value)


def _documented(options: str, images: set[str]) -> Iterator[Difference]:
    """Yield the differences that the page has for some options, for images that both have."""
    for line in _PAGE.read_text().splitlines():
        cells = [cell.strip().replace("`", "") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) != 6 or cells[0] == "Image" or set(cells[0]) == {"-"}:
            continue
        named, field, here, there, when, why = cells
        assert why, line
        if when != "all" and options not in when.split(", "):
            continue
        for image in sorted(images) if named == "all" else named.split(", "):
            yield image, field, here, there
