"""Settings of apt as a property: what goes in comes out, and what strangers wrote does no harm."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrofit import errors, model
from retrofit.provenance import archive_settings, property_text

_NAMES = st.from_regex(r"[a-z][a-z0-9.-]{0,20}", fullmatch=True)
_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
_SETTINGS = st.builds(
    lambda texts, keys, left: model.ArchiveSettings(
        tuple(sorted((f"/etc/apt/{name}", text) for name, text in texts.items())),
        tuple(sorted((f"/usr/share/keyrings/{name}", key) for name, key in keys.items())),
        tuple(sorted(left.items())),
    ),
    st.dictionaries(_NAMES, _TEXTS, max_size=5),
    st.dictionaries(_NAMES, st.binary(max_size=200), max_size=5),
    st.dictionaries(_NAMES, _NAMES, max_size=5),
)


@given(_SETTINGS)
def test_what_goes_in_comes_out(settings: model.ArchiveSettings) -> None:
    assert archive_settings.decode(archive_settings.encode(settings)) == settings


@pytest.mark.parametrize(
    "told",
    [
        {"texts": {"/etc/apt/../passwd": ""}},
        {"texts": {"/etc/shadow": ""}},
        {"texts": {"/etc/apt/sources.list\n": ""}},
        {"texts": {"/etc/apt/.hidden": ""}},
        {"keys": {"keys/relative.gpg": ""}},
        {"keys": {"/usr/share/keyrings/../../../etc/passwd": ""}},
        {"keys": {"/etc/apt/key.gpg": base64.b64encode(b"x" * 70_000).decode()}},
        {"left": ["haproxy"]},
        [],
    ],
    ids=lambda told: json.dumps(told)[:60],
)
def test_what_no_image_has_is_refused(told: object) -> None:
    with pytest.raises(errors.ImageError, match="the list of archives is damaged"):
        archive_settings.decode(property_text.pack(json.dumps(told)))


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(errors.ImageError, match="the list of archives is damaged"):
        archive_settings.decode(property_text.pack("{"))


def test_what_newer_versions_add_is_passed_over() -> None:
    assert archive_settings.decode(property_text.pack('{"new": 1}')) == model.ArchiveSettings()
