"""The host's dnf, made to see the repositories of an image, and nothing that the host has.

Repositories, variables and keys come from the image's record, and of a repository only options
that say what it offers: the record was read from Glance, and some would name files or programs of
this machine.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fnmatch
import os
import pathlib
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ... import errors, model
from ...host import files, process
from ...model import architectures, releases
from ..archives import policy
from . import complaints, distributions, queries, recording, repo_files, versions

_TIMEOUT_S = 300.0
# The directory that dnf takes for a system: without packages, and with its lists.
_SYSTEM = "system"
_AUTHORITIES = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")
_PLACES = ("baseurl", "metalink", "mirrorlist")
_URL = re.compile(r"(?:https?|ftp)://\S+")
_SELECTING = ("exclude", "excludepkgs", "includepkgs", "module_hotfixes", "priority")
_OFF = ("0", "no", "false", "off")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]*")


@dataclasses.dataclass(frozen=True)
class Dnf:
    """The host's dnf with a configuration of its own.

    Attributes:
        words: dnf's options.
        environment: Variables that tell it of proxies.
    """

    words: Sequence[str]
    environment: Mapping[str, str]

    def ask(self, words: Sequence[str]) -> str:
        """Return what dnf writes.

        Raises:
            errors.ConfigError: A repository lacks what is wanted of it.
            errors.Unavailable: A repository does not answer.
        """
        try:
            done = process.run(
                ["dnf", *self.words, *words],
                timeout_s=_TIMEOUT_S,
                extra_environment=self.environment,
                confidential=True,
                check=False,
            )
        except errors.CommandError as error:
            raise errors.Unavailable(
                f"the repositories did not send their lists within {_TIMEOUT_S:.0f} s",
                hint="check the mirror, the proxies and the network",
                details=error.details,
            ) from error
        complaints.check(done)
        return done.stdout


@contextlib.contextmanager
def configured(
    place: pathlib.Path,
    settings: model.ArchiveSettings,
    release: model.Release,
    request: model.BuildRequest,
) -> Iterator[Dnf]:
    """Configure dnf for as long as the context lasts.

    Args:
        place: Directory of the lists of these repositories, which stay; nobody else uses it
            meanwhile.
        settings: What the image's dnf was told of.
        release: What runs in it.
        request: Mirrors with credentials, proxies and certificates.

    Raises:
        errors.ConfigError: A repository is verified with a key that is not in the record.
        errors.ImageError: The record names no repository that can be asked.
        errors.OutputError: The directory cannot be written.
    """
    root = place / "dnf"
    system = place / _SYSTEM
    shutil.rmtree(root, ignore_errors=True)
    try:
        try:
            root.mkdir(mode=0o700, parents=True)
            # dnf keeps lists and logs in the system that it is for.
            system.mkdir(mode=0o700, exist_ok=True)
            _write(root, settings, release, request)
        except OSError as error:
            raise errors.OutputError(
                f"cannot write {error.filename or root}: {error.strerror}",
                hint="set another directory with --cache-dir",
            ) from error
        words = ["--quiet", "--assumeyes", "--noplugins", f"--config={root / 'dnf.conf'}"]
        words += [f"--installroot={system}"]
        words += [f"--forcearch={architectures.kernel_architecture(release.architecture)}"]
        words += [f"--releasever={releases.version(release.distribution, release.series)}"]
        yield Dnf(words, request.proxies.environment())
    finally:
        # The configuration may hold a login, and logs the URLs with it.
        shutil.rmtree(root, ignore_errors=True)
        shutil.rmtree(system / "var/log", ignore_errors=True)


def upgrades(dnf: Dnf, packages: Iterable[model.Package]) -> tuple[policy.Upgrade, ...]:
    """Return what dnf has newer, sorted by name and architecture.

    Dependencies do not count, as with apt's policy.

    Args:
        dnf: A dnf that sees the repositories.
        packages: What is installed.
    """
    installed: dict[tuple[str, str], list[model.Package]] = {}
    for one in packages:
        if not any(fnmatch.fnmatchcase(one.name, loader) for loader in policy.BOOT_LOADERS):
            installed.setdefault((one.name, one.architecture), []).append(one)
    if not installed:
        return ()
    names = sorted({name for name, _ in installed})
    ask = ["repoquery", "--latest-limit=1", "--qf", queries.OFFERED, *names]
    found = list(_newer(installed, queries.packages(dnf.ask(ask))))
    if not found:
        return ()
    names = sorted({here.name for here, _ in found})
    ask = ["repoquery", "--security", "--qf", queries.OFFERED, *names]
    advised = {
        (here.name, here.architecture)
        for here, _ in _newer(installed, queries.packages(dnf.ask(ask)))
    }
    return tuple(
        policy.Upgrade(
            here.name,
            here.architecture,
            here.version,
            there.version,
            security=(here.name, here.architecture) in advised,
        )
        for here, there in found
    )


def _newer(
    installed: Mapping[tuple[str, str], Sequence[model.Package]],
    offered: Iterable[model.Package],
) -> Iterator[tuple[model.Package, model.Package]]:
    """Yield each package that is offered newer than all of its name that are installed.

    Of kernels, a system has several.
    """
    known = [one for one in offered if (one.name, one.architecture) in installed]
    pairs = [
        (here, there) for there in known for here in installed[there.name, there.architecture]
    ]
    answers = versions.newer((here.version, there.version) for here, there in pairs)
    newer: dict[model.Package, bool] = {}
    for (_, there), is_newer in zip(pairs, answers, strict=True):
        newer[there] = newer.get(there, True) and is_newer
    for there, is_newer in newer.items():
        if is_newer:
            yield installed[there.name, there.architecture][-1], there


def _write(
    root: pathlib.Path,
    settings: model.ArchiveSettings,
    release: model.Release,
    request: model.BuildRequest,
) -> None:
    """Write dnf's configuration, its variables and keys."""
    for name in ("variables", "keys", "none"):
        (root / name).mkdir()
    options = {
        "cachedir": "/lists",
        "logdir": "/var/log",
        "reposdir": os.fspath(root / "none"),
        "varsdir": os.fspath(root / "variables"),
        # Each question asks whether there are newer ones.
        "metadata_expire": "1",
        "skip_if_unavailable": "False",
        "retries": "1",
        "timeout": "10",
    }
    if request.ca_certificate:
        bundle = root / "certificates.pem"
        system = _AUTHORITIES.read_text() if _AUTHORITIES.is_file() else ""
        bundle.write_text(f"{system}\n{request.ca_certificate}\n", encoding="utf-8")
        options["sslcacert"] = os.fspath(bundle)
    keys = {}
    for number, (path, content) in enumerate(settings.keys):
        if content:
            keys[path] = root / "keys" / f"{number}.asc"
            keys[path].write_bytes(content)
    for path, text in settings.texts:
        directory, _, name = path.rpartition("/")
        if directory in recording.VARIABLES and _NAME.fullmatch(name):
            (root / "variables" / name).write_text(text, encoding="utf-8")
    options |= recording.exclusions(settings)
    sections = {"main": options, **dict(_repositories(settings, release, request, keys))}
    if len(sections) == 1:
        raise errors.ImageError(
            "the record of the image names no repository that can be asked",
            hint="build the image again, or set a mirror",
        )
    text = "".join(
        f"[{name}]\n" + "".join(f"{key}={value}\n" for key, value in values.items())
        for name, values in sections.items()
    )
    files.write(root / "dnf.conf", text, mode=0o600)


def _repositories(
    settings: model.ArchiveSettings,
    release: model.Release,
    request: model.BuildRequest,
    keys: Mapping[str, pathlib.Path],
) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the repositories that a build would use now, with the options that count."""
    mirror = request.archives.mirror.strip()
    texts = [text for path, text in settings.texts if path.startswith(recording.REPOSITORIES)]
    if repo_files.is_complete(mirror):
        texts = [mirror]
    elif mirror:
        urls = distributions.urls(mirror, release)
        texts = [repo_files.redirect(text, urls) for text in texts]
    for text in texts:
        for name, options in repo_files.read(text).items():
            if name == "main" or not _NAME.fullmatch(name):
                continue
            if options.get("enabled", "1").lower() in _OFF:
                continue
            kept = {
                key: " ".join(found)
                for key in _PLACES
                if (found := _URL.findall(options.get(key, "")))
            }
            if not kept:
                continue
            kept |= {key: " ".join(options[key].split()) for key in _SELECTING if key in options}
            if options.get("repo_gpgcheck", "0").lower() not in _OFF:
                kept |= _verified(name, options.get("gpgkey", ""), settings, release, keys)
            yield name, {"name": name, **kept}


def _verified(
    name: str,
    named: str,
    settings: model.ArchiveSettings,
    release: model.Release,
    keys: Mapping[str, pathlib.Path],
) -> dict[str, str]:
    """Return the options of a repository whose index is signed."""
    paths = recording.key_paths(named, dict(settings.texts), release)
    found = [keys[path].as_uri() for path in paths if path in keys]
    if not found:
        raise errors.ConfigError(
            f"the key of the repository {name!r} is missing in the record of the image",
            hint="build the image again, or set a mirror whose index is not signed",
        )
    return {"repo_gpgcheck": "1", "gpgkey": " ".join(found)}
