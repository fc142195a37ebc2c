"""What people write, turned into requests or refused by name."""

import json
import pathlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.host import certificates

from retrofit import cloud, errors, model
from retrofit.base_images import bootstrap, download, files, glance, simplestreams
from retrofit.definitions import keys, run_definition
from retrofit.model import findings
from retrofit.proof import proof_request
from retrofit.publishing import file_target, glance_target

_FILES = {"source": "in.img", "target": "out.img"}


def _read(tmp_path: pathlib.Path, content: object) -> run_definition.RunDefinition:
    path = tmp_path / "request.json"
    path.write_text(json.dumps(content))
    return run_definition.RunDefinition.read(path)


class TestSources:
    def test_file(self):
        request = run_definition.RunDefinition.parse(**_FILES).to_request()

        assert request.source == files.Wanted(pathlib.Path("in.img"))
        assert request.target == file_target.FileTarget(pathlib.Path("out.img"))

    def test_newest_in_glance(self):
        definition = run_definition.RunDefinition.parse(
            source="glance:", target="glance:", series="jammy", architecture="aarch64"
        )

        request = definition.to_request()

        assert request.source == glance.Wanted(series="jammy", architecture="aarch64")
        assert request.target == glance_target.GlanceTarget(amp_image_tag="octavia-amphora")

    def test_without_a_tag_it_gets_that_of_its_recipe(self):
        definition = run_definition.RunDefinition.parse(
            source="glance:", target="glance:", recipe="plain"
        )

        assert definition.to_request().target == glance_target.GlanceTarget(amp_image_tag="plain")

    def test_a_recipe_that_there_is_not(self):
        with pytest.raises(errors.ConfigError, match="unknown recipe 'amfora'"):
            run_definition.RunDefinition.parse(source="glance:", target="glance:", recipe="amfora")

    def test_how_it_is_published(self):
        definition = run_definition.RunDefinition.parse(
            **_FILES | {"target": "glance:"},
            amp_image_tag="amphora-noble",
            labels=["load-balancer"],
            visibility="public",
            properties={"hw_disk_bus": "virtio", "hw_a": "1"},
            keep=0,
        )

        assert definition.to_request().target == glance_target.GlanceTarget(
            amp_image_tag="amphora-noble",
            labels=("load-balancer",),
            visibility=model.Visibility.PUBLIC,
            properties=(("hw_a", "1"), ("hw_disk_bus", "virtio")),
            keep=0,
        )

    @pytest.mark.parametrize("name", ["status", "retrofit_state", "os_version", "a/b", ""])
    def test_properties_that_are_not_for_people(self, name: str):
        with pytest.raises(errors.ConfigError, match="wrong value .* of properties"):
            run_definition.RunDefinition.parse(**_FILES, properties={name: "x"})

    def test_named_in_glance(self):
        request = run_definition.RunDefinition.parse(
            source="glance:abc", target="out"
        ).to_request()

        assert request.source == glance.Wanted(image_id="abc")

    def test_projects_that_are_trusted(self):
        request = run_definition.RunDefinition.parse(
            source="glance:", target="out", source_projects=("e1b0", "77aa")
        ).to_request()

        assert request.source == glance.Wanted(projects=("e1b0", "77aa"))

    def test_newest_of_simplestreams(self, tmp_path: pathlib.Path):
        request = run_definition.RunDefinition.parse(
            source="simplestreams:https://mirror/images",
            target="out",
            series="noble",
            architecture="aarch64",
            stream="released",
            source_version="20260801",
            keyring=tmp_path,
        ).to_request()

        assert request.source == simplestreams.Wanted(
            url="https://mirror/images",
            keyring=tmp_path,
            series="noble",
            architecture="aarch64",
            stream="released",
            version="20260801",
        )

    def test_ubuntus_simplestreams(self):
        request = run_definition.RunDefinition.parse(
            source="simplestreams:", target="o"
        ).to_request()

        assert request.source == simplestreams.Wanted()

    def test_url(self):
        request = run_definition.RunDefinition.parse(
            source="https://host/image.img", target="out", checksum="https://host/SHA256SUMS"
        ).to_request()

        assert request.source == download.Wanted(
            "https://host/image.img", "https://host/SHA256SUMS"
        )

    def test_made_from_a_mirror(self):
        request = run_definition.RunDefinition.parse(
            source="bootstrap:", target="out", series="bookworm", mirror="http://mirror/debian"
        ).to_request()

        assert request.source == bootstrap.Wanted(series="bookworm", mirror="http://mirror/debian")

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ({"source": "glanse:"}, "unknown word 'glanse:'.*glance:, simplestreams:"),
            ({"source": "ftp://host/image.img"}, "unknown word 'ftp:'"),
            ({"source": "bootstrap:noble"}, "has text after bootstrap:"),
            ({"source": "simplestreams:mirror"}, "'mirror' in the source .* is not a URL"),
            (
                {"source": "glance:", "checksum": "sha256:1"},
                "checksum has no effect for .*glance:",
            ),
            ({"source": "in.img", "stream": "daily"}, "stream has no effect for .*in.img"),
            ({"source": "http://a:b@c/d", "stream": "daily"}, "no effect for .* 'http://c/d'"),
            ({"source": "glance:", "source_version": "1"}, "source-version has no effect"),
            ({"source": "bootstrap:", "mirror": "deb http://x y z"}, "the mirror must be"),
        ],
        ids=lambda value: value["source"] if isinstance(value, dict) else "",
    )
    def test_what_makes_no_sense(self, values: dict[str, str], message: str):
        definition = run_definition.RunDefinition.parse(target="out", **values)

        with pytest.raises(errors.ConfigError, match=message):
            definition.to_request()


class TestBuild:
    def test_defaults_are_the_engine_s(self):
        request = run_definition.RunDefinition.parse(**_FILES).to_request()

        assert request.build == model.BuildRequest("amphora")
        assert request.cloud == cloud.Options()
        assert request.force is False
        assert request.work_base is None

    def test_everything_arrives(self, tmp_path: pathlib.Path):
        authority = tmp_path / "ca.pem"
        authority.write_bytes(certificates.make("ours", first_day=-1, last_day=1))
        definition = _read(
            tmp_path,
            {
                **_FILES,
                "force": True,
                "image-format": "raw",
                "compression": "zlib",
                "recipe": "amphora",
                "series": "noble",
                "mirror": "http://mirror/ubuntu",
                "uca-mirror": "http://mirror/uca",
                "uca-pocket": "caracal",
                "ppas": ["ppa:owner/name"],
                "elements": ["one", "two"],
                "elements-paths": ["/elements"],
                "environment": {"B": "2", "A": "1"},
                "http-proxy": "http://proxy:3128",
                "https-proxy": "http://proxy:3129",
                "no-proxy": "localhost,.example",
                "ca-certificate": str(authority),
                "root-size": "8G",
                "amp-image-tag": "tag",
                "cloud": "ours",
                "region": "two",
                "interface": "internal",
                "work-dir": "/srv",
                "depth": "traffic",
                "flavor-disk": "4G",
                "evidence": "/evidence",
                "run-id": "r1",
            },
        )

        request = definition.to_request()

        assert request.build == model.BuildRequest(
            recipe="amphora",
            image_format=model.ImageFormat.RAW,
            compression=model.Compression.ZLIB,
            elements=("one", "two"),
            elements_paths=(pathlib.Path("/elements"),),
            environment=(("A", "1"), ("B", "2")),
            archives=model.Archives(
                mirror="http://mirror/ubuntu",
                uca_mirror="http://mirror/uca",
                uca_pocket="caracal",
                ppas=("ppa:owner/name",),
            ),
            proxies=model.Proxies("http://proxy:3128", "http://proxy:3129", "localhost,.example"),
            ca_certificate=authority.read_text(),
            root_size=8 * model.GIB,
            series="noble",
        )
        assert request.cloud == cloud.Options("ours", "two", "internal")
        assert request.force
        assert request.proof == proof_request.ProofRequest(
            findings.Depth.TRAFFIC, 4 * model.GIB, evidence=pathlib.Path("/evidence")
        )
        assert request.work_base == pathlib.Path("/srv")
        assert definition.run_id == "r1"

    def test_empty_texts_of_juju_stand_for_nothing(self, tmp_path: pathlib.Path):
        empty = (
            "series mirror uca-mirror uca-pocket http-proxy https-proxy no-proxy ca-certificate"
            " root-size amp-image-tag region interface cloud architecture"
            " depth flavor-disk evidence"
        ).split()

        request = _read(tmp_path, {**_FILES, **dict.fromkeys(empty, "")}).to_request()

        assert request.build == model.BuildRequest("amphora")
        assert request.cloud == cloud.Options()

    @pytest.mark.parametrize("series", ["noble", "jammy", "bookworm"])
    def test_series_of_both_distributions_are_known(self, series: str):
        request = run_definition.RunDefinition.parse(**_FILES, series=series).to_request()

        assert request.build.series == series

    def test_mistyped_series_is_named(self):
        with pytest.raises(errors.ConfigError, match="no series 'nobel'"):
            run_definition.RunDefinition.parse(**_FILES, series="nobel").to_request()


class TestProof:
    @pytest.mark.parametrize(
        ("target", "given", "depth"),
        [
            ("glance:", {}, "boot"),
            ("out.img", {}, "off"),
            ("glance:", {"depth": "off"}, "off"),
            ("out.img", {"depth": "rest"}, "rest"),
        ],
    )
    def test_images_for_octavia_are_proved(self, target: str, given: dict[str, str], depth: str):
        definition = run_definition.RunDefinition.parse(source="in", target=target, **given)

        assert definition.to_request().proof == proof_request.ProofRequest(findings.Depth(depth))


class TestWrongValues:
    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("image-format", "vmdk"),
            ("compression", "lzma"),
            ("recipe", "../amphora"),
            ("series", "Noble Numbat"),
            ("uca-pocket", "caracal proposed"),
            ("ppas", ["owner/name"]),
            ("elements", ["a b"]),
            ("packages", ["a b"]),
            ("copies", ["file"]),
            ("copies", ["file:relative"]),
            ("removals", ["etc/file"]),
            ("removals", ["/"]),
            ("environment", {"A B": "1"}),
            ("http-proxy", "proxy:3128"),
            ("https-proxy", "ftp://proxy"),
            ("amp-image-tag", "two words"),
            ("amp-image-tag", "one,two"),
            ("amp-image-tag", "x" * 256),
            ("interface", "privat"),
            ("depth", "deep"),
            ("force", "perhaps"),
            ("source", ""),
        ],
    )
    def test_value_is_named(self, tmp_path: pathlib.Path, key: str, value: object):
        with pytest.raises(errors.ConfigError) as raised:
            _read(tmp_path, _FILES | {key: value})

        assert key in raised.value.message
        assert "\n" not in str(raised.value)

    def test_the_password_of_a_proxy_is_not_shown(self, tmp_path: pathlib.Path):
        with pytest.raises(errors.ConfigError, match="wrong value of http-proxy") as raised:
            _read(tmp_path, _FILES | {"http-proxy": "user:secret@proxy:3128"})

        assert "secret" not in str(raised.value)

    def test_mistyped_key_is_named_with_the_one_meant(self, tmp_path: pathlib.Path):
        with pytest.raises(errors.ConfigError, match="unknown key image-fromat") as raised:
            _read(tmp_path, {**_FILES, "image-fromat": "raw"})

        assert raised.value.hint == "did you mean image-format?"

    def test_missing_key_is_named(self, tmp_path: pathlib.Path):
        with pytest.raises(errors.ConfigError, match="target is missing"):
            _read(tmp_path, {"source": "in"})

    @pytest.mark.parametrize("content", ["", "{", "[]", '"text"', "\x00"])
    def test_file_that_is_no_request(self, tmp_path: pathlib.Path, content: str):
        path = tmp_path / "request.json"
        path.write_text(content)

        with pytest.raises(errors.ConfigError, match="request.json"):
            run_definition.RunDefinition.read(path)

    def test_missing_file(self, tmp_path: pathlib.Path):
        with pytest.raises(errors.InputMissing, match="cannot read .*/none: No such file"):
            run_definition.RunDefinition.read(tmp_path / "none")


class TestOnce:
    def test_replaces_keys(self, tmp_path: pathlib.Path):
        request, once = tmp_path / "request.json", tmp_path / "once.json"
        request.write_text(json.dumps({**_FILES, "force": False, "series": "noble"}))
        once.write_text(json.dumps({"force": True, "run-id": "r2"}))

        definition = run_definition.RunDefinition.read(request, once=once)

        assert (definition.force, definition.run_id, definition.series) == (True, "r2", "noble")

    def test_need_not_exist(self, tmp_path: pathlib.Path):
        request = tmp_path / "request.json"
        request.write_text(json.dumps(_FILES))

        assert not run_definition.RunDefinition.read(request, once=tmp_path / "none").force


class TestSizes:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("1", 1),
            ("512M", 512 * model.MIB),
            ("8G", 8 * model.GIB),
            ("8GiB", 8 * model.GIB),
            (" 2T ", 2048 * model.GIB),
        ],
    )
    def test_units(self, text: str, expected: int):
        assert keys.size(text) == expected

    @pytest.mark.parametrize("text", ["", "0", "-1G", "8 gigabytes", "1.5G", "G", "8K"])
    def test_nonsense_is_refused(self, text: str):
        with pytest.raises(errors.ConfigError, match="is not a size"):
            keys.size(text)

    @given(st.integers(min_value=1, max_value=2**40))
    def test_plain_numbers_are_bytes(self, number: int):
        assert keys.size(str(number)) == number
