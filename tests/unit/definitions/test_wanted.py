"""From files of definitions to images, each with its request; what is refused, with its line."""

import dataclasses
import json
import os
import pathlib
import sys
import types

import pytest

from retrofit import errors, model, recipes
from retrofit.base_images import files, glance, simplestreams
from retrofit.definitions import expansion, schema
from retrofit.host import yaml_lines
from retrofit.model import findings
from retrofit.provenance import marks
from retrofit.publishing import glance_target

_SCHEMA = (
    pathlib.Path(__file__).resolve().parents[3] / "src/retrofit/image-definitions.schema.json"
)
_MANY = """\
defaults:
  mirror: https://mirror.example/ubuntu
  depth: off
  elements-paths: [elements]
images:
  - name: amphora
    releases: [jammy, noble]
    architectures: [x86_64, aarch64]
    formats: [qcow2, raw]
    pocket: caracal
    tags: ["amphora-{release}-{architecture}-{format}", balancer]
    visibility: public
    properties: {hw_disk_bus: virtio}
    keep: 5
    schedule: weekly
  - name: plain
    source: "simplestreams:"
    tags: [plain]
    depth: rest
"""


def _parse(text: str) -> tuple[expansion.Image, ...]:
    return expansion.parse(text, pathlib.Path("images.yaml"))


def _refusal(text: str) -> str:
    with pytest.raises(errors.ConfigError) as caught:
        _parse(text)
    return str(caught.value)


def test_releases_are_those_of_the_recipe(monkeypatch: pytest.MonkeyPatch):
    late = dataclasses.replace(
        recipes.get("amphora"), name="late", first_series={"ubuntu": "noble"}
    )
    monkeypatch.setitem(sys.modules, "late", types.SimpleNamespace(RECIPE=late))
    monkeypatch.setitem(recipes.KINDS, "late", "late")
    text = "images:\n- {name: one, recipe: late, tags: [one], releases: [RELEASE]}\n"

    [image] = _parse(text.replace("RELEASE", "noble"))
    assert image.request.build.recipe == "late"
    assert "'jammy' is not a release of ubuntu" in _refusal(text.replace("RELEASE", "jammy"))


class TestExpansion:
    def test_releases_architectures_formats(self):
        images = _parse(_MANY)

        assert [image.name for image in images] == [
            "amphora-jammy-x86_64-qcow2",
            "amphora-jammy-x86_64-raw",
            "amphora-jammy-aarch64-qcow2",
            "amphora-jammy-aarch64-raw",
            "amphora-noble-x86_64-qcow2",
            "amphora-noble-x86_64-raw",
            "amphora-noble-aarch64-qcow2",
            "amphora-noble-aarch64-raw",
            "plain",
        ]
        image = images[3]
        assert image.request.source == glance.Wanted(series="jammy", architecture="aarch64")
        assert image.request.build == model.BuildRequest(
            "amphora",
            image_format=model.ImageFormat.RAW,
            elements_paths=(pathlib.Path("elements"),),
            archives=model.Archives(mirror="https://mirror.example/ubuntu", uca_pocket="caracal"),
            series="jammy",
        )
        assert image.request.target == glance_target.GlanceTarget(
            "amphora-jammy-aarch64-raw",
            labels=("balancer",),
            variant="raw",
            visibility=model.Visibility.PUBLIC,
            properties=(("hw_disk_bus", "virtio"),),
            keep=5,
            apart_from=frozenset(image.tag for image in images) - {"amphora-jammy-aarch64-raw"},
        )
        assert image.request.proof.depth is findings.Depth.OFF
        assert (image.schedule, image.definition) == ("weekly", "amphora")
        assert (image.place, image.tag_place) == ("images.yaml:6", "images.yaml:11")

    def test_what_is_left_open(self):
        image = _parse(_MANY)[-1]

        assert image.request.source == simplestreams.Wanted()
        assert image.request.proof.depth is findings.Depth.REST
        assert image.tag == "plain"
        assert isinstance(image.request.target, glance_target.GlanceTarget)
        assert image.request.target.variant == "plain"

    def test_once(self):
        image = _parse(_MANY)[0].once(force=True, source="glance:abc")

        assert image.request.force
        assert image.request.source == glance.Wanted(
            image_id="abc", series="jammy", architecture="x86_64"
        )

    def test_once_for_some(self, tmp_path: pathlib.Path):
        path, once = tmp_path / "images.yaml", tmp_path / "once.json"
        path.write_text(_MANY)
        once.write_text(
            json.dumps({"images": ["plain", "amphora-noble-x86_64-raw"], "force": True})
        )

        images = expansion.read(path, once=once)

        assert [image.name for image in images] == ["amphora-noble-x86_64-raw", "plain"]
        assert all(image.request.force for image in images)
        assert isinstance(images[1].request.target, glance_target.GlanceTarget)
        # Of those that are not wanted this time, too.
        assert len(images[1].request.target.apart_from) == 8
        once.write_text(json.dumps({"images": ["plane"]}))
        with pytest.raises(
            errors.ConfigError, match="no definition has the name .'plane'.*amphora"
        ):
            expansion.read(path, once=once)

    def test_an_image_without_a_tag_of_its_own(self):
        (image,) = _parse(f"images: [{{name: a, tags: [{marks.OWN_TAG}]}}]")

        assert image.request.target == glance_target.GlanceTarget("", variant="a")

    def test_json_is_yaml(self):
        value = yaml_lines.parse(_MANY.encode(), pathlib.Path("x"), yaml_lines.Words).value

        assert [image.request for image in _parse(json.dumps(value))] == [
            image.request for image in _parse(_MANY)
        ]


class TestFiles:
    def test_directory(self, tmp_path: pathlib.Path):
        (tmp_path / "b.yml").write_text("images: [{name: b, tags: [b], elements-paths: [mine]}]")
        (tmp_path / "a.yaml").write_text("images: [{name: a, tags: [a], source: ./base.img}]")
        (tmp_path / "notes.txt").write_text("nothing to see")

        first, second = expansion.read(tmp_path)

        assert (first.name, first.request.source) == ("a", files.Wanted(tmp_path / "base.img"))
        assert second.request.build.elements_paths == (tmp_path / "mine",)
        assert second.place == f"{tmp_path}/b.yml:1"

    def test_one_file(self, tmp_path: pathlib.Path):
        path = tmp_path / "request.json"
        path.write_text('{"images": [{"name": "a", "tags": ["a"]}]}')

        assert [image.name for image in expansion.read(path)] == ["a"]

    def test_no_file(self, tmp_path: pathlib.Path):
        with pytest.raises(errors.InputMissing, match="has no definitions"):
            expansion.read(tmp_path)
        with pytest.raises(errors.InputMissing, match="cannot read"):
            expansion.read(tmp_path / "none")

    def test_two_files_that_get_into_each_others_way(self, tmp_path: pathlib.Path):
        (tmp_path / "a.yaml").write_text("images:\n- name: a\n  tags: [a, b]")
        (tmp_path / "b.yaml").write_text("images:\n- name: b\n  tags:\n  - b")

        with pytest.raises(errors.ConfigError) as caught:
            expansion.read(tmp_path)

        assert caught.value.message == (
            f"{tmp_path}/a.yaml:3: a has the tag b, which identifies b ({tmp_path}/b.yaml:4)"
        )


_HEAD = "images:\n- name: a\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (_HEAD, "2: tags is missing"),
        (_HEAD + "  tags: [a]\n  keep: -1", "4: wrong value -1 of images.0.keep"),
        (_HEAD + "  tags: [a]\n  keep: true", "4: wrong value True of images.0.keep"),
        (_HEAD + "  tags: [a]\n  keep: '3'", "4: wrong value '3' of images.0.keep"),
        (
            _HEAD + "  tags: [a]\n- name: a\n  tags: [b]",
            "4: the name a is already used in images.yaml:2",
        ),
        (
            _HEAD + "  releases: [jammy, noble]\n  tags: [a]",
            "4: a-noble has the tag a, which identifies a-jammy (images.yaml:4)",
        ),
        (
            _HEAD + "  tags: ['a-{release}']",
            "3: {release} in the tag 'a-{release}' needs releases",
        ),
        (_HEAD + "  tags: ['{series}']", "3: {series} in the tag '{series}' is not a placeholder"),
        (_HEAD + "  tags: ['a}']", "3: the tag 'a}' has a brace without its counterpart"),
        (_HEAD + "  tags: [a]\n  distribution: debian", "2: releases is missing for debian"),
        (
            _HEAD + "  tags: [a]\n  distribution: debian\n  releases: [trixie]\n  pocket: caracal",
            "6: the Ubuntu Cloud Archive has nothing for debian",
        ),
        (_HEAD + "  tags: [a]\n  ca-certificate: none.pem", "2: "),
        (
            _HEAD + f"  tags: [a]\n- name: b\n  tags: [{marks.OWN_TAG}]",
            f"3: a has the tag {marks.OWN_TAG}, which identifies b (images.yaml:5)",
        ),
        ("defaults: {tags: ['{x}']}\nimages:\n- name: a", "1: {x} in the tag"),
        ("images: []", "1: wrong value [] of images"),
        ("", "1: wrong value None of the document"),
    ],
)
def test_what_is_refused(text: str, message: str):
    with pytest.raises((errors.ConfigError, errors.InputMissing)) as caught:
        _parse(text)
    assert caught.value.message.startswith(f"images.yaml:{message}")


def test_the_published_schema_is_that_of_the_code():
    # RETROFIT_WRITE_DOCS=1 writes it anew.
    if os.environ.get("RETROFIT_WRITE_DOCS"):
        _SCHEMA.write_text(json.dumps(schema.schema(), indent=2) + "\n")
    assert json.loads(_SCHEMA.read_text()) == schema.schema()


def test_files_for_an_image_are_beside_its_definition(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "images.yaml"
    path.write_text(
        "images: [{name: one, tags: [one], scripts: [fix.sh, /opt/own.sh],"
        " copies: ['site.conf:/etc/site.conf', '/opt/a:/b'], packages: [tcpdump],"
        " removals: [/usr/share/doc]}]\n"
    )
    changes = expansion.read(path)[0].request.build.changes
    assert changes == model.Changes(
        packages=("tcpdump",),
        copies=(
            (tmp_path / "site.conf", "/etc/site.conf"),
            (pathlib.Path("/opt/a"), "/b"),
        ),
        scripts=(tmp_path / "fix.sh", pathlib.Path("/opt/own.sh")),
        removals=("/usr/share/doc",),
    )


def test_image_files_are_named_as_what_they_are(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "debian.yml"
    path.write_text("images: [{name: Debian 13, login: debian, versions: []}]")

    with pytest.raises(errors.ConfigError) as caught:
        expansion.read(tmp_path)

    assert str(caught.value) == (
        f"{path}: this is an image file of OpenStack Image Manager, and no definitions file; "
        f"retrofit manage --images {path}"
    )
