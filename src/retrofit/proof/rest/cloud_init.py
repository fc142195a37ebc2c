"""How cloud-init finds what a machine is given, and that it writes it."""

from __future__ import annotations

from typing import Any

import yaml

from ... import errors
from ...host import rootfs
from ...model import findings
from .. import subject
from . import reading

_MAIN, _PARTS = "/etc/cloud/cloud.cfg", "/etc/cloud/cloud.cfg.d"
_DISABLED = "/etc/cloud/cloud-init.disabled"
# They look at disks, the command line and the firmware only, and so never wait.
_IMMEDIATE = frozenset({"ConfigDrive", "None", "NoCloud"})


def data_sources(source: str) -> subject.Check:
    """cloud-init looks for a data source, waits for no other before, and writes files from it."""

    def look(image: subject.Subject) -> findings.Verdict:
        if rootfs.resolve(image.tree, _DISABLED).exists():
            return findings.failed(f"cloud-init is disabled ({_DISABLED})")
        given = settings(image)
        sources, modules = given.get("datasource_list"), given.get("cloud_init_modules")
        if not isinstance(sources, list):
            return findings.failed("no datasource_list is set: cloud-init tries every data source")
        names = [str(name) for name in sources]
        if source not in names:
            return findings.failed(f"{source} is not among the data sources {', '.join(names)}")
        before = [name for name in names[: names.index(source)] if name not in _IMMEDIATE]
        if before:
            return findings.failed(f"cloud-init waits for {before[0]} before it tries {source}")
        if "write_files" not in [str(name).replace("-", "_") for name in modules or ()]:
            return findings.failed("cloud_init_modules has no write_files: no file is written")
        return findings.passed(", ".join(names))

    return subject.Check("cloud-init data sources", look)


def settings(image: subject.Subject) -> dict[str, Any]:
    """Return cloud-init's configuration: of each key the value in the last file that has it.

    Raises:
        errors.ImageError: A file of it is not YAML.
    """
    found: dict[str, Any] = {}
    for path in [_MAIN, *rootfs.entries(image.tree, _PARTS)]:
        if path.endswith(".cfg"):
            found |= _settings(image, path)
    return found


def _settings(image: subject.Subject, path: str) -> dict[str, Any]:
    """Read a file of cloud-init's configuration.

    Raises:
        errors.ImageError: It is not YAML.
    """
    try:
        found = yaml.safe_load(reading.text(image.tree, path) or "")
    except (yaml.YAMLError, ValueError) as error:
        raise errors.ImageError(f"{path} is not YAML") from error
    return found if isinstance(found, dict) else {}
