"""The document about the architecture names every room and every contract."""

from __future__ import annotations

import pathlib

import tomllib
from tests.support import paths

_DOCUMENT = "docs/explanation/architecture.md"


def _lines() -> list[str]:
    document: pathlib.Path = paths.REPOSITORY / _DOCUMENT
    return document.read_text(encoding="utf-8").splitlines()


def _rooms(parent: pathlib.Path) -> set[str]:
    return {f"{path.parent.name}/" for path in parent.glob("*/__init__.py")}


def test_every_room_has_a_line() -> None:
    source: pathlib.Path = paths.REPOSITORY / "src"
    rooms = {f"retrofit/{room}" for room in _rooms(source / "retrofit")}
    rooms |= {f"src/{room}" for room in _rooms(source) - {"retrofit/"}}
    told = {line.split("`")[1] for line in _lines() if line.startswith("| `") and "/` |" in line}
    assert told == rooms


def test_every_contract_has_a_line() -> None:
    settings = tomllib.loads((paths.REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = [each["name"] for each in settings["tool"]["importlinter"]["contracts"]]
    told = [line.split("|")[1].strip() for line in _lines() if line.startswith("| ")]
    assert [name for name in contracts if name not in told] == []


def test_no_module_lies_beside_the_rooms() -> None:
    engine: pathlib.Path = paths.REPOSITORY / "src/retrofit"
    assert {path.stem for path in engine.glob("*.py")} == {"__init__", "__main__", "errors"}
