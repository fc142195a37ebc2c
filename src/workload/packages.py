"""The Debian packages that builds need on the machine: which, which of them lack, and apt."""

from __future__ import annotations

import contextlib
import pathlib
import platform
import subprocess
from collections.abc import Iterator

from retrofit import model
from retrofit.host import files, process
from retrofit.model import architectures
from workload import debian, names

_APT_PROXY = pathlib.Path("/etc/apt/apt.conf.d") / f"99{names.PROJECT}"
_PACKAGES = pathlib.Path(__file__).with_name("packages.txt")
_DPKG_TIMEOUT_S = 60


class InstallError(Exception):
    """Packages could not be installed; the text says which and what to look at."""


def missing() -> list[str]:
    """Return the packages that builds need and that are not installed."""
    names = wanted()
    # charmhelpers asks apt for all it knows, which takes seconds in every hook, and takes a
    # package that dpkg lists with its architecture for another one.
    shown = process.run(
        ["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\\n", *names],
        timeout_s=_DPKG_TIMEOUT_S,
        check=False,
    )
    installed = {
        line.split()[0] for line in shown.stdout.splitlines() if line.endswith(" installed")
    }
    return [name for name in names if name not in installed]


def install(proxies: model.Proxies) -> None:
    """Install the packages that are missing.

    Raises:
        InstallError: apt could not, after several attempts.
    """
    # A hook that was killed may have left it, with the password of a proxy in it.
    _APT_PROXY.unlink(missing_ok=True)
    names = missing()
    if not names:
        return
    with _apt_proxy(proxies):
        try:
            debian.fetch.apt_update(fatal=True)
            debian.fetch.apt_install(names, ["--no-install-recommends"], fatal=True)
        except subprocess.CalledProcessError as error:
            raise InstallError(
                f"cannot install {', '.join(names)} (apt-get ended with status "
                f"{error.returncode}); check the unit's apt sources and proxies"
            ) from error


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


@contextlib.contextmanager
def _apt_proxy(proxies: model.Proxies) -> Iterator[None]:
    """Have apt use the model's proxies, which reach it by no variable, for a moment."""
    settings = [
        f'Acquire::{scheme}::Proxy "{url}";\n'
        for scheme, url in (("http", proxies.http), ("https", proxies.https))
        if url
    ]
    if not settings:
        yield
        return
    files.write(_APT_PROXY, "".join(settings), mode=0o600)
    try:
        yield
    finally:
        _APT_PROXY.unlink()
