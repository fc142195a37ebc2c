"""What an element has that a build does not use: reported before anything is built.

diskimage-builder's format has parts for building a system from nothing. A build changes a system
that exists, so nothing in these parts runs.
"""

from __future__ import annotations

import logging
import os
import pathlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from . import dependencies, hooks, host_files, removals, repositories

_LOG = logging.getLogger(__name__)

_OF_NEW_SYSTEMS = "the base image is a system already"
_BLOCK_DEVICE = "block-device.d"
_PARTITIONED = "the base image has its partitions already"
# What scripts of phases outside of the image have on a build machine, and not in the image.
_OF_BUILD_MACHINES = re.compile(
    r"\b(DIB_IMAGE_CACHE|IMAGE_BLOCK_DEVICE\w*|IMAGE_NAME|TMP_(BUILD_DIR|IMAGE_DIR|IMAGE_PATH))\b"
)
_LAYOUT = "the base image has its partitions and file systems already"
_OPTION = "it is for programs of diskimage-builder that do not run"
# Of diskimage-builder's variables those that mean nothing to a build, by patterns of their names.
_VARIABLES = {
    "DIB_(BLOCK_DEVICE(_CONFIG)?|EXTLINUX|(BOOT|EFI|ROOT)_LABEL|JOURNAL_SIZE)|FS_TYPE": _LAYOUT,
    "DIB_IMAGE_(EXTRA_)?SIZE": f"{_LAYOUT}; the option root-size sets it",
    "DIB_(CLOUD_IMAGES|LOCAL_IMAGE|CLOUD_IMAGE_.*)|BASE_IMAGE_(FILE|TAR)": _OF_NEW_SYSTEMS,
    "DIB_(DEBOOTSTRAP_.*|DEBIAN_COMPONENTS.*|UBUNTU_.*)": _OF_NEW_SYSTEMS,
    "DIB_(DISTRIBUTION_MIRROR.*|YUM_REPO_CONF)|BASE_OS_MIRROR": (
        "the option mirror sets the archive"
    ),
    "DIB_(CHECKSUM|IMAGE_CACHE|MIN_TMPFS|NO_TMPFS|SHOW_IMAGE_USAGE)|break": _OPTION,
}
_DOCUMENTS = ("README", "README.md", "README.rst")


def check(
    elements: Sequence[dependencies.Element],
    applied: Iterable[dependencies.Element],
    recipes: Mapping[str, str],
    variables: Mapping[str, str],
    found: Iterable[repositories.Repository],
    builders: pathlib.Path,
) -> None:
    """Log a warning for each part of elements, and each variable, that is not used.

    Args:
        elements: Those that an operator names, and what they need beyond the recipe's.
        applied: All that are applied.
        recipes: Variables of the recipe.
        variables: Those of the operator.
        found: The sources that are fetched.
        builders: Directory of diskimage-builder's own elements.
    """
    for element in elements:
        for part, reason in _parts(element.path, own=element.path.parent == builders):
            _LOG.warning("the element %s: %s is not used: %s", element.name, part, reason)
        for part, variable in _outside(element.path, builders):
            _LOG.warning(
                "the element %s: %s runs in the image, where %s means nothing",
                *(element.name, part, variable),
            )
    named = host_files.named(elements, variables)
    for name, script, reason in host_files.unread(elements, named):
        _LOG.warning("the element %s: %s finds no file: %s", name, script, reason)
    operators = {one.name for one in elements}
    for removal, other in removals.overruled(applied, {**recipes, **variables}):
        if removal.element in operators:
            _LOG.warning(
                "the element %s: %s is not removed: the element %s installs it",
                removal.element,
                removal.package,
                other.element,
            )
    for name in sorted(variables):
        for pattern, reason in _VARIABLES.items():
            if re.fullmatch(pattern, name):
                _LOG.warning("the variable %s is not used: %s", name, reason)
    overrides = {f"{prefix}{one.key}" for one in found for prefix in repositories.OVERRIDES}
    for name in sorted(variables.keys() - overrides):
        if name.startswith(repositories.OVERRIDES):
            _LOG.warning("the variable %s is not used: no element fetches this source", name)


def _outside(element: pathlib.Path, builders: pathlib.Path) -> Iterator[tuple[str, str]]:
    """Yield scripts that are for a build machine, with the variable that shows it."""
    if element.parent == builders:
        return
    for phase in hooks.OUTSIDE:
        for file in _files(element / phase):
            variable = _OF_BUILD_MACHINES.search(file.read_text(errors="replace"))
            if variable:
                yield f"{phase}/{file.name}", variable[0]


def _parts(element: pathlib.Path, *, own: bool) -> Iterator[tuple[str, str]]:
    """Yield the parts of an element that are not used, with the reason.

    Args:
        element: The element.
        own: Whether it is diskimage-builder's own.
    """
    for file in _files(element / _BLOCK_DEVICE):
        yield f"{_BLOCK_DEVICE}/{file.name}", _PARTITIONED
    for phase in hooks.PHASES:
        for file in _files(element / phase):
            if own and phase in hooks.OUTSIDE:
                yield f"{phase}/{file.name}", _OF_NEW_SYSTEMS
            elif not hooks.SCRIPT_NAME.fullmatch(file.name):
                yield f"{phase}/{file.name}", "names of scripts have letters, digits, - and _ only"
            elif not os.access(file, os.X_OK):
                yield f"{phase}/{file.name}", "it is not executable"


def _files(directory: pathlib.Path) -> list[pathlib.Path]:
    if not directory.is_dir():
        return []
    found = (path for path in sorted(directory.iterdir()) if path.is_file())
    return [path for path in found if path.name not in _DOCUMENTS]
