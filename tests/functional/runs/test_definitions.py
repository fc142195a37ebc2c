"""Many images that are defined, against a real Glance: one list, one plan, and what is needed."""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import json
import pathlib
import signal
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from openstack.connection import Connection
from tests.support import scratch
from tests.support.building import mirror, simple_disks
from tests.support.cli import command
from tests.support.cloud import cloud, interceptor

from retrofit.provenance import marks

_RELEASES = {"jammy": "22.04", "noble": "24.04", "plucky": "25.04", "questing": "25.10"} | {
    "resolute": "26.04"
}
_ARCHITECTURES = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "ppc64le": "ppc64el",
    "riscv64": "riscv64",
}
_FORMATS = ("qcow2", "raw")
# What can be built here, and is outdated.
_OUTDATED = {f"show-noble-x86_64-{image_format}" for image_format in _FORMATS}


@dataclasses.dataclass
class Operator:
    """Somebody who defines images.

    Attributes:
        place: Directory of hers.
        clouds: Her clouds.yaml; what she asks of Glance goes through ``glance``.
        glance: What was asked of Glance.
        running: The cloud.
        defaults: What holds for all that she defines.
    """

    place: pathlib.Path
    clouds: pathlib.Path
    glance: interceptor.Interceptor
    running: cloud.Cloud
    defaults: dict[str, Any]

    def define(self, *images: dict[str, Any]) -> pathlib.Path:
        """Write definitions."""
        path = self.place / "definitions" / "images.yaml"
        path.write_text(yaml.safe_dump({"defaults": self.defaults, "images": list(images)}))
        return path.parent

    def start(self, *words: str | pathlib.Path) -> Any:
        """Start a command."""
        return command.started(
            words,
            cwd=self.place / "empty",
            work=self.place / "work",
            module="tests.support.cli.bare_retrofit",
            environment={"OS_CLIENT_CONFIG_FILE": str(self.clouds)},
        )

    def retrofit(self, *words: str | pathlib.Path) -> command.Outcome:
        """Run a command to its end."""
        with self.start(*words) as running:
            ended: command.Outcome = running.end()
        assert ended.left == ()
        return ended

    def plan(self, definitions: pathlib.Path) -> list[dict[str, Any]]:
        """Return what is planned."""
        ended = self.retrofit("plan", "--definitions", definitions, "--json")
        assert ended.code == 0, ended.stderr
        images: list[dict[str, Any]] = json.loads(ended.stdout)["images"]
        return images

    def run(self, definitions: pathlib.Path) -> tuple[command.Outcome, dict[str, Any]]:
        """Do what is needed; return how that ended, and the result."""
        result = self.place / "result.json"
        ended = self.retrofit("run", "--definitions", definitions, "--result", result)
        document: dict[str, Any] = json.loads(result.read_text())
        return ended, document


@pytest.fixture(scope="module")
def operator() -> Iterator[Operator]:
    with (
        scratch.directory("definitions") as place,
        cloud.running() as running,
        mirror.serving() as archive,
        interceptor.intercepting(running) as glance,
    ):
        for directory in ("work", "empty", "cache", "definitions", "elements/broken/install.d"):
            (place / directory).mkdir(parents=True)
        script = place / "elements/broken/install.d/10-break"
        script.write_text("#!/bin/sh\nexit 3\n")
        script.chmod(0o755)
        # Nobody is to be killed.
        glance.doom(0, fatal=0)
        clouds = running.clouds_yaml(place / "clouds.yaml")
        override = f"image_endpoint_override: {glance.url}\n    region_name:"
        clouds.write_text(clouds.read_text().replace("region_name:", override))
        _upload_bases(running, place)
        yield Operator(
            place,
            clouds,
            glance,
            running,
            {
                "recipe": "bare",
                "mirror": archive,
                "depth": "off",
                "rebuild-on": ["base", "recipe"],
                "cloud": cloud.RETROFIT,
                "work-dir": str(place / "work"),
                "cache-dir": str(place / "cache"),
            },
        )


def _upload_bases(running: cloud.Cloud, place: pathlib.Path) -> None:
    """Upload a base image of each release and architecture, of which one can be built from."""
    for number, (release, architecture) in enumerate(itertools.product(_RELEASES, _ARCHITECTURES)):
        data = place / "base.raw"
        data.write_bytes(number.to_bytes(512, "little"))
        whole = (release, architecture) == ("noble", "x86_64")
        version = _RELEASES[release]
        running.upload_base(
            simple_disks.installable() if whole else data,
            disk_format="qcow2" if whole else "raw",
            product_name=f"com.ubuntu.cloud.daily:server:{version}:{_ARCHITECTURES[architecture]}",
            os_version=version,
            architecture=architecture,
        )


def _publish(mine: Connection, planned: dict[str, Any], fingerprint: str) -> None:
    """Put an image into Glance as a run would have left it, with hardly any data."""
    body = {
        "name": f"published as {planned['name']}",
        "disk_format": "raw",
        "container_format": "bare",
        "visibility": "community",
        "hw_disk_bus": "virtio",
        "tags": [marks.OWN_TAG, planned["tag"], "all-of-show"],
        "architecture": planned["name"].split("-")[2],
        marks.FINGERPRINT: fingerprint,
        marks.AMP_IMAGE_TAG: planned["tag"],
        marks.PROOF_DEPTH: "boot",
        marks.PROOF_RESULT: marks.PASSED,
        marks.PROOF_TIME: "2026-08-01T00:00:00+00:00",
    }
    image = mine.image.post("/images", json=body).json()
    kind = {"Content-Type": "application/octet-stream"}
    answer = mine.image.put(f"/images/{image['id']}/file", data=b"tiny", headers=kind)
    answer.raise_for_status()


def _seconds(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


def test_forty_images_of_which_two_are_outdated(operator: Operator) -> None:
    show = {
        "name": "show",
        "releases": list(_RELEASES),
        "architectures": list(_ARCHITECTURES),
        "formats": list(_FORMATS),
        "tags": ["show-{release}-{architecture}-{format}", "all-of-show"],
        "visibility": "community",
        "properties": {"hw_disk_bus": "virtio"},
    }
    definitions = operator.define(show)
    planned = operator.plan(definitions)
    assert len(planned) == 40
    assert {image["action"] for image in planned} == {"build"}
    with operator.running.connect(cloud.RETROFIT) as mine:
        for image in planned:
            outdated = image["name"] in _OUTDATED
            _publish(mine, image, "0" * 64 if outdated else image["fingerprint"])

    # One table.
    operator.glance.requests.clear()
    listed = operator.retrofit("list", "--definitions", definitions)
    head, *rows = listed.stdout.splitlines()
    assert head.split() == ["WANTED", "TAG", "PUBLISHED", "AGE", "PROVEN"]
    assert [row.split()[0] for row in rows] == [image["name"] for image in planned]
    assert all(row.endswith("boot passed 2026-08-01") for row in rows)
    assert len(operator.glance.requests) <= 3

    # One plan: a search for each base image, and three questions about each image.
    operator.glance.requests.clear()
    actions = {image["name"]: image["action"] for image in operator.plan(definitions)}
    assert {name for name, action in actions.items() if action == "build"} == _OUTDATED
    assert set(actions.values()) == {"build", "none"}
    assert len(operator.glance.requests) <= 20 + 3 * 40 + 5
    assert {request.split()[0] for request in operator.glance.requests} == {"GET"}

    # Only what is needed is built, two at a time.
    ended, result = operator.run(definitions)

    assert ended.code == 0, ended.stderr
    assert (result["outcome"], result["message"]) == (
        "published",
        "40 images: 38 up-to-date, 2 published",
    )
    made = [image for image in result["images"] if image["outcome"] == "published"]
    assert {image["name"] for image in made} == _OUTDATED
    first, second = ((_seconds(one["started"]), _seconds(one["ended"])) for one in made)
    assert max(first[0], second[0]) < min(first[1], second[1])
    for name in _OUTDATED:
        lines = [line for line in ended.stderr.splitlines() if line.startswith(f"{name}: ")]
        assert lines[0].startswith(f"{name}: published as {name} has no metadata about its inputs")
        assert f"{name}: customise: " in "\n".join(lines)
        assert lines[-1].startswith(f"{name}: published ")
    for image in made:
        shown = operator.running.image(image["image"]["id"])
        assert set(shown["tags"]) == {marks.OWN_TAG, image["name"], "all-of-show"}
        assert (shown["visibility"], shown["hw_disk_bus"]) == ("community", "virtio")
        assert shown["name"].endswith("-show-" + shown["disk_format"])

    # And then nothing is.
    built = {"releases": ["noble"], "architectures": ["x86_64"]}
    again, result = operator.run(operator.define(show | built))
    assert (again.code, result["outcome"]) == (3, "up-to-date")
    assert again.line == (
        "retrofit: error: all 2 images are up to date; use force to build them again"
    )


def test_one_that_fails_leaves_the_other(operator: Operator) -> None:
    elements = {"elements": ["broken"], "elements-paths": [str(operator.place / "elements")]}
    definitions = operator.define(
        {"name": "broken", "releases": ["noble"], "tags": ["broken"], **elements},
        {"name": "whole", "releases": ["noble"], "tags": ["whole"], "root-size": "1G"},
        {"name": "baseless", "distribution": "debian", "releases": ["trixie"], "tags": ["none"]},
    )

    ended, result = operator.run(definitions)

    assert ended.code == 76, ended.stderr
    assert result["outcome"] == "failed"
    outcomes = {image["name"]: image["outcome"] for image in result["images"]}
    assert outcomes == {
        "broken-noble": "failed",
        "whole-noble": "published",
        "baseless-trixie": "failed",
    }
    assert "retrofit: error: 2 of 3 images failed: broken-noble: " in ended.line
    assert "no base image in Glance for debian 13 (trixie)" in ended.line
    (whole,) = operator.running.images(tag="whole")
    assert (whole["status"], whole["visibility"]) == ("active", "shared")
    assert operator.running.unfinished() == []

    # Metadata of an image needs no build.
    said = {"visibility": "private", "properties": {"hw_disk_bus": "virtio"}}
    definitions = operator.define(
        {"name": "whole", "releases": ["noble"], "tags": ["whole", "label"], "root-size": "1G"}
        | said
    )
    (planned,) = operator.plan(definitions)
    assert planned["summary"] == (
        f"set: {whole['name']} ({whole['id']}): tag nothing → label; visibility shared → private; "
        "hw_disk_bus nothing → virtio"
    )
    ended, result = operator.run(definitions)
    assert (ended.code, result["outcome"], result["name"]) == (0, "tagged", "whole-noble")
    shown = operator.running.image(whole["id"])
    assert set(shown["tags"]) == {marks.OWN_TAG, "whole", "label"}
    assert (shown["visibility"], shown["hw_disk_bus"]) == ("private", "virtio")
    assert operator.plan(definitions)[0]["action"] == "none"


def test_an_interruption_ends_all(operator: Operator) -> None:
    definitions = operator.define(
        {"name": "a", "releases": ["noble"], "tags": ["a"], "root-size": "2G"},
        {"name": "b", "releases": ["noble"], "tags": ["b"], "formats": ["raw"], "root-size": "2G"},
        {"name": "c", "releases": ["noble"], "tags": ["c"], "root-size": "3G"},
    )
    images = operator.running.images()

    with operator.start("run", "--definitions", definitions) as running:
        running.wait_for(lambda printed: "unpack:" in printed)
        with operator.start("run", "--definitions", definitions) as second:
            refused = second.end()
        running.send(signal.SIGTERM)
        ended = running.end()

    assert refused.code == 75
    assert ended.code == 143, ended.stderr
    assert ended.left == ()
    assert operator.running.images() == images
