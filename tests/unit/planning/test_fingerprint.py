"""Which changes make another image, which do not, and which of them can be named later."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies

import retrofit
from retrofit import model
from retrofit.planning import fingerprint

REQUEST = model.BuildRequest(
    "amphora",
    elements=("one", "two"),
    environment=(("A", "1"), ("B", "2")),
    archives=model.Archives(
        mirror="https://user:secret@mirror.example/ubuntu", ppas=("ppa:a/a", "ppa:b/b")
    ),
)
ELEMENTS = {"one": "11" * 32, "two": "22" * 32}

_NAMES = strategies.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=8)
_REQUESTS = strategies.builds(
    model.BuildRequest,
    recipe=_NAMES,
    image_format=strategies.sampled_from(model.ImageFormat),
    compression=strategies.sampled_from(model.Compression),
    elements=strategies.lists(_NAMES, unique=True, max_size=3).map(tuple),
    environment=strategies.dictionaries(_NAMES, strategies.text(), max_size=3).map(
        lambda variables: tuple(sorted(variables.items()))
    ),
    archives=strategies.builds(
        model.Archives,
        mirror=strategies.text(max_size=8),
        uca_mirror=strategies.text(max_size=8),
        uca_pocket=_NAMES,
        ppas=strategies.lists(_NAMES, unique=True, max_size=3).map(tuple),
    ),
    root_size=strategies.none() | strategies.integers(1, 2**40),
    source_date=strategies.none() | strategies.integers(0, 2**33),
)
_DIGESTS = strategies.dictionaries(_NAMES, strategies.text("0123456789abcdef", min_size=64))


def _inputs(
    request: model.BuildRequest = REQUEST,
    base: str = "sha512:ab",
    elements: dict[str, str] = ELEMENTS,
    builder: str = "3.1",
) -> dict[str, str]:
    releases = {"diskimage-builder": builder}
    return fingerprint.inputs(base=base, elements=elements, releases=releases, request=request)


def _of(*given: Any, **inputs: Any) -> str:
    return fingerprint.compute(_inputs(*given, **inputs))


def _named(request: model.BuildRequest = REQUEST, **inputs: Any) -> list[fingerprint.Difference]:
    """Return what an image made of the usual inputs can say of others."""
    before = fingerprint.tell(_inputs())
    return list(fingerprint.differences(before, fingerprint.tell(_inputs(request, **inputs))))


CHANGES: dict[str, dict[str, Any]] = {
    "recipe": {"recipe": "guest"},
    "image-format": {"image_format": model.ImageFormat.RAW},
    "compression": {"compression": model.Compression.ZLIB},
    "elements": {"elements": ("one",)},
    "variable B": {"environment": (("A", "1"), ("B", "3"))},
    "root-size": {"root_size": model.GIB},
    "source-date": {"source_date": 1796083200},
    "mirror": {"archives": model.Archives(mirror="http://a.example/ubuntu")},
    "uca-mirror": {"archives": model.Archives(uca_mirror="http://mirror.example/uca")},
    "uca-pocket": {"archives": model.Archives(uca_pocket="caracal")},
    "ppas": {"archives": model.Archives(ppas=("ppa:a/a",))},
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_changes_the_image_changes_the_fingerprint(name: str) -> None:
    changed = dataclasses.replace(REQUEST, **CHANGES[name])

    assert _of(changed) != _of()
    assert name in [difference.name for difference in _named(changed)]


def test_another_base_changes_the_fingerprint() -> None:
    assert _of(base="sha512:ac") != _of()
    assert _named(base="sha512:ac") == [fingerprint.Difference("base", "sha512:ab", "sha512:ac")]


def test_other_elements_change_the_fingerprint() -> None:
    elements = {"one": "33" * 32, "three": "44" * 32}

    assert _of(elements=elements) != _of()
    assert _named(elements=elements) == [
        fingerprint.Difference("element one", "111111111111", "333333333333"),
        fingerprint.Difference("element three", None, "444444444444"),
        fingerprint.Difference("element two", "222222222222", None),
    ]


def test_another_release_of_elements_changes_the_fingerprint() -> None:
    assert _of(builder="3.2") != _of()
    assert _named(builder="3.2") == [
        fingerprint.Difference("release diskimage-builder", "3.1", "3.2")
    ]


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
    ],
    ids=lambda change: "-".join(change),
)
def test_what_cannot_change_the_image_does_not_count(change: dict[str, Any]) -> None:
    assert _of(dataclasses.replace(REQUEST, **change)) == _of()


def test_what_is_not_compressed_has_no_compression() -> None:
    raw = dataclasses.replace(REQUEST, image_format=model.ImageFormat.RAW)
    assert _of(dataclasses.replace(raw, compression=model.Compression.ZLIB)) == _of(raw)


@hypothesis.given(_REQUESTS, _DIGESTS, strategies.randoms())
def test_the_order_of_options_does_not_count(
    request: model.BuildRequest, elements: dict[str, str], random: Any
) -> None:
    def shuffled(values: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(random.sample(values, len(values)))

    other = dataclasses.replace(
        request,
        elements=shuffled(request.elements),
        environment=shuffled(request.environment),
        archives=dataclasses.replace(request.archives, ppas=shuffled(request.archives.ppas)),
    )
    digests = dict(shuffled(tuple(elements.items())))

    assert _of(other, elements=digests) == _of(request, elements=elements)


def _content(request: model.BuildRequest) -> tuple[Any, ...]:
    """Return all of a request that can change an image, in a form that can be compared."""
    compressed = request.image_format is model.ImageFormat.QCOW2
    archives = dataclasses.replace(request.archives, ppas=tuple(sorted(request.archives.ppas)))
    return (
        request.recipe,
        request.image_format,
        request.compression if compressed else None,
        sorted(request.elements),
        request.environment,
        archives,
        request.root_size,
        request.source_date,
    )


@hypothesis.given(_REQUESTS, _REQUESTS, _DIGESTS, _DIGESTS)
def test_the_fingerprint_is_the_same_for_the_same_inputs_only(
    one: model.BuildRequest,
    other: model.BuildRequest,
    elements: dict[str, str],
    others: dict[str, str],
) -> None:
    same = _content(one) == _content(other) and elements == others

    assert (_of(one, elements=elements) == _of(other, elements=others)) == same


@hypothesis.given(_REQUESTS, strategies.sampled_from(sorted(CHANGES)))
def test_every_change_of_any_request_counts(request: model.BuildRequest, name: str) -> None:
    changed = dataclasses.replace(request, **CHANGES[name])

    assert (_of(changed) == _of(request)) == (_content(changed) == _content(request))


@hypothesis.given(strategies.lists(strategies.text(), min_size=4, max_size=4, unique=True))
def test_values_do_not_run_into_each_other(words: list[str]) -> None:
    one, two, three, four = words
    request = dataclasses.replace(REQUEST, environment=((one, two), (three, four)))
    swapped = dataclasses.replace(REQUEST, environment=((one, four), (three, two)))
    assert _of(request) != _of(swapped)
    assert _of(base=one, elements={"a": two}) != _of(base=two, elements={"a": one})
    assert len(_of(request)) == 64


def test_an_image_tells_no_secret() -> None:
    request = dataclasses.replace(REQUEST, environment=(("PASSWORD", "correct horse"),))

    told = fingerprint.tell(_inputs(request))

    assert told["mirror"] == "https://mirror.example/ubuntu"
    assert "secret" not in str(told)
    assert len(told["variable PASSWORD"]) == 4
