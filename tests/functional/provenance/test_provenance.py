"""What an image was made of, read back from a real Glance by a machine that knows nothing else."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from cyclonedx import schema
from cyclonedx.validation import json as validation
from tests.support import scratch
from tests.support.building import local_archive, mirror, simple_disks
from tests.support.cli import command
from tests.support.cloud import cloud

_SECRET = "user:secret@"
_PACKAGES = {
    "first": "from-noble-security:\nfrom-noble-updates:\n",
    "further": "from-noble:\n",
}


@dataclasses.dataclass(frozen=True)
class Shelf:
    """Images in Glance and a machine that reaches it.

    Attributes:
        home: The machine's only directory; clouds.yaml is all there is in it.
        base: Identifier of the base image.
        first: An image with two packages.
        second: One with a further package.
        later: One like the second, when the archive had new versions.
        undescribed: An image without metadata.
    """

    home: pathlib.Path
    base: str
    first: str
    second: str
    later: str
    undescribed: str

    def ask(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run ``retrofit`` on the machine."""
        return subprocess.run(
            [sys.executable, "-m", "retrofit", *words, "--os-cloud", cloud.RETROFIT],
            cwd=self.home,
            env={"HOME": str(self.home), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )

    def json(self, *words: str) -> dict[str, Any]:
        """Return what a command prints with ``--json``."""
        ended = self.ask(*words, "--json")
        assert ended.returncode == 0, ended.stderr
        document: dict[str, Any] = json.loads(ended.stdout)
        return document


@pytest.fixture(scope="module")
def shelf(running_cloud: cloud.Cloud) -> Iterator[Shelf]:
    # Not in pytest's own directory, which is closed to all but root: root of a build's workshop
    # is another user.
    with (
        scratch.directory("provenance") as place,
        mirror.serving() as now,
    ):
        _write_elements(place / "elements")
        home = place / "home"
        (home / ".config/openstack").mkdir(parents=True)
        clouds = running_cloud.clouds_yaml(home / ".config/openstack/clouds.yaml")
        base = running_cloud.upload_base(
            simple_disks.installable(), name="base of provenance", version_name="provenance"
        )
        later = now.removesuffix(local_archive.NOW) + local_archive.LATER

        def build(archive: str, *elements: str) -> str:
            words = ["image", f"glance:{base}", "glance:", "--os-cloud", cloud.RETROFIT]
            words += ["--recipe", "bare", "--depth", "off", "--mirror", archive]
            words += ["--amp-image-tag", "provenance"]
            words += ["--elements-path", str(place / "elements"), "--env", "DIB_PASSWORD=hunter2"]
            words += [word for each in elements for word in ("--element", each)]
            return _run(words, place, clouds)

        yield Shelf(
            home=home,
            base=base,
            first=build(now, "first"),
            second=build(now, "first", "further"),
            later=build(later.replace("://", f"://{_SECRET}"), "first", "further"),
            undescribed=running_cloud.upload_base(
                simple_disks.installable(), name="existing charm's"
            ),
        )


def _write_elements(directory: pathlib.Path) -> None:
    for name, packages in _PACKAGES.items():
        (directory / name).mkdir(parents=True)
        (directory / name / "element-deps").write_text("package-installs\n")
        (directory / name / "package-installs.yaml").write_text(packages)


def _run(words: list[str], place: pathlib.Path, clouds: pathlib.Path) -> str:
    """Publish an image; return its identifier."""
    work = place / "work"
    work.mkdir(exist_ok=True)
    with command.started(
        [*words, "--work-dir", str(work)],
        cwd=place,
        work=work,
        module="tests.support.cli.bare_retrofit",
        environment={"OS_CLIENT_CONFIG_FILE": str(clouds)},
    ) as running:
        ended = running.end()
    assert ended.code == 0, ended.stderr
    return ended.stdout.split()[0]


def test_shows_what_an_image_was_made_of(shelf: Shelf, running_cloud: cloud.Cloud) -> None:
    shown = shelf.json("show", shelf.second)

    made = shown["provenance"]
    base = running_cloud.image(shelf.base)
    assert made["base"] == {
        "id": shelf.base,
        "name": "base of provenance",
        "hash": f"sha512:{base['os_hash_value']}",
        "product": base["product_name"],
        "version": "provenance",
    }
    assert made["recipe"] == "bare"
    assert {"existing-ubuntu", "first", "further", "package-installs"} <= set(made["elements"])
    assert set(made["releases"]) == {"diskimage-builder"}
    assert made["system"]["series"] == "noble"
    image = running_cloud.image(shelf.second)
    assert shown["tags"] == sorted(image["tags"])
    # Another one was published after it.
    assert shown["state"] == "former"
    assert shown["proof"] == {"depth": "off", "result": "", "time": "", "summary": ""}
    assert shown["content-hash"] == f"sha512:{image['os_hash_value']}"
    assert shown["fingerprint"] == image["retrofit_fingerprint"]


def test_lists_the_packages_and_marks_what_a_security_pocket_offered(shelf: Shelf) -> None:
    packages = {entry["name"]: entry for entry in shelf.json("show", shelf.second)["packages"]}

    assert {"from-noble", "from-noble-security", "from-noble-updates", "apt"} <= set(packages)
    assert [name for name, entry in packages.items() if entry["security"]] == [
        "from-noble-security"
    ]
    assert packages["from-noble"] == {
        "name": "from-noble",
        "version": "1",
        "architecture": "all",
        "security": False,
    }


def test_shows_a_person_the_same(shelf: Shelf) -> None:
    ended = shelf.ask("show", shelf.second)

    assert (ended.returncode, ended.stderr) == (0, "")
    rows = dict(line.split(maxsplit=1) for line in ended.stdout.splitlines())
    assert rows["image"].startswith(f"{shelf.second} amphora-haproxy-x86_64-ubuntu-24.04-prov")
    assert rows["packages"].endswith(", 1 of them security updates")


def test_gives_a_bill_of_materials_in_the_standard_form(shelf: Shelf) -> None:
    ended = shelf.ask("show", shelf.second, "--sbom")

    validator = validation.JsonStrictValidator(schema.SchemaVersion.V1_6)
    assert validator.validate_str(ended.stdout) is None
    bill = json.loads(ended.stdout)
    packages = shelf.json("show", shelf.second)["packages"]
    assert len(bill["components"]) == len(packages)
    purls = {entry["purl"] for entry in bill["components"]}
    assert "pkg:deb/ubuntu/from-noble@1?arch=all&distro=ubuntu-24.04" in purls


def test_two_builds_a_package_apart_differ_in_that_package(shelf: Shelf) -> None:
    found = shelf.json("diff", shelf.first, shelf.second)

    assert [package["name"] for package in found["added"]] == ["from-noble"]
    assert found["removed"] == found["upgraded"] == found["downgraded"] == []
    assert [difference["what"] for difference in found["differences"]] == [
        "elements",
        "elements digest",
        "options elements",
    ]
    assert (found["from"]["id"], found["to"]["id"]) == (shelf.first, shelf.second)


def test_upgrades_are_told_and_those_for_security_marked(shelf: Shelf) -> None:
    found = shelf.json("diff", shelf.second, shelf.later)

    assert [
        (change["name"], change["from"], change["to"], change["security"])
        for change in found["upgraded"]
    ] == [
        ("from-noble", "1", "2", False),
        ("from-noble-security", "1", "2", True),
        ("from-noble-updates", "1", "2", False),
    ]
    assert found["added"] == found["removed"] == found["downgraded"] == []
    assert [difference["what"] for difference in found["differences"]] == ["options mirror"]
    back = shelf.ask("diff", shelf.later, shelf.second)
    assert back.returncode == 0
    assert "packages: 0 added, 0 removed, 0 upgraded (0 security), 3 downgraded" in back.stdout


def test_no_secret_reaches_glance(shelf: Shelf, running_cloud: cloud.Cloud) -> None:
    said = json.dumps(running_cloud.image(shelf.later))

    assert "mirror" in said
    assert "secret" not in said
    assert "hunter2" not in said


@pytest.mark.parametrize("words", [("show",), ("diff", "first")])
def test_an_image_of_others_is_one_line(shelf: Shelf, words: tuple[str, ...]) -> None:
    asked = [getattr(shelf, word, word) for word in words]

    ended = shelf.ask(*asked, shelf.undescribed)

    assert ended.returncode == os.EX_DATAERR
    assert ended.stdout == ""
    assert ended.stderr.startswith(
        f'retrofit: error: the image {shelf.undescribed} ("existing charm\'s") has no provenance'
    )
    assert ended.stderr.count("\n") == 1


def test_an_image_that_is_not_there_is_one_line(shelf: Shelf) -> None:
    ended = shelf.ask("show", "00000000-0000-4000-8000-000000000000")

    assert ended.returncode == os.EX_NOINPUT
    assert ended.stderr.count("\n") == 1


def test_a_word_that_is_no_identifier_is_wrong_usage(shelf: Shelf) -> None:
    ended = shelf.ask("show", "../images")

    assert ended.returncode == os.EX_USAGE
    assert ended.stderr.count("\n") == 1
