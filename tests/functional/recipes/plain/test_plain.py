"""A plain cloud image, from a base image in Glance to a proven one that is published there."""

from __future__ import annotations

import json
import math
import pathlib
import re
from collections.abc import Callable, Iterator

import pytest
from tests.support import scratch
from tests.support.base_images import base_images
from tests.support.cli import command
from tests.support.cloud import cloud

from retrofit import errors, model

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
        hw_rng_model="virtio",
    )
    yield identifier
    with running_cloud.admin() as admin:
        admin.image.delete_image(identifier)


@pytest.fixture
def retrofit(running_cloud: cloud.Cloud, place: pathlib.Path) -> Callable[..., command.Outcome]:
    """Return how to run the command on the cloud; it has to leave nothing behind."""
    clouds = running_cloud.clouds_yaml(place / "clouds.yaml")

    def run(*words: str | pathlib.Path) -> command.Outcome:
        with command.started(
            [*words, "--os-cloud", cloud.RETROFIT, "--work-dir", place / "work"],
            cwd=place / "empty",
            work=place / "work",
            environment={"OS_CLIENT_CONFIG_FILE": str(clouds)},
        ) as running:
            ended: command.Outcome = running.end()
        assert ended.left == ()
        return ended

    return run


def test_a_plain_image_is_made_booted_and_published(
    running_cloud: cloud.Cloud,
    place: pathlib.Path,
    base: str,
    retrofit: Callable[..., command.Outcome],
) -> None:
    check = place / "seen.sh"
    check.write_text('#!/bin/sh\ntouch /etc/seen\n[ -s /etc/os-release ] && echo "seen at $1"\n')

    made = retrofit(
        *("image", f"glance:{base}", "glance:", "--recipe", "plain", "--json"),
        *("--cache-dir", place / "cache", "--check", check),
    )
    assert made.code == 0, made.stderr
    result = json.loads(made.stdout)
    shown = running_cloud.image(result["image"]["id"])
    expected = {
        "name": "plain-x86_64-debian-12-plain",
        "status": "active",
        "visibility": "shared",
        "os_type": "linux",
        "os_purpose": "generic",
        "hw_rng_model": "virtio",
        "hw_architecture": "x86_64",
        "image_original_user": "debian",
        "min_disk": math.ceil(shown["virtual_size"] / model.GIB),
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
    own = [each for each in result["proof"]["checks"] if each["check"] == "own check seen.sh"]
    assert [(each["depth"], each["outcome"], each["evidence"]) for each in own] == [
        ("rest", "pass", "seen at rest"),
        ("boot", "pass", "seen at boot"),
    ]

    moved = retrofit("rollout", "--amp-image-tag", "plain", "--yes")
    assert moved.code == errors.ConfigError.exit_code
    assert re.search("no service runs machines with images of the recipe plain", moved.line)

    deeper = retrofit("verify", f"glance:{shown['id']}", "--recipe", "plain", "--depth", "traffic")
    assert deeper.code == errors.ConfigError.exit_code
    assert "--depth boot" in deeper.line


@pytest.mark.slow
@pytest.mark.parametrize("depth", ["rest", "boot"])
def test_an_own_check_that_fails_keeps_the_tag_away(
    running_cloud: cloud.Cloud,
    place: pathlib.Path,
    base: str,
    retrofit: Callable[..., command.Outcome],
    depth: str,
) -> None:
    check = place / "wants-more"
    check.write_text(f'#!/bin/sh\necho "looks at $1"; [ "$1" != {depth} ] || exit 3\n')

    made = retrofit(
        *("image", f"glance:{base}", "glance:", "--recipe", "plain", "--force"),
        *("--cache-dir", place / "cache", "--evidence", place / "evidence", "--check", check),
    )

    assert made.code == errors.ProofFailed.exit_code
    assert "fails 1 of" in made.line
    assert "checks: own check wants-more;" in made.line
    [evidence] = (place / "evidence").iterdir()
    found = json.loads((evidence / "checks.json").read_text())["checks"]
    [wrong] = [each for each in found if each["outcome"] == "fail"]
    assert (wrong["check"], wrong["depth"]) == ("own check wants-more", depth)
    assert wrong["evidence"] == f"status 3: looks at {depth}"
    assert (evidence / f"check-wants-more-{depth}.txt").read_text() == f"looks at {depth}\n"
    shown = running_cloud.image(evidence.name)
    assert shown["tags"] == []
    assert shown["retrofit_state"] == "failed"
