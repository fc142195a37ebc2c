"""The hook tools, as functions of an operation's context."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import yaml

from . import flags, server, state

_FORMAT = (flags.Flag("format"), flags.Flag("output", "o"))
_FORMATS = ("json", "smart", "yaml")


class ToolError(Exception):
    """The tool cannot do that; its exit status is 1."""


@dataclasses.dataclass(frozen=True)
class Call:
    """A hook tool called from within an operation."""

    context: state.Context
    parsed: flags.Parsed
    files: Mapping[str, str]

    def word(self, index: int, default: str = "") -> str:
        """Return a positional argument."""
        return self.parsed.words[index] if len(self.parsed.words) > index else default

    def relation(self) -> state.Relation:
        """Return the relation named by ``-r``, or else the hook's own."""
        text = self.parsed.text("relation").rpartition(":")[2]
        if not text and self.context.relation is None:
            raise ToolError("no relation id specified")
        number = int(text) if text.isdigit() else self.context.relation if not text else -1
        relation = self.context.working.relations.get(number if number is not None else -1)
        if relation is None:
            raise ToolError(f'invalid value "{text}" for option -r: relation not found')
        return relation

    def require_leader(self, what: str) -> None:
        """Refuse what only the leader may do."""
        if not self.context.unit.leader:
            raise ToolError(f"cannot {what}: permission denied")

    def pairs(self) -> dict[str, str]:
        """Return the settings given as ``KEY=VALUE`` words and in the file of ``--file``."""
        settings: dict[str, str] = {}
        if self.parsed.text("file"):
            content = yaml.safe_load(self.files[self.parsed.text("file")]) or {}
            if not all(isinstance(value, str) for value in content.values()):
                raise ToolError("yaml: cannot unmarshal: values must be strings")
            settings |= content
        return settings | dict(pair(word) for word in self.parsed.words)


def pair(word: str) -> tuple[str, str]:
    """Take ``KEY=VALUE`` apart."""
    key, equals, value = word.partition("=")
    if not equals or not key:
        raise ToolError(f'expected "key=value", got "{word}"')
    return key, value


@dataclasses.dataclass(frozen=True)
class Tool:
    """A hook tool: its flags, how many words it takes, and what it does."""

    function: Callable[[Call], Any]
    flags: Sequence[flags.Flag]
    prints: bool
    words: tuple[int, int | None]


class Registry(dict[str, Tool]):
    """Hook tools by name."""

    def tool(
        self,
        name: str,
        *known: flags.Flag,
        prints: bool = False,
        words: tuple[int, int | None] = (0, None),
    ) -> Callable[[Callable[[Call], Any]], Callable[[Call], Any]]:
        """Register a hook tool.

        Args:
            name: Its name.
            known: Its flags; those of the output format come with ``prints``.
            prints: Whether its result is printed.
            words: How many positional arguments it takes at least and at most.
        """

        def register(function: Callable[[Call], Any]) -> Callable[[Call], Any]:
            self[name] = Tool(function, (*known, *_FORMAT) if prints else known, prints, words)
            return function

        return register


def run(entry: Tool, context: state.Context, request: server.Request) -> server.Answer:
    """Run a hook tool within an operation."""
    try:
        parsed = flags.parse(request.argv, entry.flags)
        least, most = entry.words
        if most is not None and len(parsed.words) > most:
            raise flags.FlagError(f"unrecognized args: {list(parsed.words[most:])}")
        if len(parsed.words) < least:
            raise flags.FlagError("not enough arguments")
        style = parsed.text("format") or "smart"
        if entry.prints and style not in _FORMATS:
            raise flags.FlagError(f'invalid value "{style}" for option --format')
        result = entry.function(Call(context, parsed, request.files))
    except flags.FlagError as error:
        return server.Answer(stderr=f"ERROR {error}\n", code=2)
    except ToolError as error:
        return server.Answer(stderr=f"ERROR {error}\n", code=1)
    return server.Answer(stdout=_formatted(result, style) if entry.prints else "")


def _formatted(result: Any, style: str) -> str:
    """Write a result as a tool prints it."""
    if style == "json":
        return json.dumps(result) + "\n"
    if style == "smart" and (result is None or result == ""):
        return ""
    if style == "smart" and isinstance(result, str | bool | int | float):
        return f"{result}\n"
    if style == "smart" and isinstance(result, list):
        return "".join(f"{entry}\n" for entry in result)
    return yaml.safe_dump(result, default_flow_style=False)
