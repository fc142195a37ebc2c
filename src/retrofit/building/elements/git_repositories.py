"""Sources of elements that are git repositories, as what git keeps of them.

No file of a repository is checked out here: that is left to the sandbox of the image.
"""

from __future__ import annotations

import base64
import contextlib
import os
import pathlib
import urllib.parse
from collections.abc import Iterator, Mapping

from ... import errors, model
from ...host import process, urls, web
from . import repositories

_TIMEOUT_S = 3600.0
# What transports git may use, whatever a repository says.
_TRANSPORTS = "file:http:https:ssh"
_ALL = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
_HEAD = "refs/retrofit/HEAD"


def _git(
    directory: pathlib.Path, *words: str | pathlib.Path, settings: Mapping[str, str] | None = None
) -> process.Completed:
    """Run git on what it keeps of a repository; settings may be secret."""
    pairs = {"core.hooksPath": "/dev/null", "gc.auto": "0", **(settings or {})}
    variables = {
        "GIT_ALLOW_PROTOCOL": _TRANSPORTS,
        "GIT_CONFIG_COUNT": str(len(pairs)),
        "GIT_SSH_COMMAND": "ssh -o BatchMode=yes",
        "GIT_TERMINAL_PROMPT": "0",
    }
    for number, (name, value) in enumerate(pairs.items()):
        variables |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    limited = ["prlimit", f"--fsize={repositories.LIMIT}", process.find("git")]
    return process.run(
        [*limited, f"--git-dir={directory}", *words],
        timeout_s=_TIMEOUT_S,
        extra_environment=variables,
    )


def update(one: repositories.Repository, access: web.Access, cached: pathlib.Path) -> None:
    """Fetch all branches and tags of a repository, and what else is asked for by its full name.

    Args:
        one: The source.
        access: How to reach servers.
        cached: Directory of what git keeps of it.

    Raises:
        errors.Unavailable: git cannot fetch it.
        errors.ToolMissing: git is not installed.
    """
    wanted = list(_ALL)
    if one.ref == "*":
        wanted.append(f"+HEAD:{_HEAD}")
    elif one.ref.startswith("refs/"):
        wanted.append(f"+{one.ref}:{one.ref}")
    try:
        if not cached.is_dir():
            _git(cached, "init", "--quiet", "--bare", "--template=")
        with _certificates(cached, access) as settings:
            _git(
                *(cached, "fetch", "--quiet", "--prune", "--no-recurse-submodules", "origin"),
                *wanted,
                settings={**settings, **_remote(one), **_through(access.proxies, one)},
            )
    except errors.CommandError as error:
        last = f": {error.details[-1]}" if error.details else ""
        raise errors.Unavailable(
            f"git cannot fetch {one}{last}",
            hint="check the URL, the reference, the login and the network",
            details=error.details,
        ) from error


def _remote(one: repositories.Repository) -> dict[str, str]:
    """Name the server to git; a password goes apart, for git's programs have URLs as arguments."""
    parts = urllib.parse.urlsplit(one.location)
    if parts.scheme not in ("http", "https") or parts.username is None:
        return {"remote.origin.url": one.location}
    login = f"{parts.username}:{parts.password or ''}"
    encoded = base64.b64encode(urllib.parse.unquote(login).encode()).decode()
    place = urls.without_user(one.location)
    return {
        "remote.origin.url": place,
        f"http.{place}.extraHeader": f"Authorization: Basic {encoded}",
    }


def _through(proxies: model.Proxies, one: repositories.Repository) -> dict[str, str]:
    """Name the proxy to git, which asks nobody else for it."""
    scheme = urllib.parse.urlsplit(one.location).scheme
    proxy = proxies.https if scheme == "https" else proxies.http
    return {"http.proxy": proxy} if proxy and scheme in ("http", "https") else {}


@contextlib.contextmanager
def _certificates(cached: pathlib.Path, access: web.Access) -> Iterator[dict[str, str]]:
    """Give the setting by which git trusts an operator's authorities, beside the system's."""
    if not access.ca_certificate:
        yield {}
        return
    bundle = cached / "certificates.pem"
    system = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")
    known = system.read_text(encoding="utf-8") if system.exists() else ""
    bundle.write_text(f"{known}\n{access.ca_certificate}\n", encoding="utf-8")
    try:
        yield {"http.sslCAInfo": os.fspath(bundle)}
    finally:
        bundle.unlink()


def revision(one: repositories.Repository, cached: pathlib.Path) -> str:
    """Return the commit that a reference is at in the cache; empty if it has none."""
    name = _HEAD if one.ref == "*" else one.ref
    try:
        said = _git(cached, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    except errors.CommandError:
        return ""
    return said.stdout.strip()


def texts(
    cached: pathlib.Path, commit: str, folder: str, suffixes: tuple[str, ...]
) -> dict[str, str]:
    """Return the files with certain suffixes in a folder of a commit, by name; links are none.

    Raises:
        errors.InputMissing: The commit has no such folder.
        errors.ConfigError: A file has more than a MiB.
    """
    try:
        listed = _git(cached, "ls-tree", "-z", "--long", f"{commit}:{folder}").stdout
    except errors.CommandError as error:
        raise errors.InputMissing(f"commit {commit} has no folder {folder}") from error
    found = {}
    for line in filter(None, listed.split("\0")):
        about, _, name = line.partition("\t")
        mode, _, blob, size = about.split()
        if not mode.startswith("100") or not name.endswith(suffixes):
            continue
        if int(size) > model.MIB:
            raise errors.ConfigError(f"{name} of commit {commit} has more than {model.MIB} bytes")
        found[name] = _git(cached, "cat-file", "blob", blob).stdout
    return found


def unpack(
    one: repositories.Repository, commit: str, cached: pathlib.Path, place: pathlib.Path
) -> None:
    """Write a clone without its files to ``git`` in a directory, and the files to ``tree.tar``."""
    clone = place / "git"
    source = f"file://{urllib.parse.quote(os.fspath(cached))}"
    _git(clone, "init", "--quiet", "--bare", "--template=")
    origin = {"remote.origin.url": source}
    _git(clone, "fetch", "--quiet", "origin", commit, *_ALL, settings=origin)
    _git(clone, "config", "core.bare", "false")
    _git(clone, "config", "remote.origin.url", urls.without_user(one.location))
    _git(clone, "update-ref", "--no-deref", "HEAD", commit)
    _git(clone, "read-tree", "HEAD")
    # The archive has every file as it is, whatever a repository asks for.
    (clone / "info").mkdir(exist_ok=True)
    attributes = clone / "info/attributes"
    attributes.write_text("* -export-ignore -export-subst -text -ident -filter\n", "ascii")
    _git(clone, "archive", "--format=tar", f"--output={place / 'tree.tar'}", "HEAD")
    attributes.unlink()
    (clone / "FETCH_HEAD").unlink()
