"""The package index of pip: where it is, and what it has."""

from __future__ import annotations

import pytest

from retrofit import errors
from retrofit.host import process, python_index, web

_INDEX = "http://index.example/simple"
_DIGEST = "ab" * 32
_PAGE = f"""<a href="../../files/octavia-19.0.0.tar.gz#sha256={_DIGEST}">octavia</a>
<a href="../../files/octavia-18.0.0.tar.gz">without a hash</a>"""


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stand for the index; return the pages that it was asked for."""
    pages: list[str] = []

    def read(url: str, *_: object, **__: object) -> bytes:
        pages.append(url)
        if not url.startswith(_INDEX):
            raise errors.InputMissing(f"{url} does not exist")
        return _PAGE.encode()

    monkeypatch.setattr(web, "read", read)
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    # Of this machine's configuration, nothing.
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return pages


def test_a_release_has_a_place_and_a_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", f"{_INDEX}/")

    found = python_index.source_distribution("Octavia", "19.0.0", web.Access())

    assert found == python_index.File("http://index.example/files/octavia-19.0.0.tar.gz", _DIGEST)


def test_further_indexes_are_asked_after_it(
    monkeypatch: pytest.MonkeyPatch, asked: list[str]
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://other.example/simple")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", _INDEX)

    assert python_index.source_distribution("octavia", "19.0.0", web.Access()).sha256 == _DIGEST
    assert asked == ["http://other.example/simple/octavia/", f"{_INDEX}/octavia/"]


@pytest.mark.parametrize("version", ["17.0.0", "18.0.0"])
def test_a_release_that_nobody_has_with_a_hash_is_missing(
    monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", _INDEX)

    with pytest.raises(errors.InputMissing, match=rf"octavia {version}.*index\.example"):
        python_index.source_distribution("octavia", version, web.Access())


def test_without_a_setting_it_is_pip_s_own(asked: list[str]) -> None:
    with pytest.raises(errors.InputMissing):
        python_index.source_distribution("octavia", "19.0.0", web.Access())

    (page,) = asked
    assert page.startswith("https://")
    assert page.endswith("/simple/octavia/")


def test_without_pip_an_index_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise errors.CommandError("No module named pip")

    monkeypatch.setattr(process, "run", fail)

    with pytest.raises(errors.InputMissing, match="set index-url in the configuration of pip"):
        python_index.source_distribution("octavia", "19.0.0", web.Access())
