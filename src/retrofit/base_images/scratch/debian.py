"""Debian and Ubuntu by mmdebstrap, and what a cloud image has beside its packages."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
import shutil
from collections.abc import Sequence

from ... import errors
from ...building.archives import logins
from ...host import files, process, web
from . import archives, cloud_files, debian_systems
from . import recipe as recipes

_BOOTSTRAP_TIMEOUT_S = 3600.0
_AUTHORITIES = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")
# Where mmdebstrap leaves the options for apt that it was given.
_SETTINGS = "etc/apt/apt.conf.d/99mmdebstrap"
# Where a base image has keys that its distribution does not bring.
_OWN_KEYS = "/etc/apt/keyrings"
# What apt says of a package that no archive has, and of an archive that it cannot verify (its
# verifiers are gpgv and, since Debian 13, sqv).
_NO_PACKAGE = re.compile(r"Unable to locate package (\S+)|Package '?(\S+?)'? has no installation")
_NOT_VERIFIED = re.compile(r"NO_PUBKEY|is not signed|Missing key|couldn't be verified")


@dataclasses.dataclass(frozen=True)
class _Reaching:
    """How apt reaches mirrors: by variables of its environment and options of mmdebstrap."""

    environment: dict[str, str]
    options: tuple[str, ...]


class System:
    """A system of Debian or Ubuntu that is made in a directory.

    Args:
        recipe: How to make it.
        access: How mirrors are reached.
        place: Directory for temporary files.

    Raises:
        errors.ConfigError: No mirror of the distribution is known.
        errors.ToolMissing: The keys of the archive are missing.
    """

    def __init__(self, recipe: recipes.Recipe, access: web.Access, place: pathlib.Path) -> None:
        about = debian_systems.DISTRIBUTIONS[recipe.distribution]
        if not recipe.holds.keys and not os.path.exists(about.keyring):
            raise errors.ToolMissing(
                f"the archive keys {about.keyring} are missing",
                hint=f"install {recipe.distribution}'s archive keyring package, or set another"
                " keyring",
            )
        self._recipe = recipe
        self._access = access
        self._place = place
        self._about = about
        mirror, self._login = logins.of_url(recipe.mirror)
        self._archives = archives.of_release(
            recipe.distribution,
            recipe.release,
            recipe.architecture,
            mirror,
            recipe.snapshot,
            access,
        )

    def install(self, tree: pathlib.Path) -> None:
        """Install the packages into a new directory.

        Raises:
            errors.ConfigError: The mirror lacks a package.
            errors.Denied: The mirror is not signed with a key of the keyring.
            errors.Unavailable: The mirror does not give what is asked for.
        """
        recipe, holds = self._recipe, self._recipe.holds
        keyring = self._about.keyring
        if holds.keys:
            own = self._place / holds.keyring
            own.write_bytes(holds.keys)
            keyring = str(own)
        _install(
            tree,
            keyring,
            recipe.release,
            recipe.architecture,
            self._archives,
            _reaching(self._access, self._login, self._place),
            (
                *debian_systems.packages(self._about, recipe.architecture, minimal=holds.minimal),
                holds.kernel or self._about.kernels[recipe.architecture],
            ),
        )

    def configure(self, tree: pathlib.Path) -> None:
        """Write the files that make a cloud image of it."""
        recipe, about = self._recipe, self._about
        if recipe.holds.keys:
            about = dataclasses.replace(about, keyring=f"{_OWN_KEYS}/{recipe.holds.keyring}")
            own = tree / about.keyring.lstrip("/")
            own.parent.mkdir(parents=True, exist_ok=True)
            own.write_bytes(recipe.holds.keys)
        _configure(
            tree,
            recipe.distribution,
            about,
            self._archives,
            deb822=recipe.shape.layout == "noble",
            console=debian_systems.ARCHITECTURES[recipe.architecture].console,
        )


def _reaching(access: web.Access, login: str, place: pathlib.Path) -> _Reaching:
    """Write down how mirrors are reached, in apt's words."""
    options = []
    if login:
        logins_file = place / "logins"
        files.write(logins_file, login, mode=0o600)
        options.append(f'Dir::Etc::netrc "{logins_file}"')
    if access.ca_certificate:
        bundle = place / "authorities.pem"
        bundle.write_text(_AUTHORITIES.read_text() + access.ca_certificate)
        options.append(f'Acquire::https::CAInfo "{bundle}"')
    if options:
        # An apt that gave up root's rights could not read the files where they are.
        options.append('APT::Sandbox::User "root"')
    return _Reaching(
        access.proxies.environment(), tuple(f"--aptopt={option}" for option in options)
    )


def _install(
    tree: pathlib.Path,
    keyring: str,
    release: str,
    architecture: str,
    suites: Sequence[archives.Archive],
    reaching: _Reaching,
    packages: Sequence[str],
) -> None:
    """Install the packages into a new directory."""
    try:
        process.run(
            ["mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory"]
            + [
                f"--architectures={architecture}",
                f"--include={','.join(packages)}",
                # It goes by the host's own registrations of emulators.
                "--skip=check/qemu",
                *reaching.options,
                release,
                tree,
                *(one.line(keyring) for one in suites),
            ],
            timeout_s=_BOOTSTRAP_TIMEOUT_S,
            extra_environment=reaching.environment,
        )
    except errors.CommandError as failure:
        raise _complaint(failure, release, suites[0].url) from failure
    # How this machine reached the mirror is nothing to the image.
    tree.joinpath(_SETTINGS).unlink(missing_ok=True)


def _complaint(failure: errors.CommandError, release: str, url: str) -> errors.RetrofitError:
    """Say what mmdebstrap failed at, by what its apt said of it."""
    said = "\n".join(failure.details)
    lacking = _NO_PACKAGE.search(said)
    if lacking is not None:
        return errors.ConfigError(
            f"{url} has no package {lacking[1] or lacking[2]} for {release}",
            hint="correct the name of the package",
            details=failure.details,
        )
    if _NOT_VERIFIED.search(said):
        return errors.Denied(
            f"{url} is not signed with a key that is trusted",
            hint="set the keyring of this archive",
            details=failure.details,
        )
    return errors.Unavailable(
        f"no base system of {release} can be installed from {url}",
        hint="check the mirror and the release",
        details=failure.details,
    )


def _configure(
    tree: pathlib.Path,
    distribution: str,
    about: debian_systems.Distribution,
    suites: Sequence[archives.Archive],
    *,
    deb822: bool,
    console: str,
) -> None:
    """Write the files that make a cloud image of a system."""
    sources_list = tree / "etc/apt/sources.list"
    parts = tree / "etc/apt/sources.list.d"
    shutil.rmtree(parts)
    parts.mkdir()
    keyring = about.keyring
    if deb822:
        cloud_files.write(sources_list, f"# See {distribution}.sources in sources.list.d.\n")
        stanzas = "\n".join(one.stanza(keyring) for one in suites)
        cloud_files.write(parts / f"{distribution}.sources", stanzas)
    else:
        cloud_files.write(sources_list, "".join(f"{one.line()}\n" for one in suites))

    cloud_files.name_host(tree, distribution)
    cloud_files.write(tree / "etc/default/locale", "LANG=C.UTF-8\n")
    settings = _GRUB_SETTINGS.format(console=console)
    cloud_files.write(tree / "etc/default/grub.d/50-cloudimg-settings.cfg", settings)
    cloud_files.write(tree / "etc/cloud/cloud.cfg.d/90-base.cfg", _CLOUD_SETTINGS)
    resolver = tree / "etc/resolv.conf"
    resolver.unlink(missing_ok=True)
    resolver.symlink_to("../run/systemd/resolve/stub-resolv.conf")
    cloud_files.forget_machine(tree)


_GRUB_SETTINGS = """\
GRUB_TIMEOUT=0
GRUB_RECORDFAIL_TIMEOUT=0
GRUB_CMDLINE_LINUX_DEFAULT="console=tty1 console={console}"
GRUB_TERMINAL=console
"""
_CLOUD_SETTINGS = """\
# The image's own archive mirror and locale stay as they are.
apt:
  preserve_sources_list: true
locale: C.UTF-8
"""
