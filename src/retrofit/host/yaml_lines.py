"""YAML files that people write, and the lines at which their values stand."""

from __future__ import annotations

import dataclasses
import datetime
import difflib
import pathlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pydantic
import yaml

from .. import errors, model
from . import files, urls

Location = Sequence[str | int]
Loader = type[yaml.SafeLoader]

_MAX_LENGTH = model.MIB
# An alias costs a few characters, and stands for as much as anybody likes.
_MAX_VALUES = 50_000

_SHOWN = 80
# What pydantic calls by Python's names.
_TYPES = {
    "string_type": "it must be a text; put it in quotes",
    "tuple_type": "it must be a list, in brackets",
    "list_type": "it must be a list, in brackets",
    "int_type": "it must be a whole number",
    "model_type": "it must be keys with values",
}


class Words(yaml.SafeLoader):
    """Takes plain words as YAML 1.2 does, its core schema: ``off``, ``no`` and dates are texts."""


Words.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("null", "null|Null|NULL|~|", ["n", "N", "~", ""]),
    ("bool", "true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", "[-+]?(0|[1-9][0-9]*)", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
):
    Words.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_pattern})\\Z"), _first
    )


@dataclasses.dataclass(frozen=True)
class Document:
    """A YAML file that was read.

    Attributes:
        path: The file.
        value: What it says: lists, dictionaries, texts, numbers, dates.
    """

    path: pathlib.Path
    value: Any
    _root: yaml.Node | None = dataclasses.field(repr=False, default=None)

    def place(self, location: Location) -> str:
        """Return file and line of a value, as ``images.yml:12``; see :meth:`line`."""
        return f"{self.path}:{self.line(location)}"

    def line(self, location: Location) -> int:
        """Return the line of a value.

        Args:
            location: The keys and indexes that lead to it; what does not exist stands where it
                would have to be.
        """
        node, line = self._root, 1
        for part in ("", *location):
            node = _child(node, part) if part != "" else node
            if node is None:
                break
            line = node.start_mark.line + 1
        return line

    def changed(
        self, text: str, values: Mapping[tuple[str | int, ...], str | datetime.date | None]
    ) -> str:
        """Return the document with other values in the places of some; all else stays as it is.

        Args:
            text: The document as it was read.
            values: New texts and dates by the keys and indexes that lead to them. One that is
                not there is put behind the first of those that are.

        Raises:
            errors.ConfigError: There is none, or what is there is not a plain value.
        """
        found = {location: self._scalar(location) for location in values}
        present = {location: node for location, node in found.items() if node is not None}
        if not present:
            raise errors.ConfigError(f"{self.path}: {next(iter(values))} is not there")
        pieces = {location: _quoted(values[location]) for location in present}
        first = next(iter(present))
        indent = " " * self._column(first)
        for location in values:
            if location not in present:
                pieces[first] += f"\n{indent}{location[-1]}: {_quoted(values[location])}"
        for location, node in sorted(
            present.items(), key=lambda each: each[1].start_mark.index, reverse=True
        ):
            text = text[: node.start_mark.index] + pieces[location] + text[node.end_mark.index :]
        return text

    def _scalar(self, location: Location) -> yaml.ScalarNode | None:
        node = self._root
        for part in location:
            _, node = _entry(node, part)
        if node is not None and not isinstance(node, yaml.ScalarNode):
            raise errors.ConfigError(f"{self.place(location)}: this is not a plain value")
        return node

    def _column(self, location: Location) -> int:
        """Return the column of the key of a value."""
        node = self._root
        for part in location[:-1]:
            _, node = _entry(node, part)
        key, _ = _entry(node, location[-1])
        return 0 if key is None else int(key.start_mark.column)


def read(path: pathlib.Path, loader: Loader = yaml.SafeLoader) -> Document:
    """Read a file that holds one YAML document.

    Args:
        path: The file.
        loader: Decides what plain words are; by default they are what PyYAML, which follows
            YAML 1.1, takes them for.

    Raises:
        errors.InputMissing: It cannot be read.
        errors.ConfigError: As :func:`parse`.
    """
    try:
        return parse(files.content(path), path, loader)
    except OSError as error:
        raise errors.InputMissing(f"cannot read {path}: {error.strerror}") from error


def parse(content: bytes, path: pathlib.Path, loader: Loader) -> Document:
    """Read a YAML document.

    Args:
        content: The document.
        path: What messages call it.
        loader: As for :func:`read`.

    Raises:
        errors.ConfigError: It is not YAML, too large, or a key occurs twice in it; file and line
            are named.
    """
    if len(content) > _MAX_LENGTH:
        raise errors.ConfigError(f"{path} has more than {_MAX_LENGTH} bytes")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise errors.ConfigError(f"{path}:{line}: this is not text in UTF-8") from error
    try:
        loading = loader(text)
        root = loading.get_single_node()
        _Check(path, loading).value(root)
        value = None if root is None else loading.construct_document(root)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = 1 if mark is None else mark.line + 1
        raise errors.ConfigError(f"{path}:{line}: {error.problem or error.context}") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise errors.ConfigError(f"{path}:{line}: unacceptable character") from error
    except RecursionError as error:
        raise errors.ConfigError(f"{path}: it is nested too deeply") from error
    except yaml.YAMLError as error:
        raise errors.ConfigError(f"{path}: {' '.join(str(error).split())}") from error
    return Document(path, value, root)


def problems(
    document: Document,
    error: pydantic.ValidationError,
    keys: Iterable[str] = (),
    below: Location = (),
) -> list[str]:
    """Return what pydantic found wrong, one line each, with file and line, in their order.

    Args:
        document: The document.
        error: What pydantic found.
        keys: Keys that are known, for one that is not.
        below: The keys and indexes that lead to the value that pydantic looked at.
    """
    known = list(keys)
    located = error.errors(include_url=False)
    for found in located:
        found["loc"] = (*below, *found["loc"])
    located.sort(key=lambda found: document.line(found["loc"]))
    return [
        f"{document.place(found['loc'])}: {_problem(found, error, known)}" for found in located
    ]


def _problem(found: Any, error: pydantic.ValidationError, known: Sequence[str]) -> str:
    """Say in words what is wrong with a value."""
    where = ".".join(str(part) for part in found["loc"]) or "the document"
    key = found["loc"][-1] if found["loc"] else error.title
    if found["type"] == "extra_forbidden":
        close = difflib.get_close_matches(str(key), known, n=1)
        if close:
            return f"unknown key {key}; did you mean {close[0]}?"
        return f"unknown key {key}" + (f"; known are {', '.join(known)}" if known else "")
    if found["type"] == "missing":
        return f"{key} is missing"
    if found["type"] == "value_error" and isinstance(found["input"], dict):
        # Of keys that do not go together, the message says which.
        return str(found["ctx"]["error"])
    message = _TYPES.get(found["type"]) or found["msg"][:1].lower() + found["msg"][1:]
    expected = (found.get("ctx") or {}).get("expected")
    if expected and isinstance(found["input"], str):
        allowed = [word.strip("'") for word in str(expected).replace(" or ", ", ").split(", ")]
        close = difflib.get_close_matches(found["input"], allowed, n=1)
        message += f"; did you mean {close[0]}?" if close else ""
    return f"wrong value {_shown(found['input'])} of {where}: {message}"


def _shown(value: object) -> str:
    """Return a value as a message may show it: short, and without a password in a URL."""
    text = urls.without_user(repr(value))
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _child(node: yaml.Node | None, part: str | int) -> yaml.Node | None:
    """Return the value below a node that a key or index leads to, if there is one."""
    key, value = _entry(node, part)
    if key is None or value is None or value.start_mark.line == key.start_mark.line:
        return value
    # A key's line is where a person looks for it, even if the value is on the next.
    return _at(value, key)


def _entry(node: yaml.Node | None, part: str | int) -> tuple[yaml.Node | None, yaml.Node | None]:
    """Return the key and the value below a node that a key or index leads to, as far as known."""
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int):
        return None, node.value[part] if part < len(node.value) else None
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return key, value
    return None, None


def _quoted(value: str | datetime.date | None) -> str:
    """Return a value as YAML has it on one line, whatever is in it."""
    if not isinstance(value, str):
        return "null" if value is None else value.isoformat()
    return "'" + value.replace("'", "''") + "'"


def _at(value: yaml.Node, key: yaml.Node) -> yaml.Node:
    """Return a node like ``value`` that begins where its key does."""
    kind = type(value)
    return kind(value.tag, value.value, start_mark=key.start_mark, end_mark=value.end_mark)


class _Check:
    """Refuses duplicate keys, of which YAML drops all but one, wrong dates, and too much.

    Args:
        path: What messages call the document.
        loading: Makes values of its nodes.
    """

    def __init__(self, path: pathlib.Path, loading: yaml.SafeLoader) -> None:
        self._path = path
        self._loading = loading
        self._values = 0

    def value(self, node: yaml.Node | None) -> None:
        """Look at a value and all that is in it; what aliases lead to counts each time."""
        self._values += 1
        if node is not None and self._values > _MAX_VALUES:
            raise self._wrong(node, "the file is too large after its aliases are expanded")
        if isinstance(node, yaml.ScalarNode):
            self._scalar(node)
        if isinstance(node, yaml.SequenceNode):
            for item in node.value:
                self.value(item)
        if isinstance(node, yaml.MappingNode):
            known: set[Any] = set()
            for key, value in node.value:
                if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                    if key.value in known:
                        raise self._wrong(key, f"{key.value} is a duplicate key")
                    known.add(key.value)
                    self._scalar(key)
                self.value(value)

    def _scalar(self, node: yaml.ScalarNode) -> None:
        """Look at a value without parts: 2026-02-31 has the form of a date."""
        try:
            self._loading.construct_object(node)
        except ValueError as error:
            kind = node.tag.rpartition(":")[2]
            raise self._wrong(node, f"{_shown(node.value)} is not a valid {kind}") from error

    def _wrong(self, node: yaml.Node, problem: str) -> errors.ConfigError:
        return errors.ConfigError(f"{self._path}:{node.start_mark.line + 1}: {problem}")
