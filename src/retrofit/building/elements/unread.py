"""What an element has that a build does not use: refused or reported before anything is built.

diskimage-builder's format has parts for building a system from nothing. A build changes a system
that exists, so nothing in these parts runs.
"""

from __future__ import annotations

import logging
import os
import pathlib
from collections.abc import Iterable, Iterator

from ... import errors
from . import dependencies, hooks

_LOG = logging.getLogger(__name__)

_REPOSITORIES = "source-repository-*"
_OF_NEW_SYSTEMS = "the base image is a system already"
_OUTSIDE = "it runs on the build machine, outside of the image"
_NOT_RUN = {
    "block-device.d": "the base image has its partitions already",
    "cleanup.d": _OUTSIDE,
    "post-root.d": _OF_NEW_SYSTEMS,
    "pre-finalise.d": _OUTSIDE,
    "root.d": _OF_NEW_SYSTEMS,
}
_DOCUMENTS = ("README", "README.md", "README.rst")


def check(elements: Iterable[dependencies.Element]) -> None:
    """Refuse elements that cannot work, and log a warning for each part that is not used.

    Args:
        elements: Those that an operator names, and what they need beyond the recipe's.

    Raises:
        errors.ConfigError: An element has a source repository.
    """
    for element in elements:
        for file in sorted(element.path.glob(_REPOSITORIES)):
            raise errors.ConfigError(
                f"the element {element.name} has {file.name}, and a build fetches no source"
                " repositories",
                hint="put the source into the element, or fetch it in a script of install.d",
            )
        for part, reason in _parts(element.path):
            _LOG.warning("the element %s: %s is not used: %s", element.name, part, reason)


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
