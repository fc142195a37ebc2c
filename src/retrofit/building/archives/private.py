"""The host's apt, made to see the archives of an image, and nothing that the host has.

Sources, pins, keys, and names and versions of packages come from the image's record; programs are
the host's. docs/explanation/package-reasons.md tells what follows from that.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
import pathlib
import shutil
from collections.abc import Iterator, Mapping, Sequence

from ... import errors, model
from ...host import process
from . import complaints, logins, transplant

_SYSTEM_CERTIFICATES = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")
_TIMEOUT_S = 300.0
_OPTIONS = {
    "APT::Get::Always-Include-Phased-Updates": "true",
    "APT::Update::Error-Mode": "any",
    # A suite that became oldstable since the lists were fetched is still the one of the image.
    "Acquire::AllowReleaseInfoChange": "true",
    "Acquire::IndexTargets::deb-src::Sources::DefaultEnabled": "false",
    "Acquire::Languages": "none",
    "Acquire::Retries": "1",
    # Of each file that is asked for, which is up to two for a suite.
    "Acquire::http::Timeout": "10",
    "Acquire::https::Timeout": "10",
    # The record was read from Glance: these would run further programs, or ask for a disc.
    "Dir::Bin::Methods::cdrom": "false",
    "Dir::Bin::Methods::rsh": "false",
    "Dir::Bin::Methods::ssh": "false",
    "Dir::Etc::main": "/dev/null",
    "Dir::Etc::parts": "/dev/null",
    # Each image has a status of its own: what is read from the lists alone is worth keeping.
    "Dir::Cache::pkgcache": "",
}


@dataclasses.dataclass(frozen=True)
class Apt:
    """The host's apt with a configuration of its own.

    Attributes:
        environment: Variables that tell it of that, and of proxies.
        archives: What the user gave, for messages.
    """

    environment: Mapping[str, str]
    archives: model.Archives

    def update(self) -> None:
        """Fetch the lists of all archives that are newer than those fetched before.

        Raises:
            errors.ConfigError: An archive has no such suite, or its key is not known.
            errors.Unavailable: An archive does not answer as it should.
        """
        found = complaints.Complaints()
        try:
            completed = process.run(
                # The caches that it would write would be those of one image.
                ["apt-get", "--option", "pkgCacheFile::Generate=false", "update"],
                timeout_s=_TIMEOUT_S,
                extra_environment=self.environment,
                on_line=found.watch,
                check=False,
            )
        except errors.CommandError as error:
            raise errors.Unavailable(
                f"the archives did not send their lists within {_TIMEOUT_S:.0f} s",
                hint="check the archive mirror, the proxies and the network",
                details=error.details,
            ) from error
        found.check(completed, self.archives)

    def cache(self, words: Sequence[str]) -> str:
        """Return what apt-cache writes.

        Raises:
            errors.CommandError: The lists are damaged.
        """
        return process.run(
            ["apt-cache", *words],
            timeout_s=_TIMEOUT_S,
            extra_environment=self.environment,
            # Nobody wants to read a table for every package in the log.
            confidential=True,
        ).stdout


@contextlib.contextmanager
def configured(
    place: pathlib.Path,
    settings: model.ArchiveSettings,
    packages: Sequence[model.Package],
    release: model.Release,
    request: model.BuildRequest,
) -> Iterator[Apt]:
    """Configure apt for as long as the context lasts.

    Args:
        place: Directory of the lists of these archives, which stay; nobody else uses it meanwhile.
        settings: What the image's apt was told of.
        packages: What is installed in the image. Their dependencies are not known.
        release: What runs in it.
        request: Mirrors with credentials, proxies and certificates.

    Raises:
        errors.ConfigError: A key is neither in the record nor on this host.
        errors.OutputError: The directory cannot be written.
    """
    # Always the same one: names of lists hold the path of a list of mirrors.
    root = place / "apt"
    shutil.rmtree(root, ignore_errors=True)
    try:
        try:
            for directory in (root, place / "lists" / "partial"):
                directory.mkdir(parents=True, exist_ok=True)
            transplant.write(root, settings, release, request)
            _write_status(root / "status", packages)
            _write_configuration(root, place, packages, release, request)
        except OSError as error:
            raise errors.OutputError(
                f"cannot write {error.filename or root}: {error.strerror}",
                hint="set another directory with --cache-dir",
            ) from error
        environment = {"APT_CONFIG": os.fspath(root / "apt.conf")}
        yield Apt(environment | request.proxies.environment(), logins.without(request.archives))
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _write_status(path: pathlib.Path, packages: Sequence[model.Package]) -> None:
    """Write what dpkg would: the record has been read, so nothing but words is in it."""
    path.write_text(
        "".join(
            f"Package: {package.name}\nStatus: install ok installed\n"
            f"Version: {package.version}\nArchitecture: {package.architecture}\n\n"
            for package in packages
        ),
        encoding="ascii",
    )


def _write_configuration(
    root: pathlib.Path,
    place: pathlib.Path,
    packages: Sequence[model.Package],
    release: model.Release,
    request: model.BuildRequest,
) -> None:
    """Write apt's configuration, which holds no secret."""
    options = {
        "Dir": root,
        "Dir::Cache": place,
        "Dir::Etc": root / transplant.PRIVATE / "etc/apt",
        "Dir::Etc::trusted": root / transplant.PUBLIC / "etc/apt/trusted.gpg",
        "Dir::Etc::trustedparts": root / transplant.PUBLIC / "etc/apt/trusted.gpg.d",
        "Dir::State": root,
        "Dir::State::lists": place / "lists",
        "Dir::State::status": root / "status",
        "APT::Architecture": release.architecture,
        **_OPTIONS,
    }
    if request.ca_certificate:
        bundle = root / "certificates.pem"
        system = _SYSTEM_CERTIFICATES.read_text() if _SYSTEM_CERTIFICATES.is_file() else ""
        bundle.write_text(f"{system}\n{request.ca_certificate}\n", encoding="utf-8")
        options["Acquire::https::CaInfo"] = bundle
    foreign = {package.architecture for package in packages} - {"all", release.architecture}
    lines = [f'{name} "{value}";\n' for name, value in options.items()]
    lines += [
        f'APT::Architectures:: "{name}";\n'
        for name in itertools.chain([release.architecture], sorted(foreign))
    ]
    (root / "apt.conf").write_text("".join(lines), encoding="utf-8")
