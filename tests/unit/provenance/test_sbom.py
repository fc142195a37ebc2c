"""The bill of materials, held against the published schema of its form."""

from __future__ import annotations

import json
from typing import Any

import packageurl
import pytest
from cyclonedx import schema
from cyclonedx.validation import json as validation
from tests.support.provenance import records

from retrofit import model
from retrofit.provenance import description, sbom


def parsed(record: description.Record) -> dict[str, Any]:
    """Return the bill after it was held against the schema."""
    text = sbom.of_glance(record)
    validator = validation.JsonStrictValidator(schema.SchemaVersion.V1_6)
    assert validator.validate_str(text) is None
    document: dict[str, Any] = json.loads(text)
    return document


def test_the_same_image_has_the_same_bill() -> None:
    assert sbom.of_glance(records.record()) == sbom.of_glance(records.record())


def test_the_bill_is_the_images() -> None:
    metadata = parsed(records.record())["metadata"]

    main = metadata["component"]
    assert main["name"] == "amphora-haproxy-x86_64-ubuntu-24.04-20260801"
    assert main["hashes"] == [{"alg": "SHA-512", "content": "cd" * 64}]
    assert metadata["timestamp"] == "2026-08-02T03:04:05+00:00"
    (ancestor,) = main["pedigree"]["ancestors"]
    assert (ancestor["name"], ancestor["version"]) == ("auto-sync/noble", "20260801")
    assert ancestor["hashes"] == [{"alg": "SHA-512", "content": "ab" * 64}]


def test_the_bill_names_sources_of_programs() -> None:
    at = "pypi://octavia/19.0.0 accaa633"
    main = parsed(records.record(sources={"amphora-agent": at}))["metadata"]["component"]

    assert {"name": "retrofit:source:amphora-agent", "value": at} in main["properties"]


def test_packages_have_package_urls() -> None:
    components = {entry["name"]: entry for entry in parsed(records.record())["components"]}

    assert set(components) == {"haproxy", "keepalived", "tzdata"}
    purl = packageurl.PackageURL.from_string(components["keepalived"]["purl"])
    assert (purl.type, purl.namespace, purl.name) == ("deb", "ubuntu", "keepalived")
    assert purl.version == "1:2.2.8-1build2"
    assert purl.qualifiers == {"arch": "amd64", "distro": "ubuntu-24.04"}
    marked = [name for name, entry in components.items() if "properties" in entry]
    assert marked == ["haproxy"]


def test_the_image_depends_on_all_packages() -> None:
    bill = parsed(records.record())

    depends = {entry["ref"]: entry.get("dependsOn", []) for entry in bill["dependencies"]}
    assert set(depends[bill["metadata"]["component"]["bom-ref"]]) == {
        entry["bom-ref"] for entry in bill["components"]
    }


@pytest.mark.parametrize("content_hash", ["", "glance:4d1b", "sha512:zz", "crc32:abcd", "\x1b[2J"])
def test_a_base_image_without_a_known_hash(content_hash: str) -> None:
    bill = parsed(records.record(base=model.BaseImage(content_hash=content_hash)))

    (ancestor,) = bill["metadata"]["component"]["pedigree"]["ancestors"]
    assert "hashes" not in ancestor
