"""Runs the phases of elements on the tree of an image.

Each script runs in a cell whose root is the tree, so it uses the image's own programs and sees no
file of the host but the elements. That holds for ``extra-data.d``, ``root.d``, ``post-root.d``,
``pre-finalise.d`` and ``cleanup.d``, too, which diskimage-builder runs outside of the image: here
``TMP_MOUNT_PATH`` and ``TARGET_ROOT`` are the cell's root.
"""

from __future__ import annotations

import dataclasses
import functools
import logging
import os
import pathlib
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

import yaml

from ... import errors
from ...host.sandbox import cells
from .. import activity
from . import collect, dependencies, hooks, host_files, pip_settings, standins

_LOG = logging.getLogger(__name__)

# Where diskimage-builder puts the hooks for scripts inside the image.
_HOOKS = "/tmp/in_target.d"
_SCRIPT_TIMEOUT_S = 3600.0
_SOURCING = "retrofit: sourcing "
_SOURCE = f"""
set -eu -o pipefail
exec 3>&1 >&2
for _file in "$@"; do echo '{_SOURCING}'"${{_file##*/}}"; source "$_file"; done
env --null >&3
"""
# What a shell sets for itself.
_OF_THE_SHELL = ("_", "PWD", "OLDPWD", "SHLVL")


# The script of diskimage-builder that installs the packages of all elements, and the list of them
# that another script left in /tmp.
_INSTALLS_PACKAGES = "install.d/01-package-installs"
_PACKAGE_LIST = "package-installs.json"
_NOT_OF_PACKAGES = frozenset(
    {
        "BASH_FUNC_get_image_element_array%%",
        "ELEMENTS_PATH",
        "IMAGE_ELEMENT",
        "IMAGE_ELEMENT_YAML",
    }
)

_Script = hooks.Script
Recall = Callable[[str, Callable[[], None]], None]


def always(_inputs: str, install: Callable[[], None]) -> None:
    """Install packages anew: a :data:`Recall` that remembers nothing."""
    install()


class Packages(Protocol):
    """What is done about packages beside what elements ask for."""

    def upgrade(self, cell: cells.Cell) -> None:
        """Upgrade the packages that are there."""

    def clean(self, cell: cells.Cell) -> None:
        """Remove what was fetched for that, which nobody wants again."""

    def lists(self) -> str:
        """Return what tells the lists of packages from others, where they are not in the tree."""


@dataclasses.dataclass(frozen=True)
class Runner:
    """Elements laid out to run on a tree.

    Attributes:
        names: Their names, sorted.
        hooks: Their merged hooks.
        builders: Names of those that are diskimage-builder's own.
        tools: Names of the programs that diskimage-builder's own elements install for a build.
        cell: Where the scripts run; its root is the tree.
        scratch: What the cell shows as ``/tmp``.
        packages: Upgrades the packages that are there, before those of elements are installed.
        recall: Called with all that decides on the packages, and with what upgrades and installs
            them; the tree holds them afterwards.
        doing: Told of what the scripts do.
        host_files: Variables that name files of this machine, with their paths in the cell; for
            the scripts of ``extra-data.d``.
        breaks: Phases before which the person at the terminal gets a shell.
    """

    names: tuple[str, ...]
    hooks: hooks.Hooks
    builders: Collection[str]
    tools: tuple[str, ...]
    cell: cells.Cell
    scratch: pathlib.Path
    packages: Packages
    recall: Recall
    doing: activity.Activity
    host_files: Mapping[str, str]
    breaks: Collection[str]

    def run(self) -> None:
        """Run all phases.

        Raises:
            errors.RecipeError: A script failed, or did not end in time.
        """
        for phase in hooks.PHASES:
            if phase == hooks.CLEANUP:
                # It may remove what has to be there for that.
                self._catch_up()
            self.run_phase(phase)
        self._catch_up()

    def run_phase(self, phase: str) -> None:
        """Run the scripts of one phase; see :meth:`run`."""
        scripts = self.hooks.scripts(phase)
        if phase in hooks.OUTSIDE:
            scripts = tuple(one for one in scripts if one.element not in self.builders)
        if not scripts and phase not in self.breaks:
            return
        # Only these scripts change the hooks: install-types links scripts into install.d.
        bind = cells.Bind(self.hooks.path, _HOOKS, writable=phase == hooks.EXTRA_DATA)
        cell = dataclasses.replace(self.cell, binds=(*self.cell.binds, bind))
        environment = self._environment(cell)
        if phase == hooks.EXTRA_DATA:
            environment = {**environment, **self.host_files}
        cell = dataclasses.replace(cell, environment=environment)
        if phase in self.breaks:
            cell.shell(
                f"before {phase}:\\w\\$ ",
                greeting=f"A shell in the image, before {phase}. The build goes on after exit.",
            )
        for script in scripts:
            run = functools.partial(self._run_script, script, cell)
            if f"{phase}/{script.name}" == _INSTALLS_PACKAGES:
                self.recall(self._package_inputs(script, cell), run)
            else:
                run()

    def _run_script(self, script: _Script, cell: cells.Cell) -> None:
        """Run one script; with the one that installs packages goes all else that is about them."""
        installs = f"{script.phase}/{script.name}" == _INSTALLS_PACKAGES
        if installs:
            self.doing.begins("upgrades of packages")
            self.packages.upgrade(self.cell)
        self.doing.begins(f"{script.phase}/{script.name}")
        started = time.monotonic()
        try:
            cell.run(
                [f"{_HOOKS}/{script.phase}/{script.name}"],
                timeout_s=_SCRIPT_TIMEOUT_S,
                on_line=self.doing.line,
            )
        except errors.CommandError as error:
            raise _failure(script, error) from error
        _LOG.info("%s ran in %.1f s", script, time.monotonic() - started)
        if installs:
            self._catch_up()
            # Nobody wants them again, and a layer would hold them.
            self.packages.clean(self.cell)

    def _catch_up(self) -> None:
        """Do what packages put off."""
        self.doing.begins("what packages put off")
        standins.catch_up(self.cell, self.doing.line)

    def _package_inputs(self, script: _Script, cell: cells.Cell) -> str:
        """Return what decides which packages a script installs, other than the tree itself.

        Proxies are only ways to the same packages, and elements that bring none do not count.
        """
        directory = self.hooks.path / script.phase
        lists = [*directory.glob("package-installs*"), self.scratch / _PACKAGE_LIST]
        content = [(file.name, file.read_bytes()) for file in sorted(lists) if file.is_file()]
        variables = {
            name: value
            for name, value in cell.environment.items()
            if name not in _NOT_OF_PACKAGES and not name.lower().endswith("_proxy")
        }
        command = (directory / script.name).read_bytes()
        parts = (standins.digest(), command, content, sorted(variables.items()))
        return repr((*parts, self.packages.lists()))

    def _environment(self, cell: cells.Cell) -> Mapping[str, str]:
        """Source what stands in environment.d, as it is at this time, and return the outcome."""
        files = {script.name: script for script in self.hooks.environment()}
        last = ""

        def watch(line: str) -> None:
            nonlocal last
            if line.startswith(_SOURCING):
                last = line.removeprefix(_SOURCING)

        paths = [f"{_HOOKS}/{hooks.ENVIRONMENT}/{name}" for name in files]
        try:
            completed = cell.run(
                ["/bin/bash", "-c", _SOURCE, "environment", *paths],
                timeout_s=_SCRIPT_TIMEOUT_S,
                on_line=watch,
                # A proxy's password is among the variables.
                confidential=True,
            )
        except errors.CommandError as error:
            if last not in files:
                raise
            raise _failure(files[last], error) from error
        pairs = (entry.partition("=") for entry in completed.stdout.split("\0") if entry)
        return {name: value for name, _, value in pairs if name not in _OF_THE_SHELL}


def prepare(
    names: Sequence[str],
    *,
    elements_root: pathlib.Path,
    work: pathlib.Path,
    cell: cells.Cell,
    environment: Mapping[str, str],
    packages: Packages,
    recall: Recall,
    doing: activity.Activity,
    breaks: Collection[str] = (),
) -> Runner:
    """Expand elements and lay out what their scripts need.

    Args:
        names: The elements to apply.
        elements_root: Directory that :func:`.collect.collect` filled.
        work: Directory for what is made here.
        cell: Where scripts are to run; gets binds and environment.
        environment: Variables of the scripts.
        packages: See :class:`Runner`.
        recall: See :class:`Runner`.
        doing: Told of what the scripts do.
        breaks: See :class:`Runner`.

    Raises:
        errors.InputMissing: An element is missing.
        errors.ConfigError: The elements cannot be combined.
    """
    paths = dependencies.search_paths(elements_root / collect.ELEMENTS)
    elements = dependencies.expand(names, paths)
    _LOG.info("elements: %s", " ".join(element.name for element in elements))
    programs = work / "programs"
    standins.write(programs)
    scratch = work / "scratch"
    scratch.mkdir()
    scratch.chmod(0o1777)
    binds = (
        # First, for the others may stand below it.
        cells.Bind(scratch, "/tmp", writable=True),
        *cell.binds,
        cells.Bind(elements_root, hooks.LIBRARY),
        cells.Bind(programs, standins.DIRECTORY),
    )
    described = _description(elements, paths, elements_root)
    variables = {**cell.environment, **described, **environment}
    merged = hooks.merge(elements, work / "hooks")
    builders = {element.name for element in elements if element.path.parent == paths[-1]}
    return Runner(
        tuple(element.name for element in elements),
        merged,
        builders,
        merged.programs(builders),
        dataclasses.replace(cell, binds=binds, environment=variables),
        scratch,
        packages,
        recall,
        doing,
        {
            file.name: f"{hooks.LIBRARY}/{host_files.DIRECTORY}/{file.name}"
            for file in (elements_root / host_files.DIRECTORY).iterdir()
        },
        breaks,
    )


def _description(
    elements: Sequence[dependencies.Element],
    paths: Sequence[pathlib.Path],
    elements_root: pathlib.Path,
) -> dict[str, str]:
    """Variables by which diskimage-builder tells scripts of the elements and their places."""

    def inside(path: pathlib.Path) -> str:
        return os.path.join(hooks.LIBRARY, path.relative_to(elements_root))

    places = {element.name: inside(element.path) for element in elements}
    pairs = " ".join(f"[{name}]={place}" for name, place in places.items())
    pip = os.path.join(pip_settings.DIRECTORY, pip_settings.FILE)
    return {
        **(
            {"PIP_CONFIG_FILE": f"{hooks.LIBRARY}/{pip}"} if (elements_root / pip).exists() else {}
        ),
        "PATH": f"{standins.DIRECTORY}:{cells.PATH}",
        "PYTHONPATH": f"{hooks.LIBRARY}/{collect.SUPPORT}",
        "_LIB": f"{hooks.LIBRARY}/{collect.LIBRARY}",
        "ELEMENTS_PATH": ":".join(map(inside, paths)),
        "IMAGE_ELEMENT": " ".join(places),
        "IMAGE_ELEMENT_YAML": yaml.safe_dump(places),
        "BASH_FUNC_get_image_element_array%%": f'() {{ echo "{pairs}"; }}',
        "TMP_HOOKS_PATH": _HOOKS,
        "TMP_MOUNT_PATH": "/",
        "TARGET_ROOT": "/",
    }


def _failure(script: hooks.Script, error: errors.CommandError) -> errors.RecipeError:
    """Say which script failed, and what it said last."""
    how = f"ended with status {error.returncode}" if error.returncode else "did not end in time"
    last = f": {error.details[-1]}" if error.details else ""
    return errors.RecipeError(
        f"the element {script.element} failed in {script.phase}: {script.name} {how}{last}",
        hint="run again with --debug to see the full output",
        details=error.details,
    )
