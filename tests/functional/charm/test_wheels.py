"""Every package of a lock file can be installed on each supported Python, without a compiler.

The index is asked by the client that compiles the lock files; nothing is downloaded but metadata.
"""

import itertools
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest
from tests.support import paths

pytestmark = pytest.mark.slow

_PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
_MACHINES = ("x86_64", "aarch64")
# Of Ubuntu 22.04; newer systems take these wheels, too.
_C_LIBRARY = "manylinux_2_35"
_UV = pathlib.Path(sys.executable).with_name("uv")


def _without_wheels(*, but: tuple[str, ...]) -> list[str]:
    """Return options for packages that charmcraft.yaml has built from source, in pure Python."""
    recipe = (paths.REPOSITORY / "charmcraft.yaml").read_text()
    built = re.search(r"--no-binary (\S+)", recipe)
    assert built is not None
    return [f"--no-binary={name}" for name in built[1].split(",") if name not in but]


def _resolve(
    lock: pathlib.Path, python: str, machine: str, *, but: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    words: list[str | os.PathLike[str]] = [_UV, "pip", "compile", "--quiet", "--no-deps", lock]
    words += ["--only-binary=:all:", *_without_wheels(but=but)]
    words += [f"--python-version={python}", f"--python-platform={machine}-{_C_LIBRARY}"]
    return subprocess.run(words, text=True, capture_output=True, check=False)


@pytest.mark.parametrize(("python", "machine"), list(itertools.product(_PYTHONS, _MACHINES)))
def test_every_package_of_the_charm_has_a_wheel(python: str, machine: str) -> None:
    found = _resolve(paths.REPOSITORY / "requirements" / "run.txt", python, machine)
    assert found.returncode == 0, found.stderr
    assert "openstacksdk==" in found.stdout


@pytest.mark.parametrize("python", _PYTHONS)
def test_every_package_of_the_tests_has_a_wheel(python: str) -> None:
    found = _resolve(paths.REPOSITORY / "requirements" / "dev.txt", python, _MACHINES[0])
    assert found.returncode == 0, found.stderr
    assert "pytest==" in found.stdout


def test_a_package_without_a_wheel_is_named() -> None:
    lock = paths.REPOSITORY / "requirements" / "run.txt"
    found = _resolve(lock, _PYTHONS[0], _MACHINES[0], but=("charmhelpers",))
    assert found.returncode != 0
    assert "charmhelpers" in found.stderr


def test_the_lock_files_are_those_that_make_lock_writes(tmp_path: pathlib.Path) -> None:
    shutil.copytree(paths.REPOSITORY / "requirements", tmp_path / "requirements")
    (tmp_path / "tools").mkdir()
    shutil.copy(paths.REPOSITORY / "tools" / "lock", tmp_path / "tools")
    (tmp_path / ".venv").symlink_to(sys.prefix)

    subprocess.run([tmp_path / "tools" / "lock"], check=True)

    for file in (tmp_path / "requirements").iterdir():
        assert file.read_text() == (paths.REPOSITORY / "requirements" / file.name).read_text()
