"""File systems that only a kernel reads, through libguestfs and its small virtual machine."""

from __future__ import annotations
import pathlib
from collections.abc import Iterator
from typing import Any


def look_into(raw: pathlib.Path, one: Any, names: Any, work: pathlib.Path) -> list[Any]:
    raise NotImplementedError


def extract(raw: pathlib.Path, volume: Any, lower: pathlib.Path, work: pathlib.Path) -> None:
    raise NotImplementedError


def apply(raw: pathlib.Path, volume: Any, files: Any, work: pathlib.Path) -> None:
    raise NotImplementedError
