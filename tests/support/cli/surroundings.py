"""Surroundings in which commands run: what they are not to depend on."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import subprocess
import sys
import sysconfig
from collections.abc import Mapping

from .. import paths

_TIMEOUT_S = 600.0
_NOBODY = 65534
_PYTHON = pathlib.Path(sys.executable)

# The code, and Python itself, lie where only root may enter, as below root's own home.
_CLOSED = """
mount --bind "$REPOSITORY" "$PLACE/home/clone"
mount -t overlay -o "lowerdir=$LIBRARY,upperdir=$PLACE/home/upper,workdir=$PLACE/home/work" \\
    overlay "$LIBRARY"
chmod 0700 "$LIBRARY"
"""
# As systemd's ProtectSystem=strict has it.
_READ_ONLY = """
mount --bind "$PLACE" "$PLACE"
mount -o remount,bind,ro /
"""
# What is written to the system lands in a directory of its own, where it can be looked at.
_RECORDED = """
mkdir "$PLACE/written" "$PLACE/aside" "$PLACE/root"
mount -t overlay -o "lowerdir=/,upperdir=$PLACE/written,workdir=$PLACE/aside" \\
    overlay "$PLACE/root"
for shown in /proc /dev /sys "$REPOSITORY" "$PLACE"; do
    mkdir -p "$PLACE/root$shown"
    mount --rbind "$shown" "$PLACE/root$shown"
done
cd "$PLACE/root"
pivot_root . mnt
umount --lazy /mnt
cd "$PLACE"
"""
_HOME, _OF_ANOTHER = "home", "of-another"
_ODD = "odd, work: 'of' \"ours\" ?#%"


@dataclasses.dataclass(frozen=True)
class Surroundings:
    """How a command is started.

    Attributes:
        name: What they are.
        mounts: Shell commands that change the mounts for this command alone.
        below_closed: Whether code, input and temporary files are where only root may enter.
        umask: The caller's.
        environment: Variables that differ; ``None`` for one that is not set.
        work: Name of the directory of temporary files.
        without_streams: Whether standard streams are closed.
    """

    name: str
    mounts: str = ""
    below_closed: bool = False
    umask: int = 0o022
    environment: Mapping[str, str | None] = dataclasses.field(default_factory=dict)
    work: str = "work"
    without_streams: bool = False

    def run(
        self, place: pathlib.Path, *words: str | pathlib.Path, module: str = "retrofit"
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end.

        Args:
            place: An empty directory that everybody may enter, or one in which this ran before.
            words: Words of the command line; ``WORK`` is the directory of temporary files.
            module: Python module that is run.
        """
        home = place / "home"
        for name in ("clone", "upper", "work"):
            (home / name).mkdir(parents=True, exist_ok=True)
        home.chmod(0o700)
        other = place / _OF_ANOTHER
        other.mkdir(mode=0o700, exist_ok=True)
        os.chown(other, _NOBODY, _NOBODY)
        work = (home if self.below_closed else place) / self.work
        work.mkdir(exist_ok=True)
        repository = home / "clone" if self.below_closed else paths.REPOSITORY
        python = repository / _PYTHON.relative_to(paths.REPOSITORY)
        variables: dict[str, str | None] = {
            **os.environ,
            "PYTHONPATH": f"{repository / 'src'}:{repository}",
            "REPOSITORY": os.fspath(paths.REPOSITORY),
            "LIBRARY": sysconfig.get_path("stdlib"),
            "PLACE": os.fspath(place),
        }
        for name, value in self.environment.items():
            in_place = value in (_HOME, _OF_ANOTHER)
            variables[name] = f"{place}/{value}" if in_place else value
        streams = "<&- >&- 2>&-" if self.without_streams else ""
        script = f'set -e\n{self.mounts}\nexec "$@" {streams}'
        given = [os.fspath(work) if word == "WORK" else os.fspath(word) for word in words]
        return subprocess.run(
            ["unshare", "--mount", "sh", "-c", script, "sh", python, "-m", module, *given],
            cwd=place,
            env={name: value for name, value in variables.items() if value is not None},
            umask=self.umask,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )


PLAIN = Surroundings("plain")
RECORDED = Surroundings("recorded", _RECORDED)
HARDEST = Surroundings(
    "closed home, umask 077, odd directory", _CLOSED, below_closed=True, umask=0o077, work=_ODD
)
ALL = (
    Surroundings("closed home", _CLOSED, below_closed=True, environment={"TMPDIR": _HOME}),
    Surroundings("umask 000", umask=0o000),
    Surroundings("umask 077, odd directory", umask=0o077, work=_ODD),
    Surroundings("empty environment", environment=dict.fromkeys(os.environ)),
    Surroundings("LANG=C", environment={"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0"}),
    # Whether this system has it or not.
    Surroundings("LANG=de_DE.UTF-8", environment={"LANG": "de_DE.UTF-8", "LC_ALL": "de_DE.UTF-8"}),
    Surroundings("another's cache", environment={"XDG_CACHE_HOME": _OF_ANOTHER}),
    Surroundings("read-only root", _READ_ONLY),
    Surroundings("closed streams", without_streams=True),
)


def written(place: pathlib.Path) -> set[str]:
    """Return the paths of what a command left on the system in :data:`RECORDED`.

    A directory that the system had before only shows that something was in it for a time.
    """
    directory = place / "written"
    paths = {path.relative_to(directory) for path in directory.rglob("*")}
    return {
        os.fspath(path)
        for path in paths
        if not ((directory / path).is_dir() and pathlib.Path("/", path).is_dir())
    }
