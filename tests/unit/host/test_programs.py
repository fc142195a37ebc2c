"""The registry of programs: every program that the engine names is in it, and nothing else."""

import ast
import pathlib
import re
from collections.abc import Iterator

import pytest
from tests.support import paths

from retrofit.host import process, programs

_ENGINE = paths.REPOSITORY / "src" / "retrofit"
_REGISTERED = {
    *programs.NEEDED,
    *programs.BOOTSTRAP,
    *programs.CREATE,
    *programs.SOURCES,
    *programs.RED_HAT,
    *programs.SYSTEMD,
}


def _run_directly() -> Iterator[str]:
    """Yield the programs that calls of the module for that name in their first word."""
    for path in _ENGINE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            owner = node.func.value
            if isinstance(owner, ast.Name) and owner.id == "process" and node.args:
                yield from _first_word(node.args[0])


def _first_word(argument: ast.expr) -> Iterator[str]:
    while isinstance(argument, ast.BinOp):
        argument = argument.left
    if isinstance(argument, ast.List | ast.Tuple):
        first = argument.elts[0]
        if isinstance(first, ast.Starred):
            yield from _first_word(first.value)
        else:
            yield from _first_word(first)
    elif isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        yield argument.value


def test_every_program_is_registered():
    found = set(_run_directly())

    assert len(found) > 15
    # QEMU's name has the architecture in it; accelerator.emulator looks for it.
    assert found - _REGISTERED == {"qemu-system-x86_64"}


def test_every_registered_program_is_run():
    text = "\n".join(
        path.read_text() for path in _ENGINE.rglob("*.py") if path.name != "programs.py"
    )
    maps = {"newuidmap", "newgidmap"}  # one word made of two

    assert {each for each in _REGISTERED - maps if not re.search(rf'"{each}"', text)} == set()


def test_what_builds_need_is_in_a_package_that_the_charm_installs():
    listed = (paths.REPOSITORY / "src" / "workload" / "packages.txt").read_text()
    names = {line.split()[0] for line in listed.splitlines() if line and line[0] != "#"}
    # Essential ones of each system; supermin comes with python3-guestfs.
    always = {"apt", "coreutils", "mount", "supermin", "tar", "util-linux"}

    assert set(programs.NEEDED.values()) - names - always == set()


def test_what_is_missing_is_told(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "tar").touch(mode=0o755)
    monkeypatch.setattr(process, "_PATH", str(tmp_path))

    assert programs.missing(("tar", "mcopy")) == ("mcopy",)
