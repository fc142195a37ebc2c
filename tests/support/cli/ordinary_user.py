"""Runs the engine as an ordinary user, who may read the code but nothing else of root's."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator

from .. import paths


@dataclasses.dataclass(frozen=True)
class User:
    """A user of this machine with subordinate ids, as ``adduser`` makes them.

    Attributes:
        name: Login name.
        home: A directory that the user owns.
    """

    name: str
    home: pathlib.Path

    def retrofit(
        self, *arguments: str | pathlib.Path, reads: pathlib.Path, timeout_s: float
    ) -> subprocess.CompletedProcess[str]:
        """Run the command to its end and return what it printed.

        Args:
            arguments: Subcommand, options and operands.
            reads: Directory that the user sees as ``home/reads``, wherever it lies.
            timeout_s: Seconds after which it is killed.
        """
        # A clone below root's closed home is out of reach: show it, for this command alone.
        places = {"repository": paths.REPOSITORY, "reads": reads}
        binds = []
        for name, source in places.items():
            (self.home / name).mkdir(exist_ok=True)
            binds.append(f"mount --bind {source} {self.home / name}")
        python = (
            self.home / "repository" / pathlib.Path(sys.executable).relative_to(paths.REPOSITORY)
        )
        script = " && ".join([*binds, 'exec "$@"'])
        identity = ["setpriv", f"--reuid={self.name}", f"--regid={self.name}", "--init-groups"]
        return subprocess.run(
            ["unshare", "--mount", "sh", "-c", script, "sh"]
            + [*identity, "--reset-env", "env", f"PYTHONPATH={self.home}/repository/src"]
            + [os.fspath(word) for word in (python, "-m", "retrofit", *arguments)],
            cwd="/",
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )


@contextlib.contextmanager
def _namespaces_for_all() -> Iterator[None]:
    """Lift Ubuntu's restriction of user namespaces, as docs/reference/requirements.md says."""
    restriction = pathlib.Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
    previous = restriction.read_text() if restriction.exists() else None
    if previous is None:
        yield
        return
    restriction.write_text("0")
    try:
        yield
    finally:
        restriction.write_text(previous)


@contextlib.contextmanager
def user() -> Iterator[User]:
    """Make a user who may build, and remove the user and all it owns afterwards."""
    with _namespaces_for_all(), _made() as made:
        yield made


@contextlib.contextmanager
def _made() -> Iterator[User]:
    """Make a user, and remove the user and all it owns afterwards."""
    name = f"retrofit-{uuid.uuid4().hex[:8]}"
    place = pathlib.Path(tempfile.mkdtemp(prefix="retrofit-user-", dir="/var/tmp"))
    try:
        place.chmod(0o755)
        home = place / "home"
        subprocess.run(
            ["useradd", "--create-home", "--home-dir", home, "--shell", "/bin/sh", name],
            check=True,
        )
        try:
            yield User(name, home)
        finally:
            subprocess.run(["userdel", name], check=True)
    finally:
        shutil.rmtree(place)
