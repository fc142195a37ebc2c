"""Package archives of an image: which ones apt is told of, and asking them.

The first part is text to text: what an apt source file becomes with another mirror. It knows both
forms, one-line (``sources.list``) and deb822 (``*.sources``, what Ubuntu has since noble).
"""

from __future__ import annotations

import dataclasses
import pathlib
import re
from collections.abc import Callable, Iterator

from . import errors, launchpad, model, rootfs
from .sandbox import cell as cells

_MAIN_FILE = "/etc/apt/sources.list"
_DIRECTORY = "/etc/apt/sources.list.d"
_PUBLIC_UCA = "http://ubuntu-cloud.archive.canonical.com/ubuntu"
_UCA_KEYRING = "ubuntu-cloud-keyring"
_APT_TIMEOUT_S = 900.0

_ONE_LINE = re.compile(
    r"(?P<head>\s*deb(?:-src)?\s+(?:\[[^\]]*\]\s*)?)(?P<uri>\S+)\s+(?P<suite>\S+)(?P<rest>.*)"
)
# What the distributions' own archives have; a third party's that has the same suites has not.
_COMPONENTS = frozenset(
    ("main", "restricted", "universe", "multiverse", "contrib", "non-free", "non-free-firmware")
)
_OTHER_HOSTS = ("ppa.launchpad.net", "ppa.launchpadcontent.net", "esm.ubuntu.com")
_POCKET = re.compile(
    r"(?:(?P<series>[a-z]+)-(?P<kind>updates|proposed)/)?(?P<name>[a-z]+)(?P<proposed>-proposed)?"
)


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
        match = _ONE_LINE.fullmatch(line)
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


def pocket_suite(pocket: str, release: model.Release) -> str:
    """Return the suite of an Ubuntu Cloud Archive pocket, such as ``jammy-updates/caracal``.

    Args:
        pocket: An OpenStack release's name; ``-proposed`` may follow, or a series with kind and a
            slash precede.
        release: The system that is to use it.

    Raises:
        errors.ConfigError: The pocket has another shape, or is for another series.
    """
    match = _POCKET.fullmatch(pocket)
    if match is None:
        raise errors.ConfigError(
            f"the Ubuntu Cloud Archive pocket {pocket!r} is misspelt",
            hint="give a release's name, such as caracal, caracal-proposed or"
            " jammy-updates/caracal",
        )
    if release.distribution != "ubuntu" or match["series"] not in (None, release.series):
        raise errors.ConfigError(
            f"the Ubuntu Cloud Archive pocket {pocket!r} is not for"
            f" {release.distribution} {release.series}",
            hint="leave the pocket out, or use a base image that it is for",
        )
    kind = "proposed" if match["proposed"] else match["kind"] or "updates"
    return f"{release.series}-{kind}/{match['name']}"


def cloud_archive_source(archives: model.Archives, release: model.Release) -> str:
    """Return apt's line for the Ubuntu Cloud Archive, empty when none is wanted.

    A mirror that is a complete line needs no pocket, as with the existing charm.

    Raises:
        errors.ConfigError: The pocket is misspelt or for another series.
    """
    if _ONE_LINE.fullmatch(archives.uca_mirror):
        return f"{archives.uca_mirror}\n"
    if not archives.uca_pocket:
        return ""
    url = archives.uca_mirror.rstrip("/") or _PUBLIC_UCA
    suite = pocket_suite(archives.uca_pocket, release)
    return f"deb [signed-by=/usr/share/keyrings/{_UCA_KEYRING}.gpg] {url} {suite} main\n"


def write(tree: pathlib.Path, archives: model.Archives, release: model.Release) -> None:
    """Tell the apt of a system of a mirror; no source of the distribution's stays beside it.

    Without a mirror the system's sources are kept.

    Raises:
        errors.ConfigError: The mirror is neither a URL nor a list of sources.
    """
    cloud_archive_source(archives, release)
    mirror = archives.mirror.strip()
    if not mirror:
        return
    lines = [line.strip() for line in mirror.splitlines() if line.strip()]
    complete = all(_ONE_LINE.fullmatch(line) or line.startswith("#") for line in lines)
    if not complete and (len(lines) > 1 or not re.match(r"[a-z+]+:/", mirror)):
        raise errors.ConfigError(
            f"the archive mirror {lines[0]!r} is neither a URL nor a source line",
            hint="give a URL, or complete lines such as: deb URL SUITE COMPONENT",
        )
    target = None if complete else Mirror(release, mirror.rstrip("/"))
    for path in (_MAIN_FILE, *rootfs.entries(tree, _DIRECTORY)):
        text = rootfs.read(tree, path)
        if text is None:
            continue
        if path.endswith(".sources"):
            rootfs.write(tree, path, redirect_deb822(text, release, target))
        elif path.endswith(".list"):
            rootfs.write(tree, path, redirect_one_line(text, release, target))
    if complete:
        kept = rootfs.read(tree, _MAIN_FILE) or ""
        rootfs.write(tree, _MAIN_FILE, kept + "".join(f"{line}\n" for line in lines))


def refresh(
    cell: cells.Cell,
    request: model.BuildRequest,
    release: model.Release,
    on_line: Callable[[str], None] | None,
) -> None:
    """Have apt fetch the lists of all archives, those of a pocket and of PPAs included.

    Args:
        cell: A cell whose root is the system.
        request: Names the archives, and proxies and certificates to ask Launchpad with.
        release: What runs in the cell.
        on_line: Called with each line apt prints.

    Raises:
        errors.ConfigError: An archive has no such suite.
        errors.Unavailable: An archive does not answer.
    """
    archives = request.archives
    _apt(cell, ["update"], archives, on_line)
    added = False
    for ppa in archives.ppas:
        _add_ppa(cell.root, launchpad.fetch(ppa, request), release)
        added = True
    cloud_archive = cloud_archive_source(archives, release)
    if cloud_archive:
        _apt(cell, ["install", "--assume-yes", _UCA_KEYRING], archives, on_line)
        rootfs.write(cell.root, f"{_DIRECTORY}/cloudarchive.list", cloud_archive)
        added = True
    if added:
        _apt(cell, ["update"], archives, on_line)


def _add_ppa(tree: pathlib.Path, ppa: launchpad.Ppa, release: model.Release) -> None:
    """Tell apt of a PPA and of the key it is signed with."""
    key = f"/etc/apt/keyrings/{ppa.owner}-{ppa.name}.asc"
    rootfs.write(tree, key, ppa.key)
    rootfs.write(
        tree,
        f"{_DIRECTORY}/{ppa.owner}-{ppa.name}.list",
        f"deb [signed-by={key}] {ppa.url} {release.series} main\n",
    )


def _apt(
    cell: cells.Cell,
    words: list[str],
    archives: model.Archives,
    on_line: Callable[[str], None] | None,
) -> None:
    """Run apt-get and say which archive is at fault when it fails."""
    complaints: list[str] = []

    def watch(line: str) -> None:
        if re.match(r"(E:|W:|Err:)", line):
            complaints.append(line)
        elif line.startswith("  ") and complaints and complaints[-1].startswith("Err:"):
            # Why it failed stands below what failed.
            complaints[-1] += f": {line.strip()}"
        if on_line is not None:
            on_line(line)

    completed = cell.run(
        ["/usr/bin/apt-get", *words], timeout_s=_APT_TIMEOUT_S, on_line=watch, check=False
    )
    # apt before 2.1.9, as in focal, knows no Error-Mode and only warns of what it cannot fetch.
    unfetched = [line for line in complaints if "Failed to fetch" in line]
    if completed.returncode == 0 and not unfetched:
        return
    raise _explain(complaints or list(completed.tail), archives)


def _explain(complaints: list[str], archives: model.Archives) -> errors.RetrofitError:
    """Turn apt's complaints into an error that names what the user gave."""
    text = "\n".join(complaints)
    # apt's first complaint is the cause; its last one only says that something failed.
    reason = complaints[0] if complaints else "apt says nothing"
    reason = re.sub(r"^(?:E: |W: |Err:\d+ )", "", reason)
    absent = "404  " in text or "File not found" in text
    details = tuple(complaints)
    if archives.uca_pocket and f"/{archives.uca_pocket.rpartition('/')[2]}" in text:
        where = archives.uca_mirror or _PUBLIC_UCA
        if absent:
            return errors.ConfigError(
                f"the Ubuntu Cloud Archive at {where} has no pocket {archives.uca_pocket!r} for"
                " this series",
                hint="see which pockets it has, or correct the pocket",
                details=details,
            )
        return errors.Unavailable(
            f"the Ubuntu Cloud Archive at {where} cannot be used: {reason}",
            hint="check its mirror and the proxies",
            details=details,
        )
    if absent:
        return errors.ConfigError(
            f"an archive lacks what is wanted of it: {reason}",
            hint="check the archive mirror",
            details=details,
        )
    return errors.Unavailable(
        f"an archive cannot be used: {reason}",
        hint="check the archive mirror, the proxies and the network",
        details=details,
    )
