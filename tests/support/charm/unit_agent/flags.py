"""Command line flags as Juju's hook tools take them: nothing that was not declared."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Mapping, Sequence

# How Go reads a boolean, which is how the hook tools do.
_BOOLEANS = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False),
}


class FlagError(Exception):
    """The command line does not fit the tool; its exit status is 2."""


@dataclasses.dataclass(frozen=True)
class Flag:
    """A flag of a tool.

    Attributes:
        name: Long name, without dashes.
        short: Another name, usually one letter.
        switch: Whether it stands alone (or takes ``=true``, ``=false``).
    """

    name: str
    short: str = ""
    switch: bool = False


@dataclasses.dataclass(frozen=True)
class Parsed:
    """A command line taken apart: flags by long name, and the other words."""

    flags: Mapping[str, str | bool]
    words: tuple[str, ...]

    def text(self, name: str) -> str:
        """Return the value of a flag; empty if it was not given."""
        return str(self.flags.get(name, ""))

    def on(self, name: str) -> bool:
        """Say whether a switch was given."""
        return bool(self.flags.get(name, False))


def parse(argv: Sequence[str], flags: Sequence[Flag], *, interspersed: bool = True) -> Parsed:
    """Take a command line apart.

    Args:
        argv: What follows the name of the tool.
        flags: The flags it knows.
        interspersed: Whether flags may follow other words.

    Raises:
        FlagError: A flag is unknown, lacks its value, or is no boolean where it should be.
    """
    known = {f"--{flag.name}": flag for flag in flags}
    known |= {f"-{flag.short}": flag for flag in flags if flag.short}
    values: dict[str, str | bool] = {}
    words: list[str] = []
    rest = collections.deque(argv)
    while rest:
        word = rest.popleft()
        if word == "--" or (words and not interspersed):
            words += [word, *rest] if word != "--" else rest
            break
        if not word.startswith("-") or word == "-":
            words.append(word)
            continue
        name, has_value, value = word.partition("=")
        flag = known.get(name)
        if flag is None:
            raise FlagError(f"option provided but not defined: {name}")
        if flag.switch:
            if has_value and value not in _BOOLEANS:
                raise FlagError(f'invalid value "{value}" for option {name}')
            values[flag.name] = _BOOLEANS[value] if has_value else True
            continue
        if not has_value and not rest:
            raise FlagError(f"option needs an argument: {name}")
        values[flag.name] = value if has_value else rest.popleft()
    return Parsed(values, tuple(words))
