"""Reads what GRUB starts by default out of the ``grub.cfg`` that grub-mkconfig writes.

It is a script, of which only the parts are understood that grub-mkconfig makes: the default, the
tree of entries, and in these the commands that search a file system and load files.
"""

from __future__ import annotations

import dataclasses
import itertools
import shlex


@dataclasses.dataclass
class Entry:
    """A menu entry, or a submenu.

    Attributes:
        title: What the menu shows.
        identifier: Its ``--id``; empty if it has none.
        children: Entries of a submenu.
        kernels: Path and arguments of each ``linux`` command.
        initrds: Paths of all ``initrd`` commands.
        searched: UUID or label of the file system that paths are on; empty for GRUB's own.
    """

    title: str = ""
    identifier: str = ""
    children: list[Entry] = dataclasses.field(default_factory=list)
    kernels: list[tuple[str, tuple[str, ...]]] = dataclasses.field(default_factory=list)
    initrds: list[str] = dataclasses.field(default_factory=list)
    searched: str = ""


_ID_OPTIONS = ("--id", "$menuentry_id_option", "${menuentry_id_option}")
_KERNEL_COMMANDS = ("linux", "linux16", "linuxefi")
_INITRD_COMMANDS = ("initrd", "initrd16", "initrdefi")


def default_entry(text: str, saved: str = "") -> Entry | None:
    """Return the entry that GRUB starts when nobody chooses; ``None`` if there is none.

    Args:
        text: A ``grub.cfg``.
        saved: The ``saved_entry`` of the ``grubenv`` beside it.
    """
    top, default = _parse(text)
    wanted = saved if default == "${saved_entry}" else default
    entries = top.children
    found: Entry | None = None
    for part in (wanted or "0").split(">"):
        found = _choose(entries, part)
        if found is None:
            # GRUB then takes the first.
            found = _choose(top.children, "0")
            break
        entries = found.children
    while found is not None and found.children:
        found = found.children[0]
    return found


def value(grubenv: str, name: str) -> str:
    """Return the value of a variable in a ``grubenv``; empty if it has none."""
    for line in grubenv.splitlines():
        here, _, value = line.partition("=")
        if here == name:
            return value
    return ""


def timeouts(text: str, *, failed: bool) -> list[int]:
    """Return the seconds for which a menu may wait: negative for ever, until somebody comes.

    Args:
        text: A ``grub.cfg``.
        failed: Whether it is the boot after one that failed, for which there may be others.
    """
    found: dict[bool, list[int]] = {True: [], False: []}
    # For each "if" that is open whether what is read is only for the boot after a failed one.
    branches: list[bool] = []
    for line in text.splitlines():
        words = _words(line)
        match words[:1]:
            case ["if"] if "fi" not in words:
                branches.append("${recordfail}" in words and "=" in words)
            case ["else" | "elif"] if branches:
                branches[-1] = False
            case ["fi"] if branches:
                branches.pop()
            case ["set"] if len(words) > 1 and words[1].startswith("timeout="):
                seconds = words[1].removeprefix("timeout=")
                if seconds.lstrip("-").isdecimal():
                    found[any(branches)].append(int(seconds))
    return found[failed] or found[False]


def _choose(entries: list[Entry], name: str) -> Entry | None:
    """Find an entry by number, title or identifier."""
    if name.isdigit():
        return entries[int(name)] if int(name) < len(entries) else None
    return next((one for one in entries if name in (one.title, one.identifier)), None)


def _parse(text: str) -> tuple[Entry, str]:
    """Return the tree of entries, and the value that the default has in the end."""
    top = Entry()
    default = ""
    stack = [top]
    functions = 0
    for line in text.splitlines():
        words = _words(line)
        if not words:
            continue
        match words[0]:
            case "function":
                functions += 1
            case "}" if functions:
                functions -= 1
            case "}" if len(stack) > 1:
                stack.pop()
            case "menuentry" | "submenu":
                entry = _entry(words[1:])
                stack[-1].children.append(entry)
                stack.append(entry)
            case "set" if len(words) > 1 and words[1].startswith("default="):
                value = words[1].removeprefix("default=")
                # What was chosen for one boot only.
                default = default if value == "${next_entry}" else value
            case _ if len(stack) > 1:
                _command(stack[-1], words)
    return top, default


def _words(line: str) -> list[str]:
    """Split a line as a shell does; nothing of a line that goes on in the next."""
    try:
        return shlex.split(line, comments=True)
    except ValueError:
        return []


def _entry(words: list[str]) -> Entry:
    identifier = ""
    for option, value in itertools.pairwise(words):
        if option in _ID_OPTIONS:
            identifier = value
    return Entry(title=words[0] if words else "", identifier=identifier)


def _command(entry: Entry, words: list[str]) -> None:
    """Take note of a command of an entry."""
    name, *arguments = words
    if name in _KERNEL_COMMANDS and arguments:
        entry.kernels.append((_on_root(arguments[0]), tuple(arguments[1:])))
    elif name in _INITRD_COMMANDS:
        entry.initrds += [_on_root(path) for path in arguments]
    elif name == "search" and arguments:
        entry.searched = arguments[-1]


def _on_root(path: str) -> str:
    """Take the device away that ``($root)/path`` names."""
    return path.partition(")")[2] if path.startswith("(") else path
