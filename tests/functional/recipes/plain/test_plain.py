"""A plain cloud image, from a base image in Glance to a proven one that is published there."""

from __future__ import annotations

import json
import pathlib
import re
from collections.abc import Iterator

import pytest
from tests.support import scratch
from tests.support.base_images import base_images
from tests.support.cli import command
from tests.support.cloud import cloud

from retrofit import errors

_OWN_TAG = "octavia-diskimage-retrofit"


@pytest.fixture
def place() -> Iterator[pathlib.Path]:
    with scratch.directory("plain") as directory:
        for name in ("work", "empty", "cache"):
            (directory / name).mkdir()
        yield directory


@pytest.fixture
def base(running_cloud: cloud.Cloud) -> Iterator[str]:
    """Give the identifier of a base image; others who look for Debian find none in the end."""
    identifier = running_cloud.upload_base(
        base_images.noble(),
        product_name=None,
        version_name="plain",
        os_distro="debian",
        os_version="12",
    )
    yield identifier
    with running_cloud.admin() as admin:
        admin.image.delete_image(identifier)


def test_a_plain_image_is_made_booted_and_published(
    running_cloud: cloud.Cloud, place: pathlib.Path, base: str
) -> None:
    clouds = running_cloud.clouds_yaml(place / "clouds.yaml")

    def retrofit(*words: str | pathlib.Path) -> command.Outcome:
        with command.started(
            [*words, "--os-cloud", cloud.RETROFIT, "--work-dir", place / "work"],
            cwd=place / "empty",
            work=place / "work",
            environment={"OS_CLIENT_CONFIG_FILE": str(clouds)},
        ) as running:
            ended: command.Outcome = running.end()
        assert ended.left == ()
        return ended

    made = retrofit(
        *("image", f"glance:{base}", "glance:", "--recipe", "plain", "--json"),
        *("--cache-dir", place / "cache"),
    )
    assert made.code == 0, made.stderr
    result = json.loads(made.stdout)
    shown = running_cloud.image(result["image"]["id"])
    expected = {
        "name": "plain-x86_64-debian-12-plain",
        "status": "active",
        "visibility": "shared",
        "os_type": "linux",
        "retrofit_recipe": "plain",
        "retrofit_amp_image_tag": "plain",
        "retrofit_proof_depth": "boot",
        "retrofit_proof_result": "passed",
    }
    assert {key: shown.get(key) for key in expected} == expected
    assert sorted(shown["tags"]) == [_OWN_TAG, "plain"]
    assert "amphora" not in json.dumps(shown)
    passed = {each["check"] for each in result["proof"]["checks"] if each["outcome"] == "pass"}
    assert {"boot ends", "no failed unit", "cloud-init done", "root file system grown"} <= passed

    moved = retrofit("rollout", "--amp-image-tag", "plain", "--yes")
    assert moved.code == errors.ConfigError.exit_code
    assert re.search("no service runs machines with images of the recipe plain", moved.line)

    deeper = retrofit("verify", f"glance:{shown['id']}", "--recipe", "plain", "--depth", "traffic")
    assert deeper.code == errors.ConfigError.exit_code
    assert "--depth boot" in deeper.line
