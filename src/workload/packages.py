"""The Debian packages that builds need on the machine: which, which of them lack, and apt."""

from __future__ import annotations

import pathlib
import platform
import re
from collections.abc import Sequence

from retrofit import errors, model
from retrofit.host import process
from retrofit.model import architectures
from workload import debian

_PACKAGES = pathlib.Path(__file__).with_name("packages.txt")
_DPKG_TIMEOUT_S = 60
# One short try: every hook is another one.
_APT = (
    "apt-get",
    "--yes",
    "--option=Acquire::Retries=0",
    "--option=Acquire::http::Timeout=10",
    "--option=Acquire::https::Timeout=10",
    # Without it, lists that cannot be fetched are a warning, and the packages are "not found".
    "--option=APT::Update::Error-Mode=any",
    # Machines install updates by themselves while they are new.
    "--option=DPkg::Lock::Timeout=120",
    "--option=Dpkg::Options::=--force-confold",
    "--option=Dpkg::Use-Pty=false",
)
_UPDATE_TIMEOUT_S = 120
_INSTALL_TIMEOUT_S = 1800
_NAMED = 3


class InstallError(Exception):
    """Packages could not be installed; the text says which, what apt says, and what to do."""


def missing() -> list[str]:
    """Return the packages that builds need and that are not installed."""
    names = wanted()
    # charmhelpers asks apt for all it knows, which takes seconds in every hook, and takes a
    # package that dpkg lists with its architecture for another one.
    shown = process.run(
        ["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n", *names],
        timeout_s=_DPKG_TIMEOUT_S,
        check=False,
    )
    installed = {
        line.split()[0] for line in shown.stdout.splitlines() if line.endswith(" installed")
    }
    return [name for name in names if name not in installed]


def install(names: Sequence[str], proxies: model.Proxies) -> None:
    """Install packages.

    Raises:
        InstallError: apt could not.
    """
    variables = {"DEBIAN_FRONTEND": "noninteractive", **proxies.environment()}
    # A hook that was killed while apt ran leaves packages half installed, and apt refuses to do
    # anything else. That another program has the lock is no matter: apt waits for it.
    _complaint(["dpkg", "--configure", "-a"], variables, _INSTALL_TIMEOUT_S)
    # Lists that are there already may do.
    unknown = _complaint([*_APT, "update"], variables, _UPDATE_TIMEOUT_S)
    install = [*_APT, "--no-install-recommends", "install", *names]
    failed = _complaint(install, variables, _INSTALL_TIMEOUT_S)
    if not failed:
        return
    more = f" and {len(names) - _NAMED} more packages" if len(names) > _NAMED else ""
    advice = "check the unit's apt sources and proxies" if unknown else "see /var/log/apt/term.log"
    raise InstallError(
        f"cannot install {', '.join(names[:_NAMED])}{more}: {unknown or failed}; {advice}"
    )


def _complaint(argv: Sequence[str], variables: dict[str, str], timeout_s: float) -> str:
    """Run apt or dpkg; return what it says of its failure in one line, nothing of a success."""
    try:
        process.run(argv, timeout_s=timeout_s, extra_environment=variables)
    except errors.CommandError as error:
        text = "\n".join(error.details)
        # What dpkg says of a package goes on in the next line.
        found = re.search(r"(?m)^(?:E: .+|dpkg: error.+(?<!:)$|dpkg: error.+:\n.+)", text)
        return " ".join(found[0].removeprefix("E: ").split()) if found else error.message
    return ""


def wanted() -> list[str]:
    """Return the packages that builds need on this machine, from ``packages.txt``."""
    architecture = architectures.debian_architecture(platform.machine())
    facts = {platform.freedesktop_os_release()["ID"], architecture}
    if not any(pathlib.Path("/boot").glob("vmlinuz-*")):
        facts.add("container")
    names = []
    for line in _PACKAGES.read_text(encoding="utf-8").splitlines():
        name, _, conditions = line.partition("#")[0].strip().partition(" ")
        if name and set(conditions.strip(" []").split()) <= facts:
            names.append(name)
    return names


def proxies() -> model.Proxies:
    """Return the proxies that the Juju model gives to charms."""
    settings = debian.hookenv.env_proxy_settings(["http", "https", "no_proxy"]) or {}
    return model.Proxies(
        http=settings.get("http_proxy", ""),
        https=settings.get("https_proxy", ""),
        no_proxy=settings.get("no_proxy", ""),
    )
