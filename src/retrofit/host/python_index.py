"""The Python package index that pip is configured with: its settings, and what it has."""

from __future__ import annotations

import ast
import dataclasses
import html.parser
import os
import re
import sys
import urllib.parse

from .. import errors, model
from . import process, urls, web

_TIMEOUT_S = 60.0
_LIMIT = 32 * model.MIB
# Of "pip config list": settings of files, and those of the environment, which count more.
_SETTING = re.compile(r"(?:global|:env:)\.([a-z-]+)=(.*)")
# Of pip's help, which breaks lines anywhere between words.
_DEFAULT = re.compile(r"--index-url <url>.*?\(default\s+(https?://[^\s)]+)\)", re.DOTALL)
_SEPARATORS = re.compile("[-_.]+")
_WEB = ("http://", "https://")


def settings() -> dict[str, str]:
    """Return the settings of pip that are for all of its commands, by name.

    Without pip there are none.
    """
    lines = sorted(_pip("config", "list").splitlines(), key=lambda line: line.startswith(":env:"))
    found = filter(None, map(_SETTING.fullmatch, lines))
    return {match[1]: str(ast.literal_eval(match[2])) for match in found}


def _pip(*words: str) -> str:
    """Return what pip prints; nothing where there is none."""
    variables = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    try:
        return process.run(
            [sys.executable, "-m", "pip", *words],
            timeout_s=_TIMEOUT_S,
            extra_environment=variables,
            # An index may have a login.
            confidential=True,
        ).stdout
    except errors.CommandError:
        return ""


def _indexes() -> list[str]:
    """Return the indexes that pip asks."""
    configured = settings()
    main = configured.get("index-url", "")
    if not main:
        default = _DEFAULT.search(_pip("download", "--help"))
        main = default[1] if default else ""
    places = [main, *configured.get("extra-index-url", "").split()]
    return [place for place in places if place.startswith(_WEB)]


@dataclasses.dataclass(frozen=True)
class File:
    """A file of an index.

    Attributes:
        url: Where it is.
        sha256: Its hash, hexadecimal.
    """

    url: str
    sha256: str


def source_distribution(name: str, version: str, access: web.Access) -> File:
    """Return the source distribution of a release.

    Args:
        name: The project.
        version: Its release.
        access: How to reach the index.

    Raises:
        errors.InputMissing: No index has it, with its SHA-256.
        errors.RetrofitError: An index does not answer as it should.
    """
    wanted = f"{_normal(name)}-{version}.tar.gz"
    asked = _indexes()
    for index in asked:
        page = f"{index.rstrip('/')}/{_normal(name)}/"
        try:
            text = web.read(page, access, limit=_LIMIT).decode(errors="replace")
        except errors.InputMissing:
            continue
        links = _Links(text)
        for file, target in links.found.items():
            stem, dash, rest = file.rpartition("-")
            if f"{_normal(stem)}{dash}{rest}" == wanted:
                url, _, digest = urllib.parse.urljoin(page, target).partition("#sha256=")
                if digest:
                    return File(url, digest)
    raise errors.InputMissing(
        f"no index has a source distribution of {name} {version}",
        hint=f"asked: {', '.join(map(urls.shown, asked))}"
        if asked
        else "set index-url in the configuration of pip",
    )


def _normal(name: str) -> str:
    """Return a project's name as indexes have it (PEP 503)."""
    return _SEPARATORS.sub("-", name).lower()


class _Links(html.parser.HTMLParser):
    """The links of a page of an index.

    Attributes:
        found: Targets by the names of files.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        target = dict(attrs).get("href")
        if tag == "a" and target:
            path = urllib.parse.urlsplit(target).path
            self.found[urllib.parse.unquote(path.rpartition("/")[2])] = target
