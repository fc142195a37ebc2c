"""An image in Glance is made again from what it says of itself, and the two are compared."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Callable, Iterator

import pytest
from tests.support import scratch
from tests.support.base_images import base_images
from tests.support.cli import command
from tests.support.cloud import cloud

from retrofit import errors

_MOMENT = "1700000000"
_FIXED = "#!/bin/sh\necho 'always the same' > /etc/made\n"
_RANDOM = "#!/bin/sh\nhead -c 8 /dev/urandom | od > /etc/made\n"

Run = Callable[..., command.Outcome]


@pytest.fixture
def place() -> Iterator[pathlib.Path]:
    with scratch.directory("reproduce") as directory:
        for name in ("work", "empty", "cache"):
            (directory / name).mkdir()
        yield directory


@pytest.fixture
def retrofit(running_cloud: cloud.Cloud, place: pathlib.Path) -> Run:
    """Return how to run the command on the cloud; it has to leave nothing behind."""
    clouds = running_cloud.clouds_yaml(place / "clouds.yaml")

    def run(*words: str | pathlib.Path, **variables: str) -> command.Outcome:
        with command.started(
            [*words, "--os-cloud", cloud.RETROFIT, "--work-dir", place / "work"],
            cwd=place / "empty",
            work=place / "work",
            environment={"OS_CLIENT_CONFIG_FILE": str(clouds), **variables},
        ) as running:
            ended: command.Outcome = running.end()
        assert ended.left == ()
        return ended

    return run


@pytest.mark.slow
def test_an_image_is_the_same_or_the_first_file_is_named(
    running_cloud: cloud.Cloud, place: pathlib.Path, retrofit: Run
) -> None:
    base = running_cloud.upload_base(
        base_images.jammy(), product_name=None, os_distro="debian", os_version="12"
    )
    script = place / "script"

    def build(text: str, **variables: str) -> str:
        script.write_text(text)
        made = retrofit(
            *("image", f"glance:{base}", "glance:", "--recipe", "plain", "--json", "--force"),
            *("--cache-dir", place / "cache", "--depth", "rest", "--run", script),
            **variables,
        )
        assert made.code == 0, made.stderr
        return str(json.loads(made.stdout)["image"]["id"])

    fixed = build(_FIXED, SOURCE_DATE_EPOCH=_MOMENT)
    again = retrofit("reproduce", fixed, "--run", script)
    assert again.code == 0, again.stderr
    assert again.stdout.endswith(" is the same, bit for bit\n")

    without = retrofit("reproduce", fixed)
    assert without.code == errors.ConfigError.exit_code
    assert "was made of other inputs: element image-options " in without.line

    random = build(_RANDOM, SOURCE_DATE_EPOCH=_MOMENT)
    another = retrofit("reproduce", random, "--run", script)
    assert another.code == errors.ProofFailed.exit_code
    assert (
        "is another one when it is built again: /etc/made differs in its content" in another.line
    )

    usual = build(_FIXED)
    refused = retrofit("reproduce", usual, "--run", script)
    assert refused.code == errors.ConfigError.exit_code
    assert "was not built to be made again bit for bit" in refused.line
