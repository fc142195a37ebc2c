"""What an image says of itself is the request that makes it again."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

import pytest
from tests.support.provenance import records

from retrofit import errors, model
from retrofit.base_images import bootstrap, files, glance, simplestreams
from retrofit.definitions import reproduction
from retrofit.planning import fingerprint, run_request
from retrofit.provenance import description
from retrofit.publishing import file_target

_MADE = pathlib.Path("/work/again")
_ASKED = model.BuildRequest(
    "amphora",
    image_format=model.ImageFormat.QCOW2,
    compression=model.Compression.ZLIB,
    elements=("mine", "other"),
    environment=(("A", "1"),),
    archives=model.Archives(
        mirror="http://me:secret@mirror.test/ubuntu",
        uca_mirror="http://mirror.test/uca",
        uca_pocket="caracal",
        ppas=("ppa:b/b", "ppa:a/a"),
    ),
    root_size=5 * model.GIB,
    source_date=1796083200,
)


def _again(
    asked: model.BuildRequest = _ASKED, base: model.BaseImage = records.BASE, **given: Any
) -> run_request.RunRequest:
    options = {
        name: getattr(asked, name)
        for name in ("environment", "archives", "root_size", "source_date")
    }
    said = records.described(base=base, **options)
    said = said.model_copy(
        update={"options": said.options.model_copy(update={"elements": asked.elements})}
    )
    record = description.Record(records.image({}), said, records.PACKAGES)
    told = fingerprint.tell(
        fingerprint.inputs(base=base.content_hash, elements={}, releases={}, request=asked)
    )
    return reproduction.request(record, told, _MADE, **given)


def test_all_that_an_image_says_is_asked_for_again() -> None:
    request = _again(environment={"A": "1"})

    again, asked = request.build, _ASKED
    assert request.target == file_target.FileTarget(_MADE)
    assert (again.recipe, again.source_date) == (asked.recipe, asked.source_date)
    assert (again.image_format, again.compression) == (asked.image_format, asked.compression)
    assert (again.elements, again.environment) == (asked.elements, asked.environment)
    assert again.root_size == asked.root_size
    assert again.archives == dataclasses.replace(
        asked.archives, mirror="http://mirror.test/ubuntu", ppas=("ppa:a/a", "ppa:b/b")
    )
    told = [
        fingerprint.tell(fingerprint.inputs(base="b", elements={}, releases={}, request=each))
        for each in (asked, again)
    ]
    assert told[0] == told[1]


def test_its_base_image_is_where_it_was() -> None:
    assert _again().source == glance.Wanted("4d1b", "noble", "x86_64")

    made = dataclasses.replace(records.BASE, id="", content_hash=f"bootstrap:{'0' * 64}")
    source = _again(base=made).source
    assert isinstance(source, bootstrap.Wanted)
    assert (source.series, source.mirror) == ("noble", "http://mirror.test/ubuntu")
    assert source.holds.source_date == 1796083200

    streamed = dataclasses.replace(records.BASE, id="")
    assert isinstance(_again(base=streamed).source, simplestreams.Wanted)


def test_a_base_image_that_was_a_file_is_to_be_given() -> None:
    file = model.BaseImage(name="noble.img", content_hash="sha256:ab")

    with pytest.raises(errors.ConfigError) as refusal:
        _again(base=file)
    assert "was made of a file, 'noble.img'" in refusal.value.message
    assert "--source" in refusal.value.hint
    assert isinstance(_again(base=file, source="noble.img").source, files.Wanted)


def test_an_image_that_nobody_meant_to_make_again() -> None:
    with pytest.raises(errors.ConfigError) as refusal:
        _again(dataclasses.replace(_ASKED, source_date=None))
    assert "was not built to be made again bit for bit" in refusal.value.message
    assert "SOURCE_DATE_EPOCH" in refusal.value.hint
