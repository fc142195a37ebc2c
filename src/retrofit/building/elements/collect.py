"""Gathers the element directories of a build, so that the workshop needs nothing else."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.resources
import os
import pathlib
import shutil
import stat
import tempfile
from collections.abc import Mapping, Sequence
from typing import Protocol

import diskimage_builder
import yaml

from ... import errors, model
from ...host import trees
from . import (
    dependencies,
    fetching,
    hooks,
    host_files,
    inline,
    pip_settings,
    repositories,
    sources,
    unread,
)

# Links on the way to a virtual environment are followed, as they are for each element.
_BUILDER = pathlib.Path(diskimage_builder.__file__).resolve().parent
# What Python leaves beside what it runs.
_PASSED_OVER = ("__pycache__",)
OWN = pathlib.Path(__file__).parent / "own"
# Python that diskimage-builder's own scripts import, and that an image need not have.
SUPPORT = "support"
ELEMENTS = "elements"
LIBRARY = "lib"
_INLINE = "inline"
_NO_SOURCES = "NO_SOURCE_REPOSITORIES"


class Recipe(Protocol):
    """What is to be known of a recipe to build by it."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables for its elements."""

    @property
    def root_size(self) -> int:
        """Bytes that the root file system gets at least."""

    def check(self, release: model.Release) -> None:
        """Refuse a release that the recipe cannot be applied to."""

    @property
    def elements(self) -> Mapping[str, tuple[str, ...]]:
        """Elements it applies, by distribution."""

    @property
    def own_elements(self) -> pathlib.Path | None:
        """Directory of the elements that come with the recipe."""

    @property
    def element_sources(self) -> tuple[sources.Source, ...]:
        """Elements of other projects, those looked up first in front."""


def collect(recipe: Recipe, request: model.BuildRequest, into: pathlib.Path) -> None:
    """Copy all element directories of a build into a directory, those looked up first in front.

    The order is the operator's, the recipe's, the project's, those of the recipe's other sources,
    diskimage-builder's; an element of an operator thus replaces one of the others.

    Args:
        recipe: Whose elements are applied.
        request: Names further elements and the directories they are in.
        into: Directory to fill; made here.

    Raises:
        errors.InputMissing: A directory or an element that was named does not exist.
        errors.ConfigError: An operator's element names a source that a build does not fetch.
        errors.Unavailable: Elements of another project are not packed and cannot be fetched, or
            a source cannot.
    """
    inline.write(request.changes, into / _INLINE)
    directories = _directories(recipe, request, into / _INLINE)
    found = _check(recipe, request, directories)
    if found:
        fetching.write(found, request, into / _INLINE, into / fetching.DIRECTORY)
        # Of sources in Python, programs are made.
        pip_settings.write(
            into / pip_settings.DIRECTORY, f"{hooks.LIBRARY}/{pip_settings.DIRECTORY}"
        )
        directories = _directories(recipe, request, into / _INLINE)
    elements = into / ELEMENTS
    elements.mkdir(parents=True)
    for number, source in enumerate(directories):
        _copy_elements(source, elements / f"{number:02}")
    shutil.copytree(_BUILDER / "lib", into / LIBRARY)
    applied = _applied(recipe, request, directories)
    read = host_files.named(applied, dict(request.environment))
    host_files.collect(read, into / host_files.DIRECTORY)
    _copy_support(into / SUPPORT)
    _open_to_all(into)


def digests(recipe: Recipe, request: model.BuildRequest) -> dict[str, str]:
    """Return the SHA-256 of each element that a build applies, by its name.

    Which of them apply may depend on the distribution in the base image, of which nothing may be
    known yet: those for all distributions are returned.

    Raises:
        errors.RetrofitError: As :func:`collect`; or elements cannot be combined.
    """
    with tempfile.TemporaryDirectory(prefix="retrofit-elements-") as place:
        own = pathlib.Path(place, _INLINE)
        inline.write(request.changes, own)
        directories = _directories(recipe, request, own)
        applied = _applied(recipe, request, directories)
        found = {element.name: digest(element.path) for element in applied}
        theirs = _operators_elements(recipe, request, directories)
        fetched = fetching.revisions(_sources(recipe, request, theirs), request)
    read = host_files.digests(host_files.named(applied, dict(request.environment)))
    for name in read.keys() | fetched.keys():
        together = " ".join([found[name], *read.get(name, ()), *fetched.get(name, ())])
        found[name] = hashlib.sha256(together.encode()).hexdigest()
    return found


def releases(recipe: Recipe) -> dict[str, str]:
    """Return the version of each project whose elements a recipe applies, by its name."""
    builder = {"diskimage-builder": importlib.metadata.version("diskimage-builder")}
    return builder | {source.name: source.version for source in recipe.element_sources}


def digest(element: pathlib.Path) -> str:
    """Return the SHA-256 of an element: names, modes and content of what :func:`collect` takes."""
    total = hashlib.sha256()
    for path in sorted(element / name for name, _ in trees.walk(element)):
        if path.is_dir() and not path.is_symlink():
            continue
        if any(part in _PASSED_OVER for part in path.relative_to(element).parts):
            continue
        if path.is_symlink():
            kind, content = "link", os.fsencode(os.readlink(path))
        else:
            kind = "program" if path.stat().st_mode & stat.S_IXUSR else "file"
            content = path.read_bytes()
        name = path.relative_to(element)
        total.update(f"{kind}\0{name}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    return total.hexdigest()


def _directories(
    recipe: Recipe, request: model.BuildRequest, own: pathlib.Path
) -> list[pathlib.Path]:
    """Return the directories of elements, the one looked up first in front.

    Args:
        recipe: Whose elements are applied.
        request: Names further ones.
        own: Directory of the element that is made of the request, if there is one.
    """
    directories = [*map(_operators, request.elements_paths)]
    if own.is_dir():
        directories.insert(0, own)
    if recipe.own_elements is not None:
        directories.append(recipe.own_elements)
    directories.append(OWN)
    directories += [source.find(request.proxies) for source in recipe.element_sources]
    directories.append(_BUILDER / "elements")
    for name in request.elements:
        if not any((source / name).is_dir() for source in directories):
            raise errors.InputMissing(
                f"unknown element {name!r}",
                hint="correct the name, or set the directory of the element with --elements-path",
            )
    return directories


def fetched(recipe: Recipe, request: model.BuildRequest) -> dict[str, str]:
    """Return what the sources of a build are at, by their names: a commit or a SHA-256.

    Raises:
        errors.RetrofitError: As :func:`collect`.
    """
    with tempfile.TemporaryDirectory(prefix="retrofit-elements-") as place:
        own = pathlib.Path(place, _INLINE)
        inline.write(request.changes, own)
        theirs = _operators_elements(recipe, request, _directories(recipe, request, own))
        return fetching.told(_sources(recipe, request, theirs), request)


def names(elements_root: pathlib.Path) -> tuple[str, ...]:
    """Return the name of the element for fetched sources, if there are any."""
    return (fetching.NAME,) if (elements_root / fetching.DIRECTORY).is_dir() else ()


def _check(
    recipe: Recipe, request: model.BuildRequest, directories: Sequence[pathlib.Path]
) -> tuple[repositories.Repository, ...]:
    """Check the elements that apply for an operator, and return the sources that they need."""
    operators = _operators_elements(recipe, request, directories)
    found = _sources(recipe, request, operators)
    applied = _applied(recipe, request, directories)
    unread.check(
        operators,
        applied,
        recipe.environment,
        dict(request.environment),
        found,
        _BUILDER / ELEMENTS,
    )
    return found


def _sources(
    recipe: Recipe, request: model.BuildRequest, operators: Sequence[dependencies.Element]
) -> tuple[repositories.Repository, ...]:
    variables = {**recipe.environment, **dict(request.environment)}
    if variables.get(_NO_SOURCES):
        return ()
    return repositories.find(operators, variables)


def _operators_elements(
    recipe: Recipe, request: model.BuildRequest, directories: Sequence[pathlib.Path]
) -> list[dependencies.Element]:
    """Return the elements that apply for an operator, and not by the recipe alone."""
    recipes = {
        one
        for names in recipe.elements.values()
        for one in dependencies.expand(names, directories)
    }
    applied = _applied(recipe, request, directories)
    return [
        one for one in applied if one not in recipes or one.path.parent in request.elements_paths
    ]


def _applied(
    recipe: Recipe, request: model.BuildRequest, directories: Sequence[pathlib.Path]
) -> list[dependencies.Element]:
    """Return the elements that a build applies, for whichever distribution, sorted by name."""
    return sorted(
        {
            element
            for names in recipe.elements.values()
            for element in dependencies.expand(
                [*names, *request.elements, *inline.names(request.changes)], directories
            )
        }
    )


def _operators(path: pathlib.Path) -> pathlib.Path:
    """Check a directory of an operator's elements."""
    if not path.is_dir():
        raise errors.InputMissing(
            f"the directory of elements {path} does not exist",
            hint="set --elements-path to a directory that contains elements",
        )
    return path


def _copy_elements(source: pathlib.Path, into: pathlib.Path) -> None:
    """Copy the elements in a directory; links inside an element are part of its content."""
    into.mkdir()
    for element in sorted(source.iterdir()):
        if element.is_dir() and element.name not in (*_PASSED_OVER, ".git"):
            ignored = shutil.ignore_patterns(*_PASSED_OVER)
            shutil.copytree(element, into / element.name, symlinks=True, ignore=ignored)


def _copy_support(into: pathlib.Path) -> None:
    """Copy the pure Python that diskimage-builder's extra-data scripts import."""
    package = into / "diskimage_builder"
    package.mkdir(parents=True)
    for name in ("__init__.py", "logging_config.py"):
        shutil.copy2(_BUILDER / name, package / name)
    (into / "yaml").mkdir()
    for entry in importlib.resources.files(yaml).iterdir():
        if entry.name.endswith(".py"):
            (into / "yaml" / entry.name).write_bytes(entry.read_bytes())


def _open_to_all(root: pathlib.Path) -> None:
    """Let the workshop read everything: there the files belong to somebody else."""
    for _, entry in trees.walk(root):
        if entry.is_symlink():
            continue
        mode = stat.S_IMODE(entry.stat().st_mode)
        os.chmod(entry, mode | (0o055 if entry.is_dir() else 0o044 | (mode & 0o100 and 0o011)))
    root.chmod(0o755)
