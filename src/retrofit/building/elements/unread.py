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
_OUTSIDE = "it runs on the build machine, outside of the image"
_NOT_RUN = {
    "block-device.d": "the base image has its partitions already",
    "cleanup.d": _OUTSIDE,
    "post-root.d": _OF_NEW_SYSTEMS,
    "pre-finalise.d": _OUTSIDE,
    "root.d": _OF_NEW_SYSTEMS,
}
_LAYOUT = "the base image has its partitions and file systems already"
_OPTION = "it is for programs of diskimage-builder that do not run"
# Of diskimage-builder's variables those that mean nothing to a build, by patterns of their names.
_VARIABLES = {
    "DIB_(BLOCK_DEVICE(_CONFIG)?|EXTLINUX|(BOOT|EFI|ROOT)_LABEL|JOURNAL_SIZE)|FS_TYPE": _LAYOUT,
    "DIB_IMAGE_(EXTRA_)?SIZE": f"{_LAYOUT}; the option root-size sets it",
    "DIB_(CLOUD_IMAGES|LOCAL_IMAGE|CLOUD_IMAGE_.*)|BASE_IMAGE_(FILE|TAR)": _OF_NEW_SYSTEMS,
    "DIB_(DEBOOTSTRAP_.*|DEBIAN_COMPONENTS.*|UBUNTU_.*)": _OF_NEW_SYSTEMS,
    "DIB_DISTRIBUTION_MIRROR.*|BASE_OS_MIRROR": "the option mirror sets the archive",
    "DIB_(CHECKSUM|IMAGE_CACHE|MIN_TMPFS|NO_TMPFS|SHOW_IMAGE_USAGE)|break": _OPTION,
}
_DOCUMENTS = ("README", "README.md", "README.rst")


def check(
    elements: Sequence[dependencies.Element],
    applied: Iterable[dependencies.Element],
    recipes: Mapping[str, str],
    variables: Mapping[str, str],
    found: Iterable[repositories.Repository],
) -> None:
    """Log a warning for each part of elements, and each variable, that is not used.

    Args:
        elements: Those that an operator names, and what they need beyond the recipe's.
        applied: All that are applied.
        recipes: Variables of the recipe.
        variables: Those of the operator.
        found: The sources that are fetched.
    """
    for element in elements:
        for part, reason in _parts(element.path):
            _LOG.warning("the element %s: %s is not used: %s", element.name, part, reason)
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


def _parts(element: pathlib.Path) -> Iterator[tuple[str, str]]:
    """Yield the parts of an element that are not used, with the reason."""
    for phase, reason in _NOT_RUN.items():
        for file in _files(element / phase):
            yield f"{phase}/{file.name}", reason
    for phase in hooks.PHASES:
        for file in _files(element / phase):
            if not hooks.SCRIPT_NAME.fullmatch(file.name):
                yield f"{phase}/{file.name}", "names of scripts have letters, digits, - and _ only"
            elif not os.access(file, os.X_OK):
                yield f"{phase}/{file.name}", "it is not executable"


def _files(directory: pathlib.Path) -> list[pathlib.Path]:
    if not directory.is_dir():
        return []
    found = (path for path in sorted(directory.iterdir()) if path.is_file())
    return [path for path in found if path.name not in _DOCUMENTS]
