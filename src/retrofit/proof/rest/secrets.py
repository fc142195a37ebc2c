"""Secrets that everybody who starts a machine from the image would have."""

from __future__ import annotations

import os
import re

from ...model import findings
from .. import subject
from . import reading

_SHADOW = "/etc/shadow"
# Everything that is no package's program and no list of packages.
_SEARCHED = ("/etc", "/home", "/opt", "/root", "/srv", "/usr/local", "/var")
_NOT_SEARCHED = frozenset(
    {"/etc/ssl/certs", "/var/cache", "/var/lib/apt", "/var/lib/dpkg", "/var/log"}
)
# Packages of Python, below an environment of their own; their tests bring keys and clouds.yaml.
_OF_PYTHON = re.compile(r"/(opt|usr/local)/.*/(dist|site)-packages/.*")
# Its name says that it keeps nothing: the package ssl-cert makes it for tests of servers.
_PUBLIC_KEYS = frozenset({"/etc/ssl/private/ssl-cert-snakeoil.key"})
# Host keys have a check of their own.
_HOST_KEY = "/etc/ssh/ssh_host_"
_MAX_SECRET = 64 * 1024
_PRIVATE_KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----")
# user:password@ in a URL, of a proxy or an archive.
_PASSWORD_IN_URL = re.compile(rb"\b[a-z][a-z0-9+.-]*://[^\s/:@\"'<$]+:[^\s/@\"'<]+@")
_URLS_IN = ("/etc/apt/", "/etc/environment", "/etc/pip.conf", "/etc/profile.d/", "/etc/wgetrc")
_BY_NAME = re.compile(
    r".*/(authorized_keys|\.netrc|\.git-credentials|\.pgpass|\.my\.cnf|id_(rsa|dsa|ecdsa|ed25519)"
    r"|clouds\.ya?ml|secure\.ya?ml|openrc|\.(ba|z|da|k)?sh_history|\.python_history|\.lesshst"
    r"|\.aws/credentials|\.docker/config\.json)"
)
_APT_LOGIN = re.compile(rb"^\s*machine\s.*\bpassword\b", re.MULTILINE)
_APT_LOGINS = "/etc/apt/auth.conf"


def secrets() -> subject.Check:
    """No password, private key, login or history of commands is in the image."""
    return subject.Check("secrets", _secrets)


def _secrets(image: subject.Subject) -> findings.Verdict:
    accounts = with_passwords(reading.text(image.tree, _SHADOW) or "")
    if accounts:
        return findings.failed(f"{_SHADOW}: {reading.some(accounts)}")
    count = 0
    found: list[str] = []
    for directory in _SEARCHED:
        for path, entry in reading.walk(image.tree, directory, without=_NOT_SEARCHED):
            if not entry.is_file(follow_symlinks=False) or path.startswith(_HOST_KEY):
                continue
            count += 1
            fault = fault_of(path, entry)
            if fault:
                found.append(f"{path} {fault}")
    if found:
        return findings.failed(reading.some(found))
    return findings.passed(f"none in {count} files, no account has a password")


def with_passwords(shadow: str) -> list[str]:
    """Return the accounts of shadow(5) that one can log in to by a password, with why."""
    found = []
    for line in shadow.splitlines():
        name, _, rest = line.partition(":")
        password = rest.partition(":")[0]
        if not password:
            found.append(f"{name} can log in without a password")
        elif password[0] not in "!*":
            found.append(f"{name} has a password")
    return found


def fault_of(path: str, entry: os.DirEntry[str]) -> str:
    """Say which secret is in a file; nothing if none is seen."""
    size = entry.stat(follow_symlinks=False).st_size
    of_python = _OF_PYTHON.fullmatch(path)
    if size and not of_python and _BY_NAME.fullmatch(path):
        return "contains secrets, according to its name"
    if not 0 < size <= _MAX_SECRET:
        return ""
    with open(entry.path, "rb") as file:
        content = file.read(_MAX_SECRET)
    public = of_python or path in _PUBLIC_KEYS
    if not public and _PRIVATE_KEY.search(content):
        return "contains a private key"
    if path.startswith(_URLS_IN) and _PASSWORD_IN_URL.search(content):
        return "contains a URL with a password"
    if path.startswith(_APT_LOGINS) and _APT_LOGIN.search(content):
        return "contains a password"
    return ""
