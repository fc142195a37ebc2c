"""A system of the Red Hat family, in miniature: created, built, proven at rest, and planned.

docs/explanation/red-hat-in-tests.md says what that does not prove.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest
from tests.support import scratch
from tests.support.base_images import miniature
from tests.support.building import contents
from tests.support.cli import command
from tests.support.cloud import cloud

pytestmark = pytest.mark.slow

_PACKAGE = "greeting"


@dataclasses.dataclass
class Bench:
    """Where images of the miniature distribution are made.

    Attributes:
        place: Directory for all of it.
        mirror: The distribution's.
    """

    place: pathlib.Path
    mirror: miniature.Mirror

    def run(self, *words: str | pathlib.Path, **environment: str) -> command.Outcome:
        """Run a command to its end."""
        with command.started(
            words, cwd=self.place / "files", work=self.place / "work", environment=environment
        ) as running:
            return running.end()

    def create(self, output: str, *words: str | pathlib.Path) -> command.Outcome:
        """Create an image of the distribution."""
        return self.run(
            *("create", output, "--series", miniature.SERIES, "--recipe", "plain"),
            *("--package-set", "minimal", "--mirror", self.mirror.url),
            *("--work-dir", self.place / "work", "--cache-dir", self.place / "cache"),
            *words,
        )


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with scratch.directory("red-hat") as place, miniature.serving() as mirror:
        for name in ("work", "files", "look"):
            (place / name).mkdir()
        yield Bench(place, mirror)


@pytest.fixture(scope="module")
def created(bench: Bench) -> pathlib.Path:
    """Return an image with a further package; beside it is its tar."""
    words = ("--keyring", miniature.keyring(), "--package", _PACKAGE)
    formats = ("--format", "qcow2", "--format", "tar")
    ended = bench.create("created", *words, *formats, "--depth", "rest")
    assert ended.code == 0, ended.stderr
    assert "built from a miniature distribution only, and never booted" in ended.stderr
    assert [one for one in ended.left if "/files/created." not in one] == []
    return bench.place / "files/created.qcow2"


def test_created_image_is_what_was_asked_for(bench: Bench, created: pathlib.Path) -> None:
    look = bench.place / "look"
    with contents.mounted(created, look) as root:
        assert 'ID="rocky"' in (root / "etc/os-release").read_text()
        # Scripts of packages ran.
        assert (root / "usr/share/greeted").read_text() == "hello\n"
        repository = (root / "etc/yum.repos.d/rocky-baseos.repo").read_text()
        assert f"baseurl={bench.mirror.url}/10/BaseOS/$basearch/os/" in repository
        assert "mirrorlist" not in repository
        # Nothing of the build stays.
        assert (root / "etc/dnf/dnf.conf").read_text().splitlines()[:3] == [
            "[main]",
            "gpgcheck=1",
            "installonly_limit=3",
        ]
        assert list((root / "var/cache/dnf").rglob("*.rpm")) == []
        assert (root / "etc/machine-id").read_bytes() == b""
        (entry,) = (root / "boot/loader/entries").iterdir()
        assert "root=LABEL=cloudimg-rootfs" in entry.read_text()


def test_what_lies_beside_names_packages_of_rpm(created: pathlib.Path) -> None:
    listed = json.loads(created.with_name(f"{created.name}.manifest").read_text())["packages"]
    (package,) = [one for one in listed if one["package"] == _PACKAGE]
    assert (package["version"], package["arch"]) == ("1:1.0-1", "x86_64")
    bill = json.loads(created.with_name(f"{created.name}.cdx.json").read_text())
    (component,) = [one for one in bill["components"] if one["name"] == _PACKAGE]
    assert component["purl"] == (
        "pkg:rpm/rocky/greeting@1.0-1?arch=x86_64&distro=rocky-10.0&epoch=1"
    )


@dataclasses.dataclass
class Published:
    """An image in Glance, made of the created one.

    Attributes:
        bench: Where it was made.
        request: The file that says how.
        clouds: clouds.yaml of whoever made it.
        result: How the run ended.
    """

    bench: Bench
    request: pathlib.Path
    clouds: pathlib.Path
    result: dict[str, Any]

    def plan(self) -> dict[str, Any]:
        """Return what a run would do about it."""
        words = ("plan", self.request, "--json")
        ended = self.bench.run(*words, OS_CLIENT_CONFIG_FILE=str(self.clouds))
        assert ended.code == 0, ended.stderr
        (image,) = json.loads(ended.stdout)["images"]
        return dict(image)


@pytest.fixture(scope="module")
def published(bench: Bench, created: pathlib.Path, running_cloud: cloud.Cloud) -> Published:
    place = bench.place
    clouds = running_cloud.clouds_yaml(place / "clouds.yaml")
    wanted = {
        "source": str(created),
        "target": "glance:",
        "recipe": "plain",
        "mirror": bench.mirror.url,
        "packages": ["plain"],
        "amp-image-tag": "red-hat",
        "depth": "rest",
        "cloud": cloud.RETROFIT,
        "work-dir": str(place / "work"),
        "cache-dir": str(place / "cache"),
    }
    file = place / "image.json"
    file.write_text(json.dumps(wanted))
    ended = bench.run(
        *("run", file, "--result", place / "result.json"), OS_CLIENT_CONFIG_FILE=str(clouds)
    )
    assert ended.code == 0, ended.stderr
    assert ended.left == ()
    return Published(bench, file, clouds, json.loads((place / "result.json").read_text()))


def test_published_image_says_what_it_is(published: Published, running_cloud: cloud.Cloud) -> None:
    with running_cloud.admin() as admin:
        image = admin.image.get_image(published.result["image"]["id"])
    assert (image.os_distro, image.os_version) == ("rocky", "10.0")
    assert image.name.startswith("plain-x86_64-rocky-10.0-")


def test_newer_package_in_a_repository_is_a_reason(published: Published) -> None:
    assert published.plan()["reasons"] == []

    published.bench.mirror.time = miniature.Time.LATER
    try:
        later = published.plan()
    finally:
        published.bench.mirror.time = miniature.Time.RELEASE

    assert later["action"] == "build"
    changes = {
        reason["kind"]: [(one["name"], one["after"]) for one in reason["changes"]]
        for reason in later["reasons"]
    }
    assert changes["security"] == [("greeting", "1:2.0-1")]
    assert changes["packages"] == [("basesystem", "1.1-1"), ("plain", "1.1-1")]


def test_build_brings_packages_up_to_date(
    published: Published, running_cloud: cloud.Cloud
) -> None:
    """Also those with directories on which something is mounted during a build."""
    bench = published.bench
    bench.mirror.time = miniature.Time.LATER
    try:
        ended = bench.run(
            *("run", published.request, "--result", bench.place / "later.json"),
            OS_CLIENT_CONFIG_FILE=str(published.clouds),
        )
        assert ended.code == 0, ended.stderr
        assert published.plan()["reasons"] == []
    finally:
        bench.mirror.time = miniature.Time.RELEASE
    identifier = json.loads((bench.place / "later.json").read_text())["image"]["id"]
    ended = bench.run(
        *("show", identifier, "--json", "--os-cloud", cloud.RETROFIT),
        OS_CLIENT_CONFIG_FILE=str(published.clouds),
    )
    packages = {one["name"]: one for one in json.loads(ended.stdout)["packages"]}
    versions = {name: packages[name]["version"] for name in ("basesystem", "greeting", "plain")}
    assert versions == {"basesystem": "1.1-1", "greeting": "1:2.0-1", "plain": "1.1-1"}
    assert [name for name, one in packages.items() if one["security"]] == ["greeting"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--package", "unsigned"], "is not signed"),
        (["--package", "missing"], "missing"),
    ],
)
def test_package_that_cannot_be_installed(bench: Bench, words: list[str], said: str) -> None:
    ended = bench.create("refused.qcow2", "--keyring", miniature.keyring(), *words)

    assert ended.code != 0
    assert said in ended.stderr
    assert ended.left == ()
    assert not (bench.place / "files/refused.qcow2").exists()


def test_mirror_that_others_signed(bench: Bench, tmp_path: pathlib.Path) -> None:
    from tests.support.base_images import stream_tree

    signer = stream_tree.Signer(tmp_path / "own")
    keys = tmp_path / "keys.asc"
    keys.write_text(signer.armoured())
    signer.close()

    ended = bench.create("refused.qcow2", "--keyring", keys)

    assert ended.code != 0
    assert "not signed with a known key" in ended.line
    assert ended.left == ()
