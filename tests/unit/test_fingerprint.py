"""Which changes make another image, and which do not."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies

import retrofit
from retrofit import fingerprint, model

REQUEST = model.BuildRequest(
    elements=("one", "two"),
    environment=(("A", "1"), ("B", "2")),
    archives=model.Archives(ppas=("ppa:a/a", "ppa:b/b")),
)


def _of(request: model.BuildRequest = REQUEST, **inputs: str) -> str:
    return fingerprint.compute(
        **({"base": "sha512:ab", "elements": "cd"} | inputs), request=request
    )


@pytest.mark.parametrize(
    "change",
    [
        {"recipe": "guest"},
        {"image_format": model.ImageFormat.RAW},
        {"compression": model.Compression.ZLIB},
        {"elements": ("one",)},
        {"environment": (("A", "1"), ("B", "3"))},
        {"root_size": model.GIB},
        {"archives": model.Archives(mirror="http://mirror.example/ubuntu")},
        {"archives": model.Archives(uca_mirror="http://mirror.example/uca")},
        {"archives": model.Archives(uca_pocket="caracal")},
        {"archives": model.Archives(ppas=("ppa:a/a",))},
    ],
)
def test_what_changes_the_image_changes_the_fingerprint(change: dict[str, Any]) -> None:
    assert _of(dataclasses.replace(REQUEST, **change)) != _of()


@pytest.mark.parametrize("inputs", [{"base": "sha512:ac"}, {"elements": "ce"}])
def test_other_content_changes_the_fingerprint(inputs: dict[str, str]) -> None:
    assert _of(**inputs) != _of()


def test_another_engine_changes_the_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    before = _of()
    monkeypatch.setattr(fingerprint, "__version__", retrofit.__version__ + ".1")
    assert _of() != before


@pytest.mark.parametrize(
    "change",
    [
        {"proxies": model.Proxies(http="http://proxy.example:3128")},
        {"ca_certificate": "PEM"},
        {"series": "noble"},
        {"elements_paths": (pathlib.Path("/srv/elements"),)},
        {"elements": ("two", "one")},
        {"environment": (("B", "2"), ("A", "1"))},
        {"archives": model.Archives(ppas=("ppa:b/b", "ppa:a/a"))},
    ],
)
def test_what_cannot_change_the_image_does_not_count(change: dict[str, Any]) -> None:
    assert _of(dataclasses.replace(REQUEST, **change)) == _of()


def test_what_is_not_compressed_has_no_compression() -> None:
    raw = dataclasses.replace(REQUEST, image_format=model.ImageFormat.RAW)
    assert _of(dataclasses.replace(raw, compression=model.Compression.ZLIB)) == _of(raw)


@hypothesis.given(strategies.lists(strategies.text(), min_size=4, max_size=4, unique=True))
def test_values_do_not_run_into_each_other(words: list[str]) -> None:
    one, two, three, four = words
    request = dataclasses.replace(REQUEST, environment=((one, two), (three, four)))
    swapped = dataclasses.replace(REQUEST, environment=((one, four), (three, two)))
    assert _of(request) != _of(swapped)
    assert _of(base=one, elements=two) != _of(base=two, elements=one)
    assert len(_of(request)) == 64
