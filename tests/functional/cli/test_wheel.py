"""The wheel, installed into an empty environment, gives the commands and all that they need."""

from __future__ import annotations

import os
import pathlib
import subprocess
import textwrap

import pytest
from tests.support import paths, scratch
from tests.support.base_images import base_images
from tests.support.cli import installed
from tests.support.image_manager import image_files

_PACKED = "recipes/amphora/packed"
# What the charm alone imports.
_OF_THE_CHARM = ("charmhelpers", "charmlibs", "ops")
_BUILD_TIMEOUT_S = 1500
# Variables that say how packages are reached from here.
_INDEX = ("PIP_", "UV_", "SSL_CERT", "http_proxy", "https_proxy", "no_proxy")
# It imports what the engine imports, and collects what builds need.
_EVERYTHING = """
    import importlib, pathlib, pkgutil
    import retrofit
    for module in pkgutil.walk_packages(retrofit.__path__, "retrofit."):
        if module.name != "retrofit.__main__":
            importlib.import_module(module.name)
    from retrofit import model, recipes
    from retrofit.building.elements import collect, dependencies
    for name in recipes.names():
        recipe, into = recipes.get(name), pathlib.Path(name)
        collect.collect(recipe, model.BuildRequest(name), into)
        paths = dependencies.search_paths(into / collect.ELEMENTS)
        for elements in recipe.elements.values():
            print(*(each.name for each in dependencies.expand(elements, paths)))
"""
_FETCHED = """
    import pathlib, sys
    from retrofit import errors, model
    from retrofit.recipes.amphora import octavia_elements
    try:
        octavia_elements.fetch(pathlib.Path("elements").absolute(), model.Proxies())
    except errors.RetrofitError as error:
        sys.exit(f"{error.exit_code} {error}")
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The wheel, as ``make wheel`` builds it."""
    return installed.wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def environment(wheel: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """An environment with the wheel and nothing else, not even pip."""
    return installed.environment(wheel, tmp_path_factory.mktemp("installed") / "environment")


@pytest.fixture
def elsewhere(tmp_path: pathlib.Path) -> pathlib.Path:
    """An empty directory."""
    (tmp_path / "elsewhere").mkdir()
    return tmp_path / "elsewhere"


def _run(
    program: pathlib.Path,
    *words: str | os.PathLike[str],
    cwd: pathlib.Path,
    timeout_s: float = 120,
) -> subprocess.CompletedProcess[str]:
    """Run a program as a user does who knows nothing of the repository."""
    settings = {name: value for name, value in os.environ.items() if name.startswith(_INDEX)}
    variables = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(cwd.parent / "home")}
    return subprocess.run(
        [program, *words],
        cwd=cwd,
        env=settings | variables,
        text=True,
        capture_output=True,
        timeout=timeout_s,
        check=False,
    )


def _files(directory: pathlib.Path) -> dict[str, bool]:
    """Return all files below a directory, and whether they are programs."""
    return {
        str(path.relative_to(directory)): bool(path.stat().st_mode & 0o100)
        for path in directory.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def _site(environment: pathlib.Path) -> pathlib.Path:
    [site] = environment.glob("lib/python3*/site-packages")
    return site


def test_every_file_is_installed(environment: pathlib.Path) -> None:
    installed = _files(_site(environment) / "retrofit")
    packed = {name for name in installed if name.startswith(_PACKED)}
    sources = {
        name: program
        for name, program in _files(paths.REPOSITORY / "src" / "retrofit").items()
        if not name.startswith(_PACKED)
    }

    assert {name: installed[name] for name in installed.keys() - packed} == sources
    assert {"py.typed", "image-definitions.schema.json"} <= installed.keys()
    assert installed[f"{_PACKED}/haproxy-octavia/install.d/76-haproxy"]


def test_the_charms_packages_are_not(environment: pathlib.Path) -> None:
    site = _site(environment)

    assert [name for name in _OF_THE_CHARM if (site / name).exists()] == []


def test_everything_imports_and_elements_go_together(
    environment: pathlib.Path, elsewhere: pathlib.Path
) -> None:
    # Without a network: nothing is fetched.
    alone = ["--net", environment / "bin" / "python", "-I", "-c", textwrap.dedent(_EVERYTHING)]

    ended = _run(pathlib.Path("/usr/bin/unshare"), *alone, cwd=elsewhere)

    assert ended.returncode == 0, ended.stderr
    assert "haproxy-octavia" in ended.stdout
    assert "network-tuning" in ended.stdout


def test_both_programs_show_their_help(environment: pathlib.Path, elsewhere: pathlib.Path) -> None:
    retrofit = _run(environment / "bin" / "retrofit", "--help", cwd=elsewhere)
    snap = _run(environment / "bin" / "octavia-diskimage-retrofit", "-h", cwd=elsewhere)

    assert (retrofit.returncode, "manage" in retrofit.stdout) == (0, True), retrofit.stderr
    # The snap's ends so.
    assert (snap.returncode, "INPUT OUTPUT" in snap.stderr) == (64, True), snap.stderr


def test_commands_read_what_people_write(
    environment: pathlib.Path, elsewhere: pathlib.Path
) -> None:
    program = environment / "bin" / "retrofit"
    (elsewhere / "x").touch()
    image_files.write(
        elsewhere / "images.yml",
        image_files.image("One", image_files.version("1", url=f"file://{elsewhere}/x")),
    )
    (elsewhere / "images.yaml").write_text(
        "images: [{name: amphora, releases: [noble], tags: [tag]}]\n"
    )

    checked = _run(program, "manage", "--check-only", "--images", "images.yml", cwd=elsewhere)
    listed = _run(program, "list", "--definitions", "images.yaml", "--offline", cwd=elsewhere)
    planned = _run(program, "plan", "--definitions", "images.yaml", cwd=elsewhere)

    assert (checked.returncode, checked.stderr) == (0, "")
    assert (listed.returncode, "noble" in listed.stdout) == (0, True), listed.stderr
    assert (planned.returncode, "Traceback" in planned.stderr) == (78, False), planned.stderr


def test_without_pip_nothing_is_fetched(
    environment: pathlib.Path, elsewhere: pathlib.Path
) -> None:
    python = environment / "bin" / "python"

    ended = _run(python, "-I", "-c", textwrap.dedent(_FETCHED), cwd=elsewhere)

    assert ended.stderr.startswith(f"72 {python} has no pip, which fetches Octavia 19.0.0; ")
    assert list(elsewhere.iterdir()) == []


@pytest.mark.slow
def test_an_amphora_is_built(environment: pathlib.Path, open_directory: pathlib.Path) -> None:
    program = environment / "bin" / "retrofit"
    places = ("--work-dir", scratch.PLACE, "--cache-dir", open_directory / "cache")
    words = (*places, "--depth", "rest", base_images.noble(), "amphora.qcow2")

    ended = _run(program, "image", *words, cwd=open_directory, timeout_s=_BUILD_TIMEOUT_S)

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("amphora.qcow2: ")


@pytest.mark.slow
def test_pipx_installs_and_removes_it(wheel: pathlib.Path, elsewhere: pathlib.Path) -> None:
    home = elsewhere.parent / "home"
    words = ("install", "--quiet", "--python", installed.PYTHON, "--system-site-packages", wheel)

    ended = _run(installed.TOOLS / "pipx", *words, cwd=elsewhere, timeout_s=600)
    assert ended.returncode == 0, ended.stderr
    machine = _run(home / ".local/bin/retrofit", "doctor", "--only", "machine", cwd=elsewhere)
    gone = _run(installed.TOOLS / "pipx", "uninstall", "octavia-diskimage-retrofit", cwd=elsewhere)

    # The system's packages are in reach, python3-guestfs among them.
    assert machine.returncode == 0, machine.stdout
    assert gone.returncode == 0, gone.stderr
    assert not (home / ".local/bin/retrofit").exists()
