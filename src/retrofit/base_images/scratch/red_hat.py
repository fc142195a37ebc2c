"""Fedora, CentOS Stream and Rocky Linux from a mirror: what dnf installs into a directory.

docs/reference/red-hat.md says what of this has been run, and what has not.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import logging
import pathlib
import re
from collections.abc import Iterator, Mapping
from xml.etree import ElementTree

from ... import errors, model
from ...building.disk import mounts
from ...building.dnf import complaints, distributions
from ...building.package_managers import redhat
from ...host import files, process, urls, web
from ...model import releases
from . import cloud_files, shape
from . import recipe as recipes

_LOG = logging.getLogger(__name__)

_TIMEOUT_S = 3600.0
_LIMIT = 4 * model.MIB
_XML = "{http://linux.duke.edu/metadata/repo}"
# A system in a directory has the devices and processes that scripts of packages ask for.
_MOUNTED = ("dev", "proc")
# What a system has beside, as rpm does not make it.
_MADE = ("sys",)
_AUTHORITIES = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")
# Where rpm has its list of packages: in CentOS and Rocky Linux since 10.
_LIST, _FORMER_LIST = "/usr/lib/sysimage/rpm", "/var/lib/rpm"
_FORMER = re.compile("(centos|rhel|rocky)-9(-stream)?")


@dataclasses.dataclass(frozen=True)
class _Architecture:
    """What differs between architectures.

    Attributes:
        name: dnf's name.
        loaders: Packages of what starts a machine.
        console: The kernel's name of the first serial port.
    """

    name: str
    loaders: tuple[str, ...]
    console: str


# By Debian's names.
ARCHITECTURES = {
    "amd64": _Architecture("x86_64", ("grub2-pc", "grub2-efi-x64", "shim-x64"), "ttyS0"),
    "arm64": _Architecture("aarch64", ("grub2-efi-aa64", "shim-aa64"), "ttyAMA0"),
}
# What a machine needs to start, and to be configured by cloud-init; a recipe adds its own.
_MINIMAL = (
    "NetworkManager ca-certificates cloud-init cloud-utils-growpart dnf dracut-config-generic"
    " e2fsprogs glibc-minimal-langpack grub2-tools hostname iproute passwd procps-ng python3 rpm"
    " sudo systemd systemd-udev util-linux"
).split()
# What cloud images have beside.
_PACKAGES = (
    *_MINIMAL,
    *(
        "bash-completion chrony curl dosfstools gdisk iputils less lsof man-db nftables"
        " openssh-clients openssh-server rsync rsyslog selinux-policy-targeted tar tcpdump"
        " traceroute vim-minimal which xz"
    ).split(),
)
_KERNEL = "kernel-core"
# With os-release, repositories and keys; others are named after their distributions.
_RELEASES = {"centos": "centos-stream-release"}
_CACHE = "var/cache/dnf"


@dataclasses.dataclass(frozen=True)
class Repository:
    """A repository as it is now.

    Attributes:
        name: Its name.
        digest: Hash of its list of packages.
        day: When that was made, as ``20260801``; empty if it does not say.
    """

    name: str
    digest: str
    day: str


def repositories(recipe: recipes.Recipe, access: web.Access) -> list[Repository]:
    """Return what the repositories that a system is made of have now.

    Raises:
        errors.ConfigError: No mirror was given.
        errors.InputMissing: The mirror does not have the series, or not for the architecture.
        errors.Unavailable: It does not answer.
    """
    found = []
    for name, url in _urls(recipe).items():
        index = f"{url}repodata/repomd.xml"
        found.append(_read(name, index, web.read(index, access, limit=_LIMIT)))
    return found


def _read(name: str, url: str, content: bytes) -> Repository:
    """Read a repository's index."""
    if b"<!DOCTYPE" in content:
        raise errors.InputMissing(f"{urls.shown(url)} is no index of a repository")
    try:
        # Nothing in it can refer to anything: that takes a document type.
        top = ElementTree.fromstring(content)
    except ElementTree.ParseError as error:
        raise errors.InputMissing(f"{urls.shown(url)} is no index of a repository") from error
    primary = f"{_XML}data[@type='primary']"
    digest = top.findtext(f"{primary}/{_XML}checksum")
    if not digest:
        raise errors.InputMissing(f"{urls.shown(url)} has no list of packages")
    seconds = top.findtext(f"{primary}/{_XML}timestamp") or ""
    day = ""
    if re.fullmatch("[0-9]{9,11}", seconds):
        made = datetime.datetime.fromtimestamp(int(seconds), datetime.timezone.utc)
        day = f"{made:%Y%m%d}"
    return Repository(name, digest.strip(), day)


def _urls(recipe: recipes.Recipe) -> dict[str, str]:
    """Return where the repositories are, by their names."""
    if not recipe.mirror:
        raise errors.ConfigError(
            f"no mirror of {recipe.distribution} is known", hint="set a mirror with --mirror"
        )
    if recipe.architecture not in ARCHITECTURES:
        raise errors.ConfigError(
            f"images of {recipe.distribution} for {recipe.architecture} cannot be created",
            hint=f"supported: {', '.join(ARCHITECTURES)}",
        )
    release = model.Release(recipe.distribution, "", recipe.release, recipe.architecture)
    name = ARCHITECTURES[recipe.architecture].name
    number = releases.version(recipe.distribution, recipe.release)
    needed = distributions.needed(release)
    return {
        repository: url.replace("$basearch", name).replace("$releasever", number)
        for repository, url in distributions.urls(recipe.mirror, release).items()
        if repository in needed
    }


class System:
    """A system of the Red Hat family that is made in a directory.

    Args:
        recipe: How to make it.
        access: How the mirror is reached.
        place: Directory for temporary files.

    Raises:
        errors.ConfigError: No mirror, or no keyring was given, or a snapshot, which none has.
    """

    def __init__(self, recipe: recipes.Recipe, access: web.Access, place: pathlib.Path) -> None:
        if not recipe.holds.keys:
            raise errors.ConfigError(
                f"this machine has no keys of {recipe.distribution}",
                hint="set the public keys of the mirror with --keyring",
            )
        self._recipe = recipe
        self._access = access
        self._place = place
        self._urls = _urls(recipe)

    def install(self, tree: pathlib.Path) -> None:
        """Install the packages into a new directory.

        Raises:
            errors.ConfigError: The mirror lacks a package, or a package is not signed with a key
                of the keyring.
            errors.RecipeError: Packages cannot be combined, or one of their scripts failed.
            errors.Unavailable: The mirror does not answer.
        """
        recipe, holds = self._recipe, self._recipe.holds
        _LOG.warning(
            "images of %s have been built from a miniature distribution only, and never booted",
            recipe.distribution,
        )
        tree.mkdir(mode=0o755)
        # Scripts of kernels read it; what they would read else is of this machine.
        line = f"root=LABEL={shape.label_of(recipe.shape)} ro {_CONSOLES}\n"
        console = ARCHITECTURES[recipe.architecture].console
        cloud_files.write(tree / "etc/kernel/cmdline", line.format(console=console))
        architecture = ARCHITECTURES[recipe.architecture]
        words = ["dnf", "--assumeyes", "--noplugins", f"--installroot={tree}"]
        words += [f"--config={self._settings()}", f"--forcearch={architecture.name}"]
        words += [f"--releasever={releases.version(recipe.distribution, recipe.release)}"]
        words += ["install", *(_MINIMAL if holds.minimal else _PACKAGES), *architecture.loaders]
        of_release = _RELEASES.get(recipe.distribution, f"{recipe.distribution}-release")
        words += [holds.kernel or _KERNEL, of_release]
        cache = self._place / "dnf"
        cache.mkdir()
        with _mounted(tree, cache):
            done = process.run(
                words,
                timeout_s=_TIMEOUT_S,
                extra_environment=self._environment(),
                check=False,
            )
        complaints.check(done)
        for log in (*(tree / "var/log").glob("dnf*.log"), tree / "var/log/hawkey.log"):
            log.unlink(missing_ok=True)

    def configure(self, tree: pathlib.Path) -> None:
        """Write the files that make a cloud image of it."""
        console = ARCHITECTURES[self._recipe.architecture].console
        cloud_files.name_host(tree, self._recipe.distribution)
        cloud_files.write(tree / "etc/locale.conf", "LANG=C.UTF-8\n")
        cloud_files.write(tree / "etc/default/grub", _GRUB_SETTINGS.format(console=console))
        # What no kernel of this machine could label would be forbidden to all.
        cloud_files.write(
            tree / "etc/selinux/config", "SELINUX=permissive\nSELINUXTYPE=targeted\n"
        )
        cloud_files.forget_machine(tree)

    def _settings(self) -> pathlib.Path:
        """Write dnf's configuration: nothing of this machine's own counts."""
        keys = self._place / self._recipe.holds.keyring
        keys.write_bytes(self._recipe.holds.keys)
        options = {
            # In the system that is made, as dnf has it: another directory stands there meanwhile.
            "cachedir": f"/{_CACHE}",
            "gpgcheck": "1",
            "install_weak_deps": "False",
            "keepcache": "0",
            "logdir": "/var/log",
            "reposdir": str(self._place / "repositories"),
            "skip_if_unavailable": "False",
            "varsdir": str(self._place / "variables"),
        }
        if self._access.ca_certificate:
            bundle = self._place / "authorities.pem"
            system = _AUTHORITIES.read_text() if _AUTHORITIES.is_file() else ""
            bundle.write_text(f"{system}\n{self._access.ca_certificate}\n", encoding="utf-8")
            options["sslcacert"] = str(bundle)
        sections = {"main": options}
        for name, url in self._urls.items():
            sections[name] = {"name": name, "baseurl": url, "gpgkey": keys.as_uri()}
        text = "".join(
            f"[{name}]\n" + "".join(f"{key}={value}\n" for key, value in values.items())
            for name, values in sections.items()
        )
        settings = self._place / "dnf.conf"
        files.write(settings, text, mode=0o600)
        return settings

    def _environment(self) -> Mapping[str, str]:
        """Return variables of dnf: how mirrors are reached, and what rpm is to heed.

        The rpm of another distribution keeps its list somewhere else; rpm reads macros of its
        user.
        """
        home = self._place / "home"
        home.mkdir()
        where = _FORMER_LIST if _FORMER.fullmatch(self._recipe.release) else _LIST
        macros = f"%_dbpath {where}\n{redhat.MOUNTED}"
        (home / ".rpmmacros").write_text(macros, encoding="ascii")
        return {**self._access.proxies.environment(), "HOME": str(home)}


@contextlib.contextmanager
def _mounted(tree: pathlib.Path, cache: pathlib.Path) -> Iterator[None]:
    """Show scripts of packages this workshop's devices and processes, and dnf another cache."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(mounts.bind(cache, tree / _CACHE))
        for name in _MADE:
            (tree / name).mkdir()
        for name in _MOUNTED:
            stack.enter_context(mounts.bind(pathlib.Path("/", name), tree / name, deep=True))
        yield


_CONSOLES = "console=tty1 console={console}"
_GRUB_SETTINGS = f"""\
GRUB_TIMEOUT=0
GRUB_DEFAULT=saved
GRUB_DISABLE_SUBMENU=true
GRUB_CMDLINE_LINUX="{_CONSOLES}"
GRUB_ENABLE_BLSCFG=true
"""
