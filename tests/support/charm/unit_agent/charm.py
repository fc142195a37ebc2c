"""A packed charm, as the controller reads it before any of its code runs."""

from __future__ import annotations

import pathlib
import stat
import tarfile
import zipfile
from collections.abc import Mapping
from typing import Any

import yaml

# JSON schema's names of types, as actions.yaml has them.
_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "array": list,
    "object": dict,
}
_OPTION_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "boolean": bool,
    "int": int,
    "float": (int, float),
    "secret": str,
}


class Rejected(Exception):
    """The controller refuses the option or parameter; the charm never hears of it."""


class PackedCharm:
    """A ``.charm`` file.

    Args:
        path: Where it is.

    Attributes:
        metadata: Its name, endpoints and resources.
        lxd_profile: What it wants of its container; empty if nothing.
    """

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path
        self.metadata = self._read("metadata.yaml")
        self.lxd_profile = self._read("lxd-profile.yaml")
        self._options = self._read("config.yaml").get("options", {})
        self._actions = self._read("actions.yaml")

    def _read(self, name: str) -> dict[str, Any]:
        """Return the content of one of its YAML files; empty if it has none of that name."""
        with zipfile.ZipFile(self.path) as archive:
            if name not in archive.namelist():
                return {}
            content: dict[str, Any] = yaml.safe_load(archive.read(name)) or {}
            return content

    def to_tar(self, path: pathlib.Path) -> None:
        """Write its files as a tar archive, which keeps modes and links where unpacked."""
        with zipfile.ZipFile(self.path) as source, tarfile.open(path, "w") as target:
            for entry in source.infolist():
                mode = entry.external_attr >> 16
                member = tarfile.TarInfo(entry.filename.rstrip("/"))
                member.mode = stat.S_IMODE(mode) or 0o644
                if entry.is_dir():
                    member.type, member.mode = tarfile.DIRTYPE, 0o755
                    target.addfile(member)
                elif stat.S_ISLNK(mode):
                    member.type, member.linkname = tarfile.SYMTYPE, source.read(entry).decode()
                    target.addfile(member)
                else:
                    member.size = entry.file_size
                    with source.open(entry) as content:
                        target.addfile(member, content)

    def options(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return all options, with defaults for those that are not given.

        Raises:
            Rejected: There is no such option, or the value is of another type.
        """
        known = self._options
        for name, value in given.items():
            if name not in known:
                raise Rejected(f'unknown option "{name}"')
            if value is not None and not _fits(value, _OPTION_TYPES[known[name]["type"]]):
                raise Rejected(f'option "{name}" expected {known[name]["type"]}, got {value!r}')
        return {name: option.get("default") for name, option in known.items()} | dict(given)

    def parameters(self, action: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return all parameters of an action, with defaults for those that are not given.

        Raises:
            Rejected: There is no such action or parameter, or a value is of another type.
        """
        if action not in self._actions:
            raise Rejected(f'action "{action}" not defined on unit')
        schema = self._actions[action] or {}
        known = schema.get("params", {})
        missing = [name for name in schema.get("required", []) if name not in given]
        if missing:
            raise Rejected(f"validation failed: (root) : {missing[0]} is required")
        for name, value in given.items():
            if name not in known:
                # Since Juju 3 unknown parameters are refused unless the schema allows them.
                if schema.get("additionalProperties", False):
                    continue
                raise Rejected(f'additional property "{name}" is not allowed')
            wanted = known[name].get("type", "string")
            if not _fits(value, _TYPES[wanted]):
                raise Rejected(f"validation failed: (root).{name} : must be of type {wanted}")
            choice = known[name].get("enum", [value])
            if value not in choice:
                raise Rejected(f"validation failed: (root).{name} : must be one of {choice}")
        defaults = {
            name: parameter["default"]
            for name, parameter in known.items()
            if "default" in parameter
        }
        return defaults | dict(given)


def _fits(value: Any, wanted: type | tuple[type, ...]) -> bool:
    """Say whether a value is of a type; Python's booleans are integers, YAML's are not."""
    if isinstance(value, bool):
        return wanted is bool
    return isinstance(value, wanted)
