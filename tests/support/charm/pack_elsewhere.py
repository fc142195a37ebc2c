"""Packs the charm for another release than the host's, as far as that matters.

Only the Python packages depend on the release: they suit its interpreter. So the charm is that of
the host's release, with the packages that the script of ``charmcraft.yaml`` itself installs in a
root file system of the other one.
"""

from __future__ import annotations

import os
import pathlib
import shlex
import stat
import zipfile

import yaml

from retrofit.host import process

from .. import artefacts, paths
from . import container, pack

_PART = "venv"
_AUTHORITIES = "/usr/local/share/ca-certificates"
_PIP_CONF = pathlib.Path("/etc/pip.conf")
_TIMEOUT_S = 1500


def charm(series: str) -> pathlib.Path:
    """Return the charm for a release.

    Args:
        series: Its code name.
    """
    present = pack.charm()
    installed = _packages(series)
    packed = present.with_name(f"{series}-{artefacts.digest(installed.name)}-{present.name}")
    if packed.exists():
        return packed
    half_done = packed.with_suffix(".half")
    with zipfile.ZipFile(present) as source, zipfile.ZipFile(half_done, "w") as target:
        for entry in source.infolist():
            if entry.filename.partition("/")[0] != _PART:
                target.writestr(entry, source.read(entry))
        for path in sorted((installed / _PART).rglob("*")):
            if path.is_file():
                entry = zipfile.ZipInfo(os.fspath(path.relative_to(installed)))
                entry.external_attr = (stat.S_IFREG | path.stat().st_mode & 0o777) << 16
                target.writestr(entry, path.read_bytes())
    os.replace(half_done, packed)
    return packed


def _packages(series: str) -> pathlib.Path:
    """Return a directory with the part of the Python packages, as it is installed in a release."""
    parts = yaml.safe_load((paths.REPOSITORY / "charmcraft.yaml").read_text())["parts"]
    script, lock = parts[_PART]["override-build"], paths.REPOSITORY / "requirements" / "run.txt"
    sources = container.apt_sources(series)
    settings = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    variables = settings | {"CRAFT_PART_INSTALL": "/srv", "HOME": "/root"}
    given = " ".join(f"{name}={shlex.quote(value)}" for name, value in variables.items())
    inside = f'chroot "$1" env --chdir=/srv {given} bash -euc {shlex.quote(script)}'

    def install(directory: pathlib.Path) -> None:
        copied = [f"copy-in {_PIP_CONF} /etc"] if _PIP_CONF.exists() else []
        hooks = [
            f"sync-in {_AUTHORITIES} {_AUTHORITIES}",
            'chroot "$1" update-ca-certificates',
            *copied,
            f"copy-in {lock} /srv",
            inside,
            f"copy-out /srv/{_PART} {directory}",
        ]
        process.run(
            [
                "mmdebstrap",
                "--variant=minbase",
                f"--include={','.join(['ca-certificates', *parts[_PART]['build-packages']])}",
                "--format=null",
                *(f"--customize-hook={hook}" for hook in hooks),
                "",
                "/dev/null",
                *sources,
            ],
            timeout_s=_TIMEOUT_S,
        )

    return artefacts.once(f"charm-{series}-{artefacts.digest(script, lock, *sources)}", install)
