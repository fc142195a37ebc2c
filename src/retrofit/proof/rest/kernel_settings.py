"""Kernel settings of sysctl.d(5), as far as they can be judged without a kernel."""

from __future__ import annotations

from ...host import rootfs
from ...model import findings
from .. import subject
from . import reading

_DIRECTORIES = ("/etc/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d", "/lib/sysctl.d")
_MODULE_DIRECTORIES = ("/etc/modules-load.d", "/usr/lib/modules-load.d", "/lib/modules-load.d")
# Keys that exist only once a module is loaded; systemd-sysctl fails without them.
_OF_MODULES = {
    "net.netfilter.nf_conntrack_": "nf_conntrack",
    "net.nf_conntrack_max": "nf_conntrack",
    "net.bridge.": "br_netfilter",
    "net.ipv4.vs.": "ip_vs",
}


def kernel_settings() -> subject.Check:
    """Every line is a setting, and each key that comes with a module may fail or has it loaded."""
    return subject.Check("kernel settings", _look)


def _look(image: subject.Subject) -> findings.Verdict:
    loaded = _loaded(image)
    count = 0
    for path in _files(image, _DIRECTORIES):
        text = reading.text(image.tree, path) or ""
        for number, line in enumerate(text.splitlines(), start=1):
            if not line.strip() or line.strip().startswith(("#", ";")):
                continue
            fault = fault_of(line, loaded)
            if fault:
                return findings.failed(f"{path}, line {number}: {fault}")
            count += 1
    return findings.passed(f"{count} settings")


def fault_of(line: str, loaded: frozenset[str]) -> str:
    """Say what is wrong with a line of sysctl.d(5); nothing if it is right.

    Args:
        line: No comment.
        loaded: Modules that are loaded before.
    """
    key, equals, value = (part.strip() for part in line.partition("="))
    if not equals:
        # It excludes keys from the patterns of other lines.
        return "" if key.startswith("-") else f"{key!r} is not a setting"
    if not key.lstrip("-") or not value:
        return f"{line.strip()!r} has no {'value' if key.lstrip('-') else 'key'}"
    if key.startswith("-"):
        return ""
    name = key.replace("/", ".")
    for prefix, module in _OF_MODULES.items():
        if name.startswith(prefix) and module not in loaded:
            return f"{key} exists only with the module {module}, which is not loaded before"
    return ""


def last_number(image: subject.Subject, key: str) -> tuple[str, int] | None:
    """Return the number that a key has after a boot, and the file that says so.

    Returns:
        ``None`` if no file says a number.
    """
    found = None
    for path in _files(image, _DIRECTORIES):
        for line in (reading.text(image.tree, path) or "").splitlines():
            name, _, value = (part.strip() for part in line.partition("="))
            if name.lstrip("-").replace("/", ".") == key and value.isdecimal():
                found = (path, int(value))
    return found


def _files(image: subject.Subject, directories: tuple[str, ...]) -> list[str]:
    """Return the files that count: of those with the same name, only the first directory's."""
    found: dict[str, str] = {}
    for directory in directories:
        for path in rootfs.entries(image.tree, directory):
            if path.endswith(".conf"):
                found.setdefault(path.rpartition("/")[2], path)
    return [path for _, path in sorted(found.items())]


def _loaded(image: subject.Subject) -> frozenset[str]:
    """Return the modules that are loaded at every boot before settings are made."""
    paths = [*_files(image, _MODULE_DIRECTORIES), "/etc/modules"]
    return frozenset(
        line.split()[0].replace("-", "_")
        for path in paths
        for line in (reading.text(image.tree, path) or "").splitlines()
        if line.strip() and not line.strip().startswith(("#", ";"))
    )
