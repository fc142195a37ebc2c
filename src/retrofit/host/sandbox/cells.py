"""A cell: where programs of the image run, which nobody vouches for.

A cell stands inside a workshop and is made by bubblewrap. Its root is a directory with a whole
system in it; it sees no other file but its binds, no device but the harmless ones, no process but
its own. It is root there, without the capabilities that reach beyond files and ids.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import shutil
import types
from collections.abc import Callable, Iterator, Mapping, Sequence

from ... import errors, model
from .. import process, rootfs, terminal
from . import networks

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# What dpkg, maintainer scripts and adduser need; nothing for mounts, networks, devices or other
# processes' memory.
_CAPABILITIES = (
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYS_CHROOT",
)
# Of the workshop: what the image's own programs say of PATH or LD_PRELOAD counts in the cell only.
_OUTSIDE = {"PATH": PATH, "LANG": "C.UTF-8"}
_MAX_PROCESSES = 4096
_MAX_DATA = 4 * model.GIB
_MAX_FILE = 8 * model.GIB


@dataclasses.dataclass(frozen=True)
class Bind:
    """A file or directory of the workshop shown in a cell, read-only unless ``writable``."""

    source: pathlib.Path
    target: str
    writable: bool = False


@dataclasses.dataclass(frozen=True)
class Cell:
    """Where untrusted programs run.

    Attributes:
        root: Directory that is the cell's root file system.
        work: The build's work directory, for files the cell itself needs.
        binds: What else is to be seen in it.
        environment: All variables of the programs, but for PATH, HOME and LANG, which are set.
        writable: Whether programs may change the root file system. Where they may not, ``/tmp``
            is their own, and no resolver configuration is shown.
    """

    root: pathlib.Path
    work: pathlib.Path
    binds: tuple[Bind, ...] = ()
    environment: Mapping[str, str] = dataclasses.field(
        default_factory=lambda: types.MappingProxyType({})
    )
    writable: bool = True

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float,
        on_line: Callable[[str], None] | None = None,
        check: bool = True,
        confidential: bool = False,
    ) -> process.Completed:
        """Run a program of the cell's own system; see :func:`retrofit.host.process.run`.

        Raises:
            errors.CommandError: It failed or took too long.
            errors.ImageError: The resolver configuration of the image is no file.
        """
        with _inherited(self._variables()) as words:
            command = [*_limits(), *self._bubblewrap(), "--new-session"]
            return process.run(
                [*command, "--args", str(words), "--", *argv],
                timeout_s=timeout_s,
                only_environment=_OUTSIDE,
                on_line=on_line,
                check=check,
                confidential=confidential,
                pass_fds=(words,),
            )

    def shell(self, prompt: str, *, greeting: str) -> None:
        """Have the person at the terminal use a shell in the cell until they leave it.

        Args:
            prompt: What the shell shows in front of each line.
            greeting: Printed before the first one.
        """
        # Without a history, of which nothing may stay in the image.
        own = {"TERM": os.environ.get("TERM", "dumb"), "PS1": prompt, "HISTFILE": ""}
        with _inherited({**self._variables(), **own}) as words:
            os.set_inheritable(words, True)
            terminal.use(
                [*_limits(), *self._bubblewrap(), "--args", str(words), "--"]
                + ["/bin/bash", "--norc", "-i"],
                _OUTSIDE,
                greeting=greeting,
            )

    def _variables(self) -> dict[str, str]:
        return {"PATH": PATH, "HOME": "/root", "LANG": "C.UTF-8", **self.environment}

    def _bubblewrap(self) -> list[str]:
        """The command that makes the cell."""
        # As first process of its namespace the program is bubblewrap's own child, so that what it
        # costs is known, and nothing that it leaves behind outlives it.
        words = [os.fspath(_bubblewrap(self.work)), "--unshare-pid", "--as-pid-1"]
        words += ["--unshare-ipc", "--unshare-uts", "--die-with-parent"]
        words += ["--hostname", "localhost"]
        words += ["--bind" if self.writable else "--ro-bind", os.fspath(self.root), "/"]
        words += ["--dev", "/dev", "--proc", "/proc", "--tmpfs", "/run", "--dir", "/run/lock"]
        words += self._resolver() if self.writable else ["--tmpfs", _inside(self.root, "/tmp")]
        for bind in self.binds:
            kind = "--bind" if bind.writable else "--ro-bind"
            words += [kind, os.fspath(bind.source), _inside(self.root, bind.target)]
        return [*words, *_capabilities(), "--chdir", "/"]

    def _resolver(self) -> list[str]:
        """The words that show the workshop's resolver configuration in the cell."""
        resolver = _resolver_in(self.root)
        words: list[str] = []
        # Directories that bubblewrap makes unasked are closed to other users, _apt among them.
        for above in reversed(pathlib.PurePosixPath(resolver).parents[:-1]):
            words += ["--dir", os.fspath(above)]
        return [*words, "--ro-bind", os.fspath(networks.resolver(self.work)), resolver]


def confined(
    argv: Sequence[str | os.PathLike[str]], writable: pathlib.Path, work: pathlib.Path
) -> list[str]:
    """Return the command that runs a program of the host on data that nobody vouches for.

    It sees the workshop's files, and can write below one directory only.

    Args:
        argv: The program and its arguments.
        writable: That directory.
        work: The build's work directory, for files the confinement itself needs.
    """
    words = [os.fspath(_bubblewrap(work)), "--unshare-pid", "--unshare-ipc", "--unshare-net"]
    words += ["--die-with-parent", "--ro-bind", "/", "/", "--dev", "/dev"]
    words += ["--bind", os.fspath(writable), os.fspath(writable), *_capabilities(), "--"]
    return [*words, process.find(os.fspath(argv[0])), *(os.fspath(word) for word in argv[1:])]


def _capabilities() -> list[str]:
    """The words that leave a program those it needs."""
    words = ["--cap-drop", "ALL"]
    for capability in _CAPABILITIES:
        words += ["--cap-add", capability]
    return words


def _bubblewrap(work: pathlib.Path) -> pathlib.Path:
    """Copy bubblewrap into the work directory, once, and return where the copy is.

    AppArmor's profile ``bwrap-userns-restrict``, which Ubuntu has since 25.04, takes every
    capability from what ``/usr/bin/bwrap`` starts, also where root starts it, and dpkg needs some.
    It goes by the path.
    """
    copy = work / "bwrap"
    if not copy.exists():
        shutil.copyfile(process.find("bwrap"), copy)
        copy.chmod(0o755)
    return copy


def _limits() -> list[str]:
    """Limits of what runs in a cell, per process but for the number of them."""
    return [
        "prlimit",
        f"--nproc={_MAX_PROCESSES}",
        f"--data={_MAX_DATA}",
        f"--fsize={_MAX_FILE}",
        "--core=0",
    ]


@contextlib.contextmanager
def _inherited(variables: Mapping[str, str]) -> Iterator[int]:
    """Give a file descriptor from which bubblewrap reads the variables of a cell's programs.

    Among them are a proxy's password, which everybody could read on a command line, and whatever
    programs of the image said, which bubblewrap itself must not be run with. It runs with fewer,
    and all of those are set anew, so nothing is left to clear: before version 0.5 it cannot.
    """
    words: list[str] = []
    for name, value in variables.items():
        words += ["--setenv", name, value]
    with os.fdopen(os.memfd_create("variables"), "w+b") as file:
        file.write(b"".join(os.fsencode(word) + b"\0" for word in words))
        file.seek(0)
        yield file.fileno()


def _resolver_in(root: pathlib.Path) -> str:
    """Path at which the cell's programs read their resolver configuration, free of links.

    A systemd image has a link there that leads into ``/run``, which is the cell's own.

    Raises:
        errors.ImageError: A directory is there, or links that go in circles.
    """
    path = _inside(root, "/etc/resolv.conf")
    if (root / path[1:]).is_dir():
        raise errors.ImageError("/etc/resolv.conf of the image is a directory or leads to one")
    return path


def _inside(root: pathlib.Path, path: str) -> str:
    """Path without links that a path of the system leads to.

    bubblewrap makes what is missing, and would follow the image's links out of the image for that.
    """
    return f"/{rootfs.resolve(root, path).relative_to(root)}"
