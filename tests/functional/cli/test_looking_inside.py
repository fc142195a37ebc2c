"""A build that a person looks into: a shell before a phase, and the tree of one that failed."""

from __future__ import annotations

import contextlib
import os
import pathlib
import pty
import re
import select
import subprocess
import termios
import time
from collections.abc import Callable, Iterator, Sequence

import pytest
from tests.support import scratch
from tests.support.building import mirror, simple_disks
from tests.support.cli import command

from retrofit.host import trees

_BARE = "tests.support.cli.bare_retrofit"
_PATIENCE_S = 120
_LISTS = "#!/bin/sh\necho 'by the element' > /etc/by-element\n"
_FAILS = f"{_LISTS}exit 3\n"


@pytest.fixture
def place() -> Iterator[pathlib.Path]:
    with scratch.directory("inside") as directory:
        for name in ("work", "empty", "elements"):
            (directory / name).mkdir()
        yield directory


@pytest.fixture(scope="module")
def archive() -> Iterator[str]:
    with mirror.serving() as url:
        yield url


def _words(place: pathlib.Path, archive: str, *more: str) -> list[str | pathlib.Path]:
    return [
        *("image", simple_disks.installable(), place / "out.raw", "--format", "raw"),
        *("--recipe", "bare", "--mirror", archive, "--work-dir", place / "work"),
        *("--elements-path", place / "elements", "--cache-dir", place / "cache", *more),
    ]


Start = Callable[..., "_Terminal"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Return how to start a command on a terminal; it ends with the test."""
    with contextlib.ExitStack() as held:

        def started(words: Sequence[str | pathlib.Path]) -> _Terminal:
            terminal = _Terminal(words)
            held.callback(terminal.kill)
            return terminal

        yield started


def _write_element(place: pathlib.Path, script: str) -> None:
    file = place / "elements/mine/pre-install.d/50-mine"
    file.parent.mkdir(parents=True)
    file.write_text(script)
    file.chmod(0o755)


class _Terminal:
    """A command on a terminal, with somebody who reads and types."""

    def __init__(self, words: Sequence[str | pathlib.Path]) -> None:
        self._ours, theirs = pty.openpty()
        self.before = termios.tcgetattr(theirs)
        self._theirs = theirs
        self.child = subprocess.Popen(
            [*command.PROGRAM[:2], _BARE, *words], stdin=theirs, stdout=theirs, stderr=theirs
        )
        self.said = ""

    def wait_for(self, pattern: str) -> str:
        """Read until a line matches, and forget what was read."""
        deadline = time.monotonic() + _PATIENCE_S
        while not (found := re.search(pattern, self.said)):
            assert time.monotonic() < deadline, self.said
            assert self.child.poll() is None, self.said
            if select.select([self._ours], [], [], 1)[0]:
                self.said += os.read(self._ours, 4096).decode()
        read, self.said = self.said[: found.end()], self.said[found.end() :]
        return read

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def kill(self) -> None:
        """End the command, whatever it does."""
        self.child.kill()
        self.child.wait()

    def end(self) -> int:
        """Wait for the end, and return the exit code; the terminal is as it was."""
        deadline = time.monotonic() + _PATIENCE_S
        while self.child.poll() is None:
            assert time.monotonic() < deadline, self.said
            if select.select([self._ours], [], [], 0.2)[0]:
                self.said += os.read(self._ours, 4096).decode()
        assert termios.tcgetattr(self._theirs) == self.before
        os.close(self._ours)
        os.close(self._theirs)
        return self.child.returncode


def test_a_shell_before_a_phase_sees_what_its_scripts_will(
    place: pathlib.Path, archive: str, start: Start
) -> None:
    _write_element(place, _LISTS)
    options = ("--element", "mine", "--env", "GREETING=hello", "--break", "pre-install.d")
    terminal = start(_words(place, archive, *options, "--break", "finalise.d"))

    terminal.wait_for(r"A shell in the image, before pre-install\.d")
    terminal.wait_for(r"before pre-install\.d:/# ")
    terminal.type(
        "ls /etc/by-element; echo $((6 * 7)) $GREETING > /etc/by-hand; tty -s && echo T\n"
    )
    terminal.wait_for(r"ls: [^\n]*by-element[^\n]*\r\nT\r\n")
    # Of the shell's own, and not of the command's that waits for it.
    terminal.type("sleep 100\n")
    time.sleep(1)
    terminal.type("\x03")
    terminal.wait_for(r"before pre-install\.d:/# ")
    terminal.type("exit 5\n")
    terminal.wait_for(r"before finalise\.d:/# ")
    terminal.type("cat /etc/by-element /etc/by-hand; ls -A /root\n")
    terminal.wait_for("by the element\r\n42 hello\r\n")
    terminal.type("exit\n")

    assert terminal.end() == 0, terminal.said
    read = ["debugfs", "-R", "ls -p /root", f"{place / 'out.raw'}?offset={1024 * 1024}"]
    listed = subprocess.run(read, check=True, capture_output=True, text=True).stdout
    assert "bash_history" not in listed
    assert not (place / "cache").exists()
    assert list((place / "work").iterdir()) == []


@pytest.mark.slow
def test_a_shell_ends_with_its_build(place: pathlib.Path, archive: str, start: Start) -> None:
    terminal = start(_words(place, archive, "--break", "pre-install.d"))
    terminal.wait_for(r"before pre-install\.d:/# ")
    terminal.child.terminate()
    assert terminal.end() == 143, terminal.said
    assert list((place / "work").iterdir()) == []


def test_the_tree_of_a_failed_build_is_kept(place: pathlib.Path, archive: str) -> None:
    _write_element(place, _FAILS)
    with command.started(
        _words(place, archive, "--element", "mine", "--keep-failed"),
        cwd=place / "empty",
        work=place / "work",
        module=_BARE,
    ) as running:
        ended = running.end()

    assert ended.code == 76, ended.stderr
    assert "the element mine failed in pre-install.d" in ended.line
    [kept] = (place / "work").iterdir()
    tree = kept / "failed"
    assert f"the tree of the failed build is in {tree}\n" in ended.stderr
    assert (tree / "etc/by-element").read_text() == "by the element\n"
    assert (tree / "usr/bin/dpkg").exists()
    assert kept.stat().st_mode & 0o777 == 0o700
    trees.remove(kept)


@pytest.mark.slow
def test_a_build_that_works_keeps_nothing(place: pathlib.Path, archive: str) -> None:
    with command.started(
        _words(place, archive, "--keep-failed"),
        cwd=place / "empty",
        work=place / "work",
        module=_BARE,
    ) as running:
        ended = running.end()
    assert ended.code == 0, ended.stderr
    assert ended.left == ()


def test_without_a_terminal_there_is_no_shell(place: pathlib.Path) -> None:
    words = ["image", "base.qcow2", "out.raw", "--break", "install.d"]
    ended = command.called(words, cwd=place / "empty", work=place / "work")
    assert ended.code == 64
    assert ended.line == (
        "retrofit: error: --break needs a terminal; run the command on a terminal,"
        " or omit the option"
    )


def test_no_shell_changes_what_is_published(place: pathlib.Path) -> None:
    words = ["image", "base.qcow2", "glance:", "--break", "install.d"]
    ended = command.called(words, cwd=place / "empty", work=place / "work")
    assert ended.code == 64
    assert "--break is for an image in a file" in ended.line
