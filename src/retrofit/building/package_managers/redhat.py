"""dnf and rpm."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import pathlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ... import errors, model
from ...host import files, rootfs, urls
from ...host.sandbox import cells
from .. import certificates
from ..archives import pockets, policy, texts
from ..disk import loader_entries
from ..dnf import complaints, distributions, queries, recording, repo_files
from . import manager

_LOG = logging.getLogger(__name__)

_DNF, _RPM = "/usr/bin/dnf", "/usr/bin/rpm"
_DNF5 = "/usr/bin/dnf5"
_NEEDED = (_DNF, _RPM, "/bin/bash")
_CONFIGURATION = "/etc/dnf/dnf.conf"
_MAIN = "[main]"
_OWN = f"{recording.REPOSITORIES}/retrofit.repo"
# Where dnf 4 and 5 keep lists and packages, and where diskimage-builder's element yum has dnf keep
# them for the time of a build.
_CACHE, _NEWER_CACHE, _OF_ELEMENTS = "/var/cache/dnf", "/var/cache/libdnf5", "/tmp/yum"
# What that element sets, and leaves at the end with dnf's own defaults.
_SET_BY_ELEMENTS = ("cachedir", "keepcache")
_SELINUX = "/etc/selinux/config"
_ENFORCING = re.compile(r"(?m)^SELINUX=enforcing\b")
# What kernel-install tells new kernels; without it, what this machine's own kernel was told.
_OF_NEW_KERNELS = "/etc/kernel/cmdline"
# What rpm leaves alone in packages, such as filesystem: whose these are while something is mounted
# there, nobody in a sandbox can say.
MOUNTED = "%_netsharedpath /dev:/proc:/sys\n"
_MACROS = "/etc/rpm/macros.retrofit-build"
_TIMEOUT_S = 3600.0
_QUERY_TIMEOUT_S = 300.0


class Dnf:
    """The package manager of the Red Hat family; see :class:`.manager.PackageManager`."""

    # rpm and dnf write down when they installed what.
    repeatable = False

    def binds(
        self,
        tree: pathlib.Path,
        request: model.BuildRequest,
        release: model.Release,
        work: pathlib.Path,
    ) -> list[cells.Bind]:
        """Return where lists and packages go, and repositories with logins.

        The image has its repositories without. To dnf, they are not the same.
        """
        cache = _NEWER_CACHE if rootfs.resolve(tree, _DNF5).is_file() else _CACHE
        found = [
            cells.Bind(_directory(work), place, writable=True) for place in (cache, _OF_ELEMENTS)
        ]
        mirror = request.archives.mirror
        if urls.without_user(mirror) == mirror:
            return found
        for number, (path, text) in enumerate(_pointed(tree, mirror, release).items()):
            file = work / f"repository-{number}"
            files.write(file, text, mode=0o600)
            found.append(cells.Bind(file, path))
        return found

    def identity_of_lists(self, work: pathlib.Path) -> str:
        """Return the digests of the indexes that were fetched."""
        indexes = sorted(_directory(work).glob("*/repodata/repomd.xml"))
        return " ".join(files.digest(index, "sha256") for index in indexes)

    @property
    def variables(self) -> Mapping[str, str]:
        """Variables of all programs of a build: by YUM, elements know which program it is."""
        return {"YUM": "dnf"}

    @contextlib.contextmanager
    def prepared(self, tree: pathlib.Path, request: model.BuildRequest) -> Iterator[None]:
        """Give dnf its settings for the time of a build, and take them away at the end.

        It has no directory of settings before dnf 5, so they go into its one file. What elements
        change there stays. After an error nothing is taken away: the tree is lost.
        """
        _tell_new_kernels(tree)
        before = rootfs.read(tree, _CONFIGURATION)
        settings = _settings(request)
        ours = [f"{name}={value}" for name, value in settings.items()]
        during = _with(_without(before or f"{_MAIN}\n", settings), ours)
        rootfs.write(tree, _CONFIGURATION, during)
        rootfs.write(tree, _MACROS, MOUNTED)
        yield
        rootfs.remove(tree, _MACROS)
        after = rootfs.read(tree, _CONFIGURATION) or ""
        changed = (*settings, *_SET_BY_ELEMENTS)
        if _without(after, changed) != _without(during, changed):
            overruled = [line for line in (before or "").splitlines() if _name(line) in settings]
            rootfs.write(tree, _CONFIGURATION, _with(_without(after, settings), overruled))
        elif before is None:
            rootfs.remove(tree, _CONFIGURATION)
        else:
            rootfs.write(tree, _CONFIGURATION, before)

    def settle(self, cell: cells.Cell, _on_line: manager.OnLine) -> None:
        """Refuse a system in which rpm was interrupted: it has no way to finish.

        Raises:
            errors.ImageError: It was, or a program of every build is missing.
        """
        if _ENFORCING.search(rootfs.read(cell.root, _SELINUX) or ""):
            _LOG.warning(
                "SELinux becomes permissive, unless an element says otherwise: a build cannot"
                " write the labels of files"
            )
        for program in _NEEDED:
            if not rootfs.resolve(cell.root, program).is_file():
                raise errors.ImageError(
                    f"the base image has no {pathlib.PurePath(program).name} ({program})",
                    hint="use an image that can install packages",
                )
        doubled = queries.doubled(self.installed(cell))
        if doubled:
            raise errors.ImageError(
                f"the base image was interrupted amid an upgrade: {doubled[0]} is installed twice",
                hint="repair the base image with dnf remove --duplicates, or use another one",
            )

    def point(self, tree: pathlib.Path, archives: model.Archives, release: model.Release) -> None:
        """Tell dnf of a mirror: a URL, or complete repositories in place of all others.

        Raises:
            errors.ConfigError: What was given is for another distribution, or the system has no
                repository that is on the mirror.
        """
        if pockets.source(archives, release) or archives.ppas:
            raise errors.ConfigError(
                f"the Ubuntu Cloud Archive and personal package archives are not for"
                f" {release.distribution}",
                hint="remove them, or use a base image of Ubuntu",
            )
        for path, text in _pointed(tree, archives.mirror, release).items():
            rootfs.write(tree, path, urls.without_user(text))

    def refresh(
        self,
        cell: cells.Cell,
        _request: model.BuildRequest,
        _release: model.Release,
        on_line: manager.OnLine,
    ) -> None:
        """Have dnf fetch the lists of all repositories.

        Raises:
            errors.Unavailable: A repository does not answer.
        """
        self._run(cell, ["makecache", "--refresh"], on_line)

    def upgrade(
        self, cell: cells.Cell, _archives: model.Archives, on_line: manager.OnLine
    ) -> None:
        """Have dnf upgrade all packages but boot loaders; see :func:`complaints.check`."""
        # A build does not write boot sectors, nor loaders on the EFI system partition.
        excluded = [f"--exclude={name}" for name in policy.BOOT_LOADERS]
        self._run(cell, [*excluded, "upgrade"], on_line)

    def clean(self, cell: cells.Cell) -> None:
        """Remove the packages that were fetched."""
        self._run(cell, ["clean", "packages"], None)

    def installed(self, cell: cells.Cell) -> tuple[model.Package, ...]:
        """Return what is installed, by the system's own rpm.

        Raises:
            errors.ImageError: It has no list of packages, or nothing stands in it.
        """
        try:
            answer = cell.run(
                [_RPM, "-qa", "--queryformat", queries.INSTALLED],
                timeout_s=_QUERY_TIMEOUT_S,
                # Nobody wants to read a table for every package in the log.
                confidential=True,
            ).stdout
        except errors.CommandError as error:
            raise errors.ImageError(
                "the image's rpm cannot read its list of packages", details=error.details
            ) from error
        found = queries.packages(answer)
        if not found:
            raise errors.ImageError("no package is installed in the image (rpm)")
        return found

    def secured(
        self, cell: cells.Cell, packages: Iterable[model.Package]
    ) -> tuple[model.Package, ...]:
        """Mark the packages of security advisories; the lists must still be there."""
        words = ["repoquery", "--security", "--qf", queries.OFFERED]
        offered = set(queries.packages(self._ask(cell, words)))
        return tuple(dataclasses.replace(one, security=one in offered) for one in packages)

    def settings(
        self, cell: cells.Cell, _packages: Iterable[model.Package], release: model.Release
    ) -> model.ArchiveSettings | None:
        """Return what dnf was told of, and which newer packages the build left.

        Raises:
            errors.CommandError: dnf cannot read its own lists.
        """
        if not rootfs.resolve(cell.root, _DNF).is_file():
            return None
        told = recording.texts(cell.root)
        words = ["repoquery", "--upgrades", "--latest-limit=1", "--qf", queries.OFFERED]
        left = queries.packages(self._ask(cell, words))
        return model.ArchiveSettings(
            texts=tuple(sorted(told.items())),
            keys=tuple(sorted(recording.keys(cell.root, told, release).items())),
            left=tuple((policy.label(one, release.architecture), one.version) for one in left),
        )

    def _ask(self, cell: cells.Cell, words: Sequence[str]) -> str:
        """Ask dnf about the lists that it has."""
        if not rootfs.resolve(cell.root, _DNF).is_file():
            return ""
        # Elements may have brought repositories that nothing was fetched from.
        options = ["--quiet", "--cacheonly", "--setopt=*.skip_if_unavailable=1"]
        command = [_DNF, *options, *words]
        return cell.run(command, timeout_s=_QUERY_TIMEOUT_S, confidential=True).stdout

    def _run(self, cell: cells.Cell, words: Sequence[str], on_line: manager.OnLine) -> None:
        complaints.check(
            cell.run(
                [_DNF, "--assumeyes", *words], timeout_s=_TIMEOUT_S, on_line=on_line, check=False
            )
        )


def _directory(work: pathlib.Path) -> pathlib.Path:
    """Return the directory of lists and packages, made if it is missing."""
    cache = work / "dnf"
    cache.mkdir(exist_ok=True)
    return cache


def _settings(request: model.BuildRequest) -> dict[str, str]:
    """Return settings of dnf for the time of a build (dnf.conf(5))."""
    proxies = request.proxies
    return {
        "install_weak_deps": "False",
        # What is not there is an error, not a warning that nobody reads.
        "skip_if_unavailable": "False",
        "strict": "True",
        "retries": "3",
        # Variables of the environment say which one, for each server.
        **({"proxy": ""} if proxies.http or proxies.https else {}),
        **({"sslcacert": certificates.FILE} if request.ca_certificate else {}),
    }


def _pointed(tree: pathlib.Path, mirror: str, release: model.Release) -> dict[str, str]:
    """Return the repository files of a system that a mirror changes, as it changes them.

    Raises:
        errors.ConfigError: It is no mirror, or the system has no repository that is on it.
    """
    mirror = mirror.strip()
    if not mirror:
        return {}
    complete = repo_files.is_complete(mirror)
    if complete:
        repo_files.check(mirror)
    elif "\n" in mirror or texts.ONE_LINE.fullmatch(mirror):
        first = urls.without_user(mirror.splitlines()[0])
        raise errors.ConfigError(
            f"the mirror {first!r} is neither a URL nor a repository of dnf",
            hint="give a URL, or complete repositories, each beginning with [name]",
        )
    known = {} if complete else distributions.urls(mirror, release)
    found: dict[str, str] = {}
    named: set[str] = set()
    for path in rootfs.entries(tree, recording.REPOSITORIES):
        text = rootfs.read(tree, path)
        if text is None or pathlib.PurePath(path).suffix != ".repo":
            continue
        named |= repo_files.read(text).keys()
        found[path] = repo_files.disable(text) if complete else repo_files.redirect(text, known)
    if complete:
        found[_OWN] = f"{mirror}\n"
        return found
    missing = distributions.needed(release) - named
    if missing:
        raise errors.ConfigError(
            f"the base image has no repository {sorted(missing)[0]!r}",
            hint="give complete repositories in place of the mirror, each beginning with [name]",
        )
    return found


def _tell_new_kernels(tree: pathlib.Path) -> None:
    """Write what kernels that a build installs are to be told, where nothing says so."""
    if rootfs.resolve(tree, _OF_NEW_KERNELS).exists():
        return
    entry = loader_entries.default(loader_entries.read(tree, {}), "")
    if entry is not None and entry.arguments:
        rootfs.write(tree, _OF_NEW_KERNELS, f"{' '.join(entry.arguments)}\n")


def _without(text: str, names: Iterable[str]) -> str:
    """Return a text without the lines of some settings."""
    return "".join(f"{line}\n" for line in text.splitlines() if _name(line) not in names)


def _name(line: str) -> str:
    """Return which setting a line has."""
    return line.partition("=")[0].strip()


def _with(text: str, lines: Sequence[str]) -> str:
    """Return the text of dnf's settings with further ones."""
    added = "".join(f"{line}\n" for line in lines)
    head, found, rest = text.partition(f"{_MAIN}\n")
    return f"{head}{found}{added}{rest}" if found else f"{text}{_MAIN}\n{added}"
