"""YAML files that people write, and the lines at which their values stand."""

from __future__ import annotations

import dataclasses
import difflib
import pathlib
from collections.abc import Sequence
from typing import Any

import pydantic
import yaml

from . import errors

Location = Sequence[str | int]


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
        """Return file and line of a value, as ``images.yml:12``.

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
        return f"{self.path}:{line}"


def read(path: pathlib.Path) -> Document:
    """Read a file that holds one YAML document.

    Raises:
        errors.InputMissing: It cannot be read.
        errors.ConfigError: It is no YAML, or a key occurs twice in it; file and line are named.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise errors.InputMissing(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise errors.ConfigError(f"{path} is no text in UTF-8") from error
    try:
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
        _refuse_duplicates(path, root)
        value = None if root is None else loader.construct_document(root)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = 1 if mark is None else mark.line + 1
        raise errors.ConfigError(f"{path}:{line}: {error.problem or error.context}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # A date such as 2026-02-31, a character that YAML does not allow, or endless nesting.
        raise errors.ConfigError(f"{path}: {' '.join(str(error).split())}") from error
    return Document(path, value, root)


def problems(document: Document, error: pydantic.ValidationError) -> list[str]:
    """Return what pydantic found wrong with a document, one line each, with file and line."""
    return [
        f"{document.place(found['loc'])}: {_problem(found, error)}"
        for found in error.errors(include_url=False)
    ]


def _problem(found: Any, error: pydantic.ValidationError) -> str:
    """Say in words what is wrong with a value."""
    where = ".".join(str(part) for part in found["loc"]) or "the document"
    key = found["loc"][-1] if found["loc"] else error.title
    if found["type"] == "extra_forbidden":
        return f"unknown key {key}"
    if found["type"] == "missing":
        return f"{key} is missing"
    message = found["msg"][:1].lower() + found["msg"][1:]
    expected = (found.get("ctx") or {}).get("expected")
    if expected and isinstance(found["input"], str):
        allowed = [word.strip("'") for word in str(expected).replace(" or ", ", ").split(", ")]
        close = difflib.get_close_matches(found["input"], allowed, n=1)
        message += f"; did you mean {close[0]}?" if close else ""
    return f"wrong value {found['input']!r} of {where}: {message}"


def _child(node: yaml.Node | None, part: str | int) -> yaml.Node | None:
    """Return the value below a node that a key or index leads to, if there is one."""
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int):
        return node.value[part] if part < len(node.value) else None
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                # A key's line is where a person looks for it, even if the value is on the next.
                return value if value.start_mark.line == key.start_mark.line else _at(value, key)
    return None


def _at(value: yaml.Node, key: yaml.Node) -> yaml.Node:
    """Return a node like ``value`` that begins where its key does."""
    kind = type(value)
    return kind(value.tag, value.value, start_mark=key.start_mark, end_mark=value.end_mark)


def _refuse_duplicates(path: pathlib.Path, node: yaml.Node | None) -> None:
    """Refuse a key that stands twice: the first would be passed over without a word."""
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_duplicates(path, item)
    if isinstance(node, yaml.MappingNode):
        known: set[Any] = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in known:
                    line = key.start_mark.line + 1
                    raise errors.ConfigError(f"{path}:{line}: {key.value} is there twice")
                known.add(key.value)
            _refuse_duplicates(path, value)
