"""What apt's source files become with another mirror: text in, text out.

Both forms are known, one-line (``sources.list``) and deb822 (``*.sources``, which Ubuntu has since
noble).
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

from ... import model

ONE_LINE = re.compile(
    r"(?P<head>\s*deb(?:-src)?\s+(?:\[[^\]]*\]\s*)?)(?P<uri>\S+)\s+(?P<suite>\S+)(?P<rest>.*)"
)
# What the distributions' own archives have; a third party's that has the same suites has not.
_COMPONENTS = frozenset(
    ("main", "restricted", "universe", "multiverse", "contrib", "non-free", "non-free-firmware")
)
_OTHER_HOSTS = ("ppa.launchpad.net", "ppa.launchpadcontent.net", "esm.ubuntu.com")


@dataclasses.dataclass(frozen=True)
class Mirror:
    """Where a distribution's archive is taken from.

    Attributes:
        release: The system whose archive it mirrors.
        url: Base URL, without a slash at the end.
    """

    release: model.Release
    url: str

    def url_of(self, suite: str) -> str:
        """Return the base URL of a suite: Debian has its security suites in an archive beside."""
        separate = self.release.distribution == "debian" and suite.endswith("-security")
        return f"{self.url}-security" if separate and self.url.endswith("/debian") else self.url


def redirect_one_line(text: str, release: model.Release, mirror: Mirror | None) -> str:
    """Have the distribution's sources in a one-line file use a mirror, or none of them at all.

    Args:
        text: Content of a ``sources.list`` or ``*.list`` file.
        release: The system it belongs to.
        mirror: The mirror; ``None`` makes comments of the lines.
    """

    def changed(line: str) -> str:
        match = ONE_LINE.fullmatch(line)
        if match is None:
            return line
        suite, components = match["suite"], match["rest"].split("#")[0].split()
        if not _is_distributions(match["uri"], [suite], components, release):
            return line
        if mirror is None:
            return f"# {line}"
        return f"{match['head']}{mirror.url_of(suite)} {suite}{match['rest']}"

    return "".join(f"{changed(line)}\n" for line in text.splitlines())


def redirect_deb822(text: str, release: model.Release, mirror: Mirror | None) -> str:
    """Have the distribution's sources in a deb822 file use a mirror, or none of them at all.

    Args:
        text: Content of a ``*.sources`` file.
        release: The system it belongs to.
        mirror: The mirror; ``None`` disables the sources.
    """
    return (
        "\n\n".join(
            _redirect_stanza(stanza, release, mirror)
            for stanza in re.split(r"\n[ \t]*\n", text.strip("\n"))
        )
        + "\n"
    )


def _redirect_stanza(stanza: str, release: model.Release, mirror: Mirror | None) -> str:
    fields = dict(_fields(stanza))
    uris, suites = fields.get("uris", "").split(), fields.get("suites", "").split()
    components = fields.get("components", "").split()
    if not uris or not _is_distributions(uris[0], suites, components, release):
        return stanza
    if mirror is None:
        kept = _without(stanza, "enabled")
        return f"Enabled: no\n{kept}"
    # A stanza has one list of URIs for all of its suites, so it is split where these differ.
    by_url: dict[str, list[str]] = {}
    for suite in suites:
        by_url.setdefault(mirror.url_of(suite), []).append(suite)
    rest = _without(_without(stanza, "uris"), "suites")
    return "\n\n".join(
        f"{rest}\nURIs: {url}\nSuites: {' '.join(names)}" for url, names in by_url.items()
    )


def _fields(stanza: str) -> Iterator[tuple[str, str]]:
    """Yield the fields of a deb822 stanza: name in lower case, and value, made one line."""
    name, value = "", ""
    for line in stanza.splitlines():
        if line.startswith("#"):
            continue
        if line[:1].isspace():
            value += f" {line.strip()}"
            continue
        if name:
            yield name, value
        head, _, value = line.partition(":")
        name = head.strip().lower()
    if name:
        yield name, value


def _without(stanza: str, field: str) -> str:
    """Return a stanza without one field and its further lines."""
    pattern = rf"(?mi)^{field}[ \t]*:.*(?:\n(?:[ \t]+\S.*|#.*(?=\n[ \t])))*\n?"
    return re.sub(pattern, "", stanza).rstrip("\n")


def _is_distributions(
    uri: str, suites: list[str], components: list[str], release: model.Release
) -> bool:
    """Tell whether a source is the distribution's own archive, on whatever mirror."""
    if any(f"//{host}/" in uri for host in _OTHER_HOSTS) or not suites:
        return False
    own = all(suite.partition("-")[0].partition("/")[0] == release.series for suite in suites)
    plain = all("/" not in suite.removesuffix("/updates") for suite in suites)
    return own and plain and _COMPONENTS.issuperset(components)
